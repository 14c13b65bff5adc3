//! Drafts → files: one for each service, with names that are unique and fit, and with nothing that validation refuses.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Sources, Span};
use crate::units::Name;

use super::super::raw::{Entry, Node};
use super::super::read::{Reader, quoted};
use super::super::source::MAX_BYTES;
use super::super::{load_text, raw, validate};
use super::draft::Draft;
use super::tree::{entry, list, mapping, same, scalar};
use super::{Options, SloFile, is_error, names, print};

/// The SLO files of drafts, in the order in which their services come.
pub(super) fn files(reader: &mut Reader, drafts: &[Draft], options: &Options, sources: &Sources) -> Vec<SloFile> {
    let mut services = Services::default();
    for draft in drafts {
        services.add(reader, draft, options);
    }
    let mut found = Vec::new();
    for service in services.list {
        match service.file(sources) {
            Ok(Some(file)) => found.push(file),
            Ok(None) => {}
            Err(problem) => reader.report(*problem),
        }
    }
    found
}

/// The services that came so far.
#[derive(Default)]
struct Services<'a> {
    list: Vec<Service<'a>>,
    /// The name of each service here, by its name there.
    names: BTreeMap<String, String>,
    taken: names::Taken,
}

/// A service with its SLOs.
struct Service<'a> {
    name: String,
    slos: Vec<Named<'a>>,
    taken: names::Taken,
}

/// A draft with its name here.
struct Named<'a> {
    name: String,
    draft: &'a Draft,
}

impl<'a> Services<'a> {
    /// Adds an SLO, if an SLO file can hold it.
    fn add(&mut self, reader: &mut Reader, draft: &'a Draft, options: &Options) {
        let service_name = self.service_name(reader, draft, options);
        if !is_valid(reader, draft, &service_name) {
            return;
        }
        let at = self.list.iter().position(|service| service.name == service_name).unwrap_or_else(|| {
            self.list.push(Service { name: service_name, slos: Vec::new(), taken: names::Taken::default() });
            self.list.len() - 1
        });
        let Some(service) = self.list.get_mut(at) else { return };
        let name = unique(reader, &mut service.taken, draft);
        service.slos.push(Named { name, draft });
    }

    /// The name of a service here. Two that were two services there stay two.
    fn service_name(&mut self, reader: &mut Reader, draft: &Draft, options: &Options) -> String {
        if let Some(service) = &options.service {
            return service.to_string();
        }
        if let Some(known) = self.names.get(&draft.service.text) {
            return known.clone();
        }
        let nearest = names::nearest_name(&draft.service.text, "service");
        let free = self.taken.take(&nearest);
        if free != draft.service.text {
            let why = if free == nearest { "not a name here" } else { "the nearest name is taken" };
            reader.report(names::renamed("the service", &draft.service, &free, why));
        }
        self.names.insert(draft.service.text.clone(), free.clone());
        free
    }
}

/// The name of an SLO here.
fn unique(reader: &mut Reader, taken: &mut names::Taken, draft: &Draft) -> String {
    let nearest = names::nearest_name(&draft.name.text, "slo");
    let free = taken.take(&nearest);
    if free != draft.name.text {
        let why = if free == nearest { "not a name here" } else { "another SLO of the service has this name" };
        reader.report(names::renamed("the SLO", &draft.name, &free, why));
    }
    free
}

/// Whether an SLO file could hold a draft; reports why not, in the places from which it comes.
fn is_valid(reader: &mut Reader, draft: &Draft, service: &str) -> bool {
    let labels = names::merged(&draft.service_labels, &draft.labels);
    let slo = draft.slo("any", labels);
    let span = slo.span;
    let mut entries = head(service, Vec::new(), span);
    entries.push(entry("slos", list(vec![slo], span)));
    let (_, found) = validate::fleet(&[mapping(entries, span)]);
    let errors: Vec<Diagnostic> = found.into_iter().filter(is_error).collect();
    let is_valid = errors.is_empty();
    for error in errors {
        let message = format!("the SLO {} is not imported: {}", quoted(&draft.name.text), error.message);
        reader.report(Diagnostic { message, ..error });
    }
    is_valid
}

/// What a file says before its SLOs.
fn head(service: &str, labels: Vec<Entry>, span: Span) -> Vec<Entry> {
    let mut entries = vec![entry("version", scalar("burndown/v1", span)), entry("service", scalar(service, span))];
    if !labels.is_empty() {
        entries.push(entry("labels", mapping(labels, span)));
    }
    entries
}

impl Service<'_> {
    /// The file of the service; none if it has no SLO.
    fn file(&self, sources: &Sources) -> Result<Option<SloFile>, Box<Diagnostic>> {
        let Some(first) = self.slos.first() else { return Ok(None) };
        let (span, shared) = (first.draft.name.span, self.shared_labels());
        let head = mapping(head(&self.name, shared.clone(), span), span);
        let spans: Vec<Span> = self.slos.iter().map(|slo| slo.draft.name.span).collect();
        let places = sources.places_of(&spans);
        let told = self.slos.iter().zip(places).map(|(slo, place)| (slo.comment(place), slo.tree(&shared)));
        let slos: Vec<(Vec<String>, Node)> = told.collect();
        let comment = ["Imported by burndown. This is the file to edit from now on.".to_owned()];
        for style in print::Style::ALL {
            if let Some(text) = print::file(&comment, &head, &slos, style)
                && reads_as(&text, &head, &slos)
                && let Ok(service) = self.name.parse::<Name>()
            {
                if text.len() as u64 > MAX_BYTES {
                    return Err(Box::new(too_large(&self.name, span)));
                }
                return Ok(Some(SloFile { service, slos: slos.len(), text }));
            }
        }
        let message = format!("the SLOs of the service `{}` cannot be written as YAML", self.name);
        Err(Box::new(Diagnostic::new(Code::ImportRefused, message).at(span, "the first of them")))
    }

    /// Labels that every SLO of the service takes from it.
    fn shared_labels(&self) -> Vec<Entry> {
        let Some((first, rest)) = self.slos.split_first() else { return Vec::new() };
        let has = |slo: &Named<'_>, label: &Entry| {
            slo.draft.service_labels.iter().any(|other| other.key == label.key && same(&other.value, &label.value))
        };
        // The labels of a lone SLO of a tool without services are its own.
        let shared = first.draft.service_labels.iter().filter(|label| rest.iter().all(|slo| has(slo, label)));
        shared.cloned().collect()
    }
}

impl Named<'_> {
    /// Where the SLO comes from, and what its tool calls it.
    fn comment(&self, place: Option<String>) -> Vec<String> {
        let place = place.unwrap_or_default();
        let named = if self.name == self.draft.name.text {
            String::new()
        } else {
            format!(", where it is {}", quoted(&self.draft.name.text))
        };
        let origin = format!("From {place} ({}){named}.", self.draft.format);
        self.draft.remark.iter().cloned().chain([origin]).collect()
    }

    /// The SLO, without the labels that its file sets.
    fn tree(&self, shared: &[Entry]) -> Node {
        let is_shared =
            |label: &&Entry| shared.iter().any(|other| other.key == label.key && same(&other.value, &label.value));
        let labels = names::merged(&self.draft.service_labels, &self.draft.labels);
        self.draft.slo(&self.name, labels.iter().filter(|label| !is_shared(label)).cloned().collect())
    }
}

/// What is said of a service that no SLO file may hold.
fn too_large(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::FileTooLarge, format!("the file of the service `{name}` would be larger than 1 MiB"))
        .at(span, "the first of its SLOs")
        .help("import its files one after another: several SLO files may hold one service")
}

/// Whether a text is a good SLO file, and says what the trees say, word for word.
fn reads_as(text: &str, head: &Node, slos: &[(Vec<String>, Node)]) -> bool {
    let loaded = load_text("imported", text);
    let Some((id, _)) = loaded.sources.iter().next() else { return false };
    let Some(tree) = raw::parse(id, text, &mut Vec::new()) else { return false };
    let super::Value::Map(entries) = &head.value else { return false };
    let nodes = slos.iter().map(|(_, slo)| slo.clone()).collect();
    let wanted = mapping(entries.iter().cloned().chain([entry("slos", list(nodes, head.span))]).collect(), head.span);
    !loaded.has_errors() && same(&tree, &wanted)
}
