//! Names across all files of a run: each is unique in its service, and a probe that an SLI names exists.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Span};
use crate::units::{Duration, Name};

use super::super::read::{Reader, listed, nearest, quoted};

/// What a name stands for; a probe and an SLO may share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Probe,
    Slo,
    Change,
    Maintenance,
}

impl Kind {
    const fn noun(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Slo => "SLO",
            Self::Change => "change",
            Self::Maintenance => "maintenance",
        }
    }
}

/// How many probes an error lists, and how many it looks at for a typing error.
const MAX_LISTED: usize = 20;

/// A service, or nothing for files whose service could not be read: these only know each other.
type ServiceKey = Option<Name>;

/// A probe as SLIs refer to it.
struct KnownProbe {
    span: Span,
    /// Nothing if it could not be read, which has been reported.
    interval: Option<Duration>,
    is_used: bool,
}

/// Every name of every file.
#[derive(Default)]
pub(super) struct Catalog {
    taken: BTreeMap<(Kind, ServiceKey, Name), Span>,
    probes: BTreeMap<ServiceKey, BTreeMap<Name, KnownProbe>>,
    working_hours: BTreeMap<Name, Span>,
    uplinks: BTreeMap<Name, Span>,
}

impl Catalog {
    /// Takes a name, or reports that it is taken.
    pub(super) fn claim(&mut self, reader: &mut Reader, kind: Kind, service: Option<&Name>, name: &Name, span: Span) {
        let key = (kind, service.cloned(), name.clone());
        let Some(first) = self.taken.get(&key) else {
            self.taken.insert(key, span);
            return;
        };
        let noun = kind.noun();
        let message = match service {
            Some(service) => format!("the service `{service}` has two {noun}s named `{name}`"),
            None => format!("there are two {noun}s named `{name}`"),
        };
        reader.report(
            Diagnostic::new(Code::DuplicateName, message)
                .at(span, "again here")
                .also(*first, "first here")
                .help(format!("give each {noun} of a service a name of its own, across all its files")),
        );
    }

    /// Takes the name of a probe and remembers how often it runs.
    pub(super) fn claim_probe(
        &mut self,
        reader: &mut Reader,
        service: Option<&Name>,
        name: &Name,
        span: Span,
        interval: Option<Duration>,
    ) {
        self.claim(reader, Kind::Probe, service, name, span);
        let probe = KnownProbe { span, interval, is_used: false };
        self.probes.entry(service.cloned()).or_default().entry(name.clone()).or_insert(probe);
    }

    /// The interval of a probe that an SLI names, or nothing with the reason reported.
    pub(super) fn use_probe(
        &mut self,
        reader: &mut Reader,
        service: Option<&Name>,
        name: &Name,
        span: Span,
    ) -> Option<Duration> {
        let probes = self.probes.entry(service.cloned()).or_default();
        if let Some(probe) = probes.get_mut(name) {
            probe.is_used = true;
            return probe.interval;
        }
        let known: Vec<&str> = probes.keys().take(MAX_LISTED).map(Name::as_str).collect();
        let is_cut = probes.len() > MAX_LISTED;
        let mut problem = Diagnostic::new(Code::UnknownProbe, format!("there is no probe {}", quoted(name.as_str())))
            .at(span, "unknown probe");
        if let Some(near) = nearest(name.as_str(), &known) {
            problem = problem.help(format!("did you mean `{near}`?"));
        }
        problem = match known.as_slice() {
            [] => problem.help("the service has no probes; add one under `probes:`"),
            known => {
                problem.help(format!("probes of the service: {}{}", listed(known), if is_cut { ", …" } else { "" }))
            }
        };
        reader.report(problem);
        None
    }

    /// Takes the working hours of a service, or reports that another file has set them.
    pub(super) fn claim_working_hours(&mut self, reader: &mut Reader, service: Option<&Name>, span: Span) {
        let Some(service) = service else { return };
        let Some(first) = self.working_hours.get(service) else {
            self.working_hours.insert(service.clone(), span);
            return;
        };
        reader.report(
            Diagnostic::new(
                Code::DuplicateWorkingHours,
                format!("the working hours of the service `{service}` are set twice"),
            )
            .at(span, "again here")
            .also(*first, "first here")
            .help("keep them in one of its files"),
        );
    }

    /// Takes the uplink of a service, or reports that another file has set it.
    pub(super) fn claim_uplink(&mut self, reader: &mut Reader, service: Option<&Name>, span: Span) {
        let Some(service) = service else { return };
        let Some(first) = self.uplinks.get(service) else {
            self.uplinks.insert(service.clone(), span);
            return;
        };
        let message = format!("the uplink of the service `{service}` is set twice");
        let problem = Diagnostic::new(Code::DuplicateUplink, message).at(span, "again here");
        reader.report(problem.also(*first, "first here").help("keep it in one of its files, with all its targets"));
    }

    /// Reports each probe that no SLI names, unless errors may be the reason.
    pub(super) fn report_unused(&self, reader: &mut Reader) {
        if !reader.problems.is_empty() {
            return;
        }
        for (name, probe) in self.probes.values().flatten().filter(|(_, probe)| !probe.is_used) {
            let message = format!("no SLO uses the probe `{name}`");
            let help = format!("write an SLO with `sli: {{probe: {name}}}`, or remove the probe");
            reader.report(Diagnostic::new(Code::UnusedProbe, message).at(probe.span, "never counted").help(help));
        }
    }
}
