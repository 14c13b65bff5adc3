//! The rules as objects for the Prometheus operator: a `PrometheusRule` per service with both tiers in it, or several
//! where one would be too large.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use super::yaml::{self, Group, RuleFile};
use super::{Artifact, Error, Kind, rules};
use crate::slo::Plan;
use crate::units::Name;

/// The longest value of a label, and the longest name of one, in characters.
const LABEL_LENGTH: usize = 63;

/// The longest prefix of a label's name, in characters.
const PREFIX_LENGTH: usize = 253;

/// The most bytes of groups in one object. The operator refuses one whose rules take more than 512 KiB, and adds a matcher to
/// every selector where a namespace is enforced.
const LARGEST: usize = 384 * 1024;

/// A label of Kubernetes objects, by which a selector finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectLabel {
    key: String,
    value: String,
}

/// Why a text is not a label of Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectLabelError {
    /// No `=` in it.
    #[error("write it as `KEY=VALUE`")]
    NoValue,
    /// The part before the `=`.
    #[error("`{0}` is no key of a Kubernetes label: letters, digits, `-`, `_` and `.`, perhaps after `example.com/`")]
    Key(String),
    /// The part behind it.
    #[error("`{0}` is no value of a Kubernetes label: up to {LABEL_LENGTH} letters, digits, `-`, `_` and `.`")]
    Value(String),
}

impl FromStr for ObjectLabel {
    type Err = ObjectLabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or(ObjectLabelError::NoValue)?;
        let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
        if !is_word(name, LABEL_LENGTH) || !prefix.is_none_or(is_subdomain) {
            return Err(ObjectLabelError::Key(key.to_owned()));
        }
        if !value.is_empty() && !is_word(value, LABEL_LENGTH) {
            return Err(ObjectLabelError::Value(value.to_owned()));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// Whether a text is of letters, digits, `-`, `_` and `.` between a letter or digit and another.
fn is_word(text: &str, longest: usize) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let fits = |c: char| ends(c) || matches!(c, '-' | '_' | '.');
    text.len() <= longest && text.starts_with(ends) && text.ends_with(ends) && text.chars().all(fits)
}

/// Whether a text is a domain in lower case.
fn is_subdomain(text: &str) -> bool {
    let lower = |c: char| !c.is_ascii_uppercase() && c != '_';
    text.len() <= PREFIX_LENGTH && text.split('.').all(|part| is_word(part, LABEL_LENGTH) && part.chars().all(lower))
}

/// A `PrometheusRule` object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrometheusRule {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: RuleFile,
}

/// Who an object is.
#[derive(Debug, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

/// The objects for every service that has SLOs.
pub(super) fn artifacts(plan: &Plan, labels: &[ObjectLabel]) -> Result<Vec<Artifact>, Error> {
    let labels: BTreeMap<_, _> = labels.iter().map(|label| (label.key.clone(), label.value.clone())).collect();
    let mut taken: BTreeMap<String, &Name> = BTreeMap::new();
    let mut artifacts = Vec::new();
    for (service, slos) in plan.services.iter().filter(|(_, slos)| !slos.is_empty()) {
        let name = object_name(service);
        if let Some(one) = taken.insert(name.clone(), service) {
            return Err(Error::SameObject { object: name, one: one.clone(), other: service.clone() });
        }
        let groups = rules::both_tiers(service, &slos.values().collect::<Vec<_>>()).groups;
        for (number, groups) in parts(groups)?.into_iter().enumerate() {
            // No name of a service has a `.` in it.
            let part = if number == 0 { String::new() } else { format!(".{}", number + 1) };
            let object = PrometheusRule {
                api_version: "monitoring.coreos.com/v1",
                kind: "PrometheusRule",
                metadata: Metadata { name: format!("{name}{part}"), labels: labels.clone() },
                spec: RuleFile { groups },
            };
            let path = PathBuf::from(Kind::Operator.directory()).join(format!("{service}{part}.yaml"));
            artifacts.push(Artifact { path, text: yaml::print(&object)? });
        }
    }
    Ok(artifacts)
}

/// Groups in their order, cut so that each part fits into an object. The rules of a group read each other in their order and
/// stay together.
fn parts(groups: Vec<Group>) -> Result<Vec<Vec<Group>>, Error> {
    let mut parts: Vec<Vec<Group>> = Vec::new();
    let mut room = 0;
    for group in groups {
        let size = yaml::print(&group)?.len();
        match parts.last_mut() {
            Some(part) if size <= room => {
                room -= size;
                part.push(group);
            }
            _ => {
                room = LARGEST.saturating_sub(size);
                parts.push(vec![group]);
            }
        }
    }
    Ok(parts)
}

/// A service's name as RFC 1123 wants it: lower case, no `_`, ending with a letter or digit.
fn object_name(service: &Name) -> String {
    let lower = service.as_str().to_ascii_lowercase().replace('_', "-");
    format!("burndown-{}", lower.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names_are_those_of_kubernetes() {
        for (service, name) in [("tracker", "burndown-tracker"), ("My_App", "burndown-my-app"), ("a-_", "burndown-a")] {
            assert_eq!(object_name(&service.parse().expect(service)), name);
        }
    }

    #[test]
    fn object_labels_are_those_of_kubernetes() {
        for fine in ["release=prometheus", "app.kubernetes.io/part-of=Shop_1.x", "empty="] {
            assert!(fine.parse::<ObjectLabel>().is_ok(), "{fine}");
        }
        let long = format!("a={}", "x".repeat(64));
        for bad in ["release", "=x", "-a=x", "a=x y", "a=-x", "A.com/a=x", "a..b/c=x", "/a=x", "a/b/c=x", &long] {
            assert!(bad.parse::<ObjectLabel>().is_err(), "{bad}");
        }
    }
}
