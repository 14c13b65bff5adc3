//! That a question means no SLO, in words that help. It asks nothing by itself.

use std::fmt;

use super::Standings;
use crate::diag;
use crate::units::Name;

/// No SLO is meant by a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NoSuchSlo {
    /// What was asked for.
    what: String,
    /// What may have been meant.
    near: Option<String>,
}

impl fmt::Display for NoSuchSlo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {}", self.what)?;
        self.near.as_ref().map_or(Ok(()), |near| write!(f, "; did you mean `{near}`?"))
    }
}

impl Standings {
    /// Why no SLO is meant by a question that names a service, an SLO, or both.
    #[must_use]
    pub fn no_such(&self, service: Option<&Name>, slo: Option<&Name>) -> NoSuchSlo {
        let slos = || self.plans().iter().map(|plan| &plan.slo);
        let near = |text: &Name, known: Vec<&str>| diag::nearest(text.as_str(), &known).map(str::to_owned);
        match (service, slo) {
            (Some(service), _) if slos().all(|slo| slo.service != *service) => {
                let known = slos().map(|slo| slo.service.as_str()).collect();
                NoSuchSlo { what: format!("service `{service}`"), near: near(service, known) }
            }
            (service, Some(name)) => {
                let of_service = slos().filter(|slo| service.is_none_or(|service| slo.service == *service));
                let place = service.map(|service| format!(" of the service `{service}`")).unwrap_or_default();
                let known = of_service.map(|slo| slo.name.as_str()).collect();
                NoSuchSlo { what: format!("SLO `{name}`{place}"), near: near(name, known) }
            }
            _ => NoSuchSlo { what: "SLO at all".to_owned(), near: None },
        }
    }
}
