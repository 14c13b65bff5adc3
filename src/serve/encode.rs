//! Writing one metric family with `prometheus-client`'s encoder.
//!
//! The encoder wants names without `_total` and adds it itself.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, LabelSetEncoder, MetricEncoder,
};
use prometheus_client::metrics::MetricType;

/// Labels as name and value.
pub(super) type Pairs<'a> = [(&'a str, &'a str)];

/// A set of labels, some of them shared by many series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    /// Labels that many series have.
    pub(super) common: &'a Pairs<'a>,
    /// Labels of this series.
    pub(super) own: &'a Pairs<'a>,
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.common.encode(encoder)?;
        self.own.encode(encoder)
    }
}

/// Writes the head of a family. `name` is the full name, `_total` included.
pub(super) fn family<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
    kind: MetricType,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    let stem = match kind {
        MetricType::Counter => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    };
    encoder.encode_descriptor(stem, help, None, kind)
}

/// Writes a family of one counter.
pub(super) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    labels: &Pairs<'_>,
    value: f64,
) -> fmt::Result {
    let mut family = family(encoder, name, help, MetricType::Counter)?;
    if labels.is_empty() {
        return family.encode_counter::<[(&str, &str); 0], _, f64>(&value, None);
    }
    counter_value(&mut family, Labels { common: labels, own: &[] }, value)
}

/// Writes a family of one gauge.
pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    labels: &Pairs<'_>,
    value: f64,
) -> fmt::Result {
    let mut family = family(encoder, name, help, MetricType::Gauge)?;
    if labels.is_empty() {
        return family.encode_gauge(&value);
    }
    gauge_value(&mut family, Labels { common: labels, own: &[] }, value)
}

/// Writes one counter of a family.
pub(super) fn counter_value(
    family: &mut MetricEncoder<'_>,
    labels: Labels<'_>,
    value: impl EncodeCounterValue,
) -> fmt::Result {
    family.encode_family(&labels)?.encode_counter::<[(&str, &str); 0], _, f64>(&value, None)
}

/// Writes one gauge of a family.
pub(super) fn gauge_value(
    family: &mut MetricEncoder<'_>,
    labels: Labels<'_>,
    value: impl EncodeGaugeValue,
) -> fmt::Result {
    family.encode_family(&labels)?.encode_gauge(&value)
}
