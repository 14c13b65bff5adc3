//! The stable codes of all diagnostics, each with its level and an explanation for the reference.

use super::Level;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $level:ident;)+) => {
        /// The stable code of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as people and programs see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How serious a diagnostic of this code is.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)+ }
            }

            /// Why the code exists, for the reference.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// A path that was given cannot be read: it does not exist, or permission is denied.
    FileUnreadable = "file-unreadable", Error;
    /// A directory that was given holds no `*.yaml` and no `*.yml` file.
    NoSloFile = "no-slo-file", Error;
    /// The file is larger than 1 MiB, which no SLO file is, and was not read.
    FileTooLarge = "file-too-large", Error;
    /// The file is not UTF-8 text.
    NotUtf8 = "not-utf8", Error;
    /// The file has no content besides comments.
    EmptyFile = "empty-file", Error;
    /// The text breaks the grammar of YAML, and nothing after that place was read.
    InvalidYaml = "invalid-yaml", Error;
    /// A file holds one YAML document; a `---` starts a second one.
    SeveralDocuments = "several-documents", Error;
    /// The file is nested more deeply, or unfolds to more values, than any SLO file; an alias bomb does.
    TooComplex = "too-complex", Error;
    /// A feature of YAML that SLO files do not use: tags, merge keys, keys that are lists or mappings.
    YamlFeature = "yaml-feature", Error;
    /// A key stands twice in one mapping, so that one of its values would be lost.
    DuplicateKey = "duplicate-key", Error;
    /// A key that means nothing at its place, usually a typing error.
    UnknownKey = "unknown-key", Error;
    /// A key without which its mapping has no meaning.
    MissingKey = "missing-key", Error;
    /// A key with no value, or an empty list where at least one element is needed.
    EmptyValue = "empty-value", Error;
    /// A list where a mapping is wanted, a text where a list is wanted, and the like.
    WrongType = "wrong-type", Error;
    /// Several keys of which exactly one may be given, such as the kinds of an SLI.
    OneOf = "one-of", Error;
    /// A word that is not among those its key accepts.
    UnknownValue = "unknown-value", Error;
    /// A number that is malformed or out of range.
    InvalidNumber = "invalid-number", Error;
    /// A name that is malformed: names become labels, file names and rule groups.
    InvalidName = "invalid-name", Error;
    /// A name that is already taken in the same service.
    DuplicateName = "duplicate-name", Error;
    /// A duration that is malformed, has no unit, or is out of range.
    InvalidDuration = "invalid-duration", Error;
    /// A share such as `25%` that is malformed or out of range.
    InvalidShare = "invalid-share", Error;
    /// A size such as `1MiB` that is malformed or out of range.
    InvalidSize = "invalid-size", Error;
    /// An objective that is no percentage strictly between 0 and 100.
    InvalidObjective = "invalid-objective", Error;
    /// A window outside of one hour to 90 days, or one that 5-minute sums do not fill.
    InvalidWindow = "invalid-window", Error;
    /// A label name or value that Prometheus would refuse.
    InvalidLabel = "invalid-label", Error;
    /// A label that the generated rules set themselves.
    ReservedLabel = "reserved-label", Error;
    /// A label that is set for all groups of an SLO and also tells its groups apart, which would merge them.
    LabelConflict = "label-conflict", Error;
    /// A timeout longer than what it stands in: the interval of its probe, or the timeout of its journey.
    TimeoutTooLong = "timeout-too-long", Error;
    /// A `within` longer than the timeout, which would never be the reason of a failure.
    WithinTooLong = "within-too-long", Error;
    /// A URL that cannot be probed.
    InvalidUrl = "invalid-url", Error;
    /// A conversation of which a step cannot be done.
    InvalidExchange = "invalid-exchange", Error;
    /// A host, or a host with its port, that cannot be probed.
    InvalidTarget = "invalid-target", Error;
    /// The uplink of a service, set in two of its files.
    DuplicateUplink = "duplicate-uplink", Error;
    /// A request header that cannot be sent.
    InvalidHeader = "invalid-header", Error;
    /// TLS settings that contradict each other or name something that no certificate holds.
    InvalidTls = "invalid-tls", Error;
    /// A secret in the file itself; files are read by many people and end up in version control.
    PlainSecret = "plain-secret", Error;
    /// An expected status that is no status code, range of codes, or class such as `2xx`.
    InvalidStatus = "invalid-status", Error;
    /// A command, or a variable of its environment, that cannot be run or set.
    InvalidCommand = "invalid-command", Error;
    /// An expectation that no answer could meet, or that says nothing.
    InvalidExpectation = "invalid-expectation", Error;
    /// A regular expression that cannot be compiled, or a JSON pointer that is none.
    InvalidPattern = "invalid-pattern", Error;
    /// A capture that could never hold anything, or stands where a captured value must not decide.
    InvalidCapture = "invalid-capture", Error;
    /// `${…}` that names nothing which is known at its place.
    UnknownCapture = "unknown-capture", Error;
    /// A capture that no later step uses.
    UnusedCapture = "unused-capture", Warning;
    /// An SLI that names a probe which its service does not have.
    UnknownProbe = "unknown-probe", Error;
    /// PromQL that Prometheus would refuse, or that is not of the wanted kind.
    InvalidPromql = "invalid-promql", Error;
    /// Timing of rules with which sums over windows would not hold every event once.
    InvalidRules = "invalid-rules", Error;
    /// Timeslices that would not tile the windows, or of an SLI that has none.
    InvalidTimeslices = "invalid-timeslices", Error;
    /// An annotation that Prometheus would refuse or fail to expand as a template.
    InvalidTemplate = "invalid-template", Error;
    /// An alert of the whole service that is set for one SLO, or by several files.
    ServiceAlert = "service-alert", Error;
    /// A window pair of `alerting.windows` that could not work.
    InvalidPair = "invalid-pair", Error;
    /// A planned change whose downtime is longer than the change.
    InvalidChange = "invalid-change", Error;
    /// Working hours that hold no time, or a day or zone that does not exist.
    InvalidWorkingHours = "invalid-working-hours", Error;
    /// Working hours that are set in several files of one service.
    DuplicateWorkingHours = "duplicate-working-hours", Error;
    /// Planned maintenance that holds no time, or is in no time zone.
    InvalidMaintenance = "invalid-maintenance", Error;
    /// Planned maintenance of an SLO which its service does not have.
    UnknownSlo = "unknown-slo", Error;
    /// One file has more errors than anybody reads at once; the first are shown.
    TooManyErrors = "too-many-errors", Error;
    /// A probe that runs and feeds no SLO.
    UnusedProbe = "unused-probe", Warning;
    /// No page pair of the SLO can fire, so nobody would be called.
    NoPagePair = "no-page-pair", Error;
    /// `resume_at` is more than the whole budget, so a closed gate would never open.
    ResumeBeyondBudget = "resume-beyond-budget", Error;
    /// `resume_at` is below `close_at`, so the gate would flap.
    ResumeBelowClose = "resume-below-close", Error;
    /// Files of one service that disagree on `rules`: its rules share one evaluation interval, delay and look-back.
    RulesDisagree = "rules-disagree", Error;
    /// A window holds more evaluations than a rule should read and promtool can prove.
    TooManyEvaluations = "too-many-evaluations", Error;
    /// A window pair was dropped because its short window would reach its long one.
    PairDropped = "pair-dropped", Warning;
    /// A short window was raised to hold three evaluations or probe runs.
    ShortWindowRaised = "short-window-raised", Note;
    /// A burn-rate factor was lowered because it could never be reached at this objective.
    FactorLowered = "factor-lowered", Note;
    /// A single failed run would raise an alert.
    SingleFailureAlerts = "single-failure-alerts", Warning;
    /// The total of a query has a value without any data, so that its SLO is never unknown.
    NeverUnknown = "never-unknown", Warning;
    /// The bad events of a query have a value without any data, so that no proof of its SLO can be generated.
    NotProved = "not-proved", Note;
    /// A selector of the file selects nothing on the live Prometheus, usually a typing error.
    SelectorMatchesNothing = "selector-matches-nothing", Warning;
    /// The series of the failures do not exist on the live Prometheus: usual while nothing has failed yet.
    NoFailuresYet = "no-failures-yet", Note;
    /// The histogram exists on the live Prometheus and has no bucket at the threshold, so nothing could be counted.
    BucketMissing = "bucket-missing", Error;
    /// The live Prometheus deletes samples before the window of an SLO has passed.
    RetentionTooShort = "retention-too-short", Error;
    /// The live Prometheus does not say how long it keeps samples.
    RetentionUnknown = "retention-unknown", Note;
    /// Targets are scraped so rarely that the rules would lose events.
    ScrapesTooRare = "scrapes-too-rare", Error;
    /// Targets are scraped so rarely that the shortest window of an SLO holds few scrapes.
    ScrapesCoarse = "scrapes-coarse", Warning;
    /// The live Prometheus does not evaluate the rules of an SLO.
    RulesNotLoaded = "rules-not-loaded", Warning;
    /// The live Prometheus evaluates other rules than this file generates.
    RulesStale = "rules-stale", Warning;
    /// The live Prometheus evaluates a group at another interval, so that its sums hold events twice or not at all.
    RulesInterval = "rules-interval", Error;
    /// The live Prometheus fails to evaluate a rule.
    RulesFailing = "rules-failing", Error;
    /// What evaluating the recording rules of an SLO costs the live Prometheus.
    RulesCost = "rules-cost", Note;
    /// A document that `import` reads in no format that it knows.
    ImportFormat = "import-format", Error;
    /// Something in another tool's file that an SLO file cannot say, so that its SLO was not imported.
    ImportRefused = "import-refused", Error;
    /// Something in another tool's file that means a little else in the SLO file that came of it.
    ImportChanged = "import-changed", Warning;
    /// Something in another tool's file that was left out of the SLO file that came of it.
    ImportLeftOut = "import-left-out", Warning;
    /// A name in another tool's file that SLO files do not allow, or that was taken already.
    ImportRenamed = "import-renamed", Warning;
    /// How something in another tool's file was understood.
    ImportNote = "import-note", Note;
}
