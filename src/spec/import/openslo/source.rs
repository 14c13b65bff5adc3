//! Where an OpenSLO document gets its values from: PromQL, or nothing that can be imported.

use crate::diag::{Code, Diagnostic};

use super::super::super::raw::{Node, Value};
use super::super::super::read::{Fields, Reader, quoted};
use super::super::tree::Placed;
use super::Shared;

/// The PromQL of a metric, with `$window` where the document leaves the range open.
pub(super) fn promql(reader: &mut Reader, node: &Node, shared: &Shared<'_>) -> Option<Placed> {
    let known = ["metricSource", "source", "queryType", "query", "metadata"];
    let fields = reader.foreign(node, "a metric", &known)?;
    match fields.get("metricSource") {
        Some(source) => of_source(reader, source, shared),
        None => {
            is_prometheus(reader, fields.get("source"))?;
            is_promql(reader, &fields)?;
            reader.require(&fields, "query").and_then(|node| super::super::query(reader, node))
        }
    }
}

fn of_source(reader: &mut Reader, node: &Node, shared: &Shared<'_>) -> Option<Placed> {
    let fields = reader.foreign(node, "a metric source", &["metricSourceRef", "type", "spec"])?;
    let referred = fields.get("metricSourceRef");
    let kind = referred.and_then(|node| shared.sources.get(super::super::word_of(Some(node))?).copied());
    match (fields.get("type"), referred, kind) {
        (Some(node), ..) => is_prometheus(reader, Some(node))?,
        (None, Some(node), Some(kind)) => judge(reader, &Placed::new(kind, node.span))?,
        (None, Some(node), None) => {
            let message = "the source is not in these files, and is taken for a Prometheus";
            reader.report(Diagnostic::new(Code::ImportChanged, message).at(node.span, "not found"));
        }
        (None, None, _) => {}
    }
    let spec = reader.require(&fields, "spec")?;
    let fields = reader.foreign(spec, "the query of a source", &["query", "promql", "queryType"])?;
    is_promql(reader, &fields)?;
    let (_, node) = reader.one_of(&fields, &["query", "promql"])?;
    super::super::query(reader, node)
}

fn is_prometheus(reader: &mut Reader, node: Option<&Node>) -> Option<()> {
    let Some(node) = node else { return Some(()) };
    let kind = Placed::new(reader.text(node, "the type of a source")?, node.span);
    judge(reader, &kind)
}

fn judge(reader: &mut Reader, kind: &Placed) -> Option<()> {
    // Those that speak PromQL have its API too.
    let known = ["prometheus", "mimir", "thanos", "cortex", "victoriametrics"];
    if known.contains(&kind.text.to_lowercase().as_str()) {
        return Some(());
    }
    let message = format!("the indicator comes from {}, and not from a Prometheus", quoted(&kind.text));
    let problem = Diagnostic::new(Code::ImportRefused, message).at(kind.span, "no Prometheus");
    reader.report(problem.help("if it is one, write `type: Prometheus` with PromQL as its `query`; otherwise probe the service, or export its counters"));
    None
}

fn is_promql(reader: &mut Reader, fields: &Fields<'_>) -> Option<()> {
    let Some(node) = fields.get("queryType") else { return Some(()) };
    if matches!(&node.value, Value::Scalar(text) if text.eq_ignore_ascii_case("promql")) {
        return Some(());
    }
    let problem = Diagnostic::new(Code::ImportRefused, "the query is not PromQL").at(node.span, "another language");
    reader.report(problem.help("write the query in PromQL, with `queryType: promql`"));
    None
}
