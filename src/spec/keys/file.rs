//! The keys of a file besides those of its probes.

use super::probe::PROBE;
use super::{Key, Mapping, Rule, Shape, Word};

const NAME: Shape = Shape::Word(Word::Name);
const TEXT: Shape = Shape::Word(Word::Text);
const FLAG: Shape = Shape::Word(Word::Flag);
const DURATION: Shape = Shape::Word(Word::Duration);
const POSITIVE: Shape = Shape::Word(Word::PositiveDuration);
const WINDOW: Shape = Shape::Word(Word::Window);
const PROMQL: Shape = Shape::Word(Word::Promql);
const LABELS: Shape = Shape::Keyed(Word::LabelName, &Shape::Word(Word::Filled));
const GROUPS: Shape = Shape::List(&Shape::Word(Word::LabelName));
const SEVERITY: Shape = Shape::Choice(&["page", "ticket"]);
const BUDGETINGS: Shape = Shape::Either(&[Shape::Choice(&["occurrences"]), Shape::Mapping(&BUDGETING)]);

/// A file.
pub static FILE: Mapping = Mapping {
    name: "file",
    about: "One SLO file; several files may share a service",
    keys: &[
        Key::new("version", Shape::Choice(&["burndown/v1"]), "burndown/v1", "The version of this format").required(),
        Key::new(
            "service",
            NAME,
            "shop",
            "Whose promises these are: a label of every series and alert, and the name of the rule files",
        )
        .required(),
        Key::new(
            "labels",
            LABELS,
            "{team: web}",
            "Labels of every alert, and of the series that says what each SLO is",
        ),
        Key::new("window", WINDOW, "7d", "The rolling window of the SLOs that set none").default("30d"),
        Key::new(
            "probes",
            Shape::AnyList(&Shape::Mapping(&PROBE)),
            "[{name: home, interval: 30s, http: {url: 'https://shop.example.com/'}}]",
            "What is probed, and how often",
        ),
        Key::new(
            "slos",
            Shape::AnyList(&Shape::Mapping(&SLO)),
            "[{name: up, objective: 99.9, sli: {ratio: {error: 'job:errors:ratio'}}}]",
            "What is promised",
        ),
        Key::new(
            "gate",
            Shape::Mapping(&GATE),
            "{close_at: 0m, resume_at: 10m}",
            "When deployments stop and go on, for the SLOs that say nothing else",
        ),
        Key::new(
            "rules",
            Shape::Mapping(&RULES),
            "{interval: 15s}",
            "How often, how late and how far back the generated rules look; the same in all files of a service",
        ),
        Key::new(
            "budgeting",
            BUDGETINGS,
            "{timeslices: {slice: 1m, target: 95}}",
            "What the objectives are shares of, for the SLOs that say nothing else",
        )
        .default("occurrences"),
        Key::new(
            "alerting",
            Shape::Mapping(&ALERTING),
            "{min_failures: 3}",
            "How alerts behave and what they carry, for the SLOs that say nothing else",
        ),
        Key::new(
            "changes",
            Shape::AnyList(&Shape::Mapping(&CHANGE)),
            "[{name: upgrade, downtime: 5m, duration: 4h}]",
            "What planned changes cost, for `burndown gate --change`",
        ),
        Key::new(
            "working_hours",
            Shape::Mapping(&WORKING_HOURS),
            "{days: [mon, tue, wed, thu, fri], from: '09:00', to: '17:00', timezone: Europe/Dublin}",
            "When a planned change must be over; once for a service",
        ),
        Key::new(
            "maintenance",
            Shape::AnyList(&Shape::Mapping(&MAINTENANCE)),
            "[{name: patching, days: [sun], from: '02:00', to: '04:00', timezone: Europe/Dublin}]",
            "Hours of every week whose failures are expected: no page is sent, and they do not count against the net budget",
        ),
        Key::new(
            "uplink",
            Shape::Mapping(&UPLINK),
            "{targets: ['192.0.2.1:443']}",
            "Targets that tell the prober's own outage from that of what it probes; once for a service",
        ),
    ],
    rules: &[],
};

/// An SLO.
pub static SLO: Mapping = Mapping {
    name: "slo",
    about: "A promise: what is counted, and how much of it must be good",
    keys: &[
        Key::new("name", NAME, "availability", "Its name, once in a service").required(),
        Key::new(
            "description",
            TEXT,
            "A customer finds the shop open",
            "What it means to people, shown on the board and in alerts",
        ),
        Key::new("labels", LABELS, "{tier: gold}", "More labels than the file has, or others"),
        Key::new("objective", Shape::Word(Word::Objective), "99.9", "How much must be good, in percent").required(),
        Key::new("window", WINDOW, "7d", "The rolling window; a multiple of five minutes")
            .otherwise("that of the file"),
        Key::new("sli", Shape::Mapping(&SLI), "{ratio: {error: 'job:errors:ratio'}}", "What is counted").required(),
        Key::new("budgeting", BUDGETINGS, "{timeslices: {slice: 1m, target: 95}}", "What the objective is a share of")
            .otherwise("that of the file"),
        Key::new(
            "alerting",
            Shape::Mapping(&ALERTING),
            "{min_failures: 3}",
            "How its alerts behave, field by field over what the file says",
        ),
        Key::new(
            "gate",
            Shape::Mapping(&GATE),
            "{resume_at: 20%}",
            "When it stops deployments, field by field over what the file says",
        ),
    ],
    rules: &[],
};

/// The kinds of SLI.
pub static SLI: Mapping = Mapping {
    name: "sli",
    about: "What is counted, one of several kinds",
    keys: &[
        Key::new("probe", NAME, "home", "Runs of a probe of this service"),
        Key::new(
            "events",
            Shape::Mapping(&EVENTS),
            "{bad: 'http_requests_total{code=~\"5..\"}', total: http_requests_total}",
            "Counters of good, bad or all events",
        ),
        Key::new(
            "latency",
            Shape::Mapping(&LATENCY),
            "{histogram: http_request_duration_seconds, threshold: 300ms}",
            "A histogram of durations, and how long is good",
        ),
        Key::new("gauge", Shape::Mapping(&GAUGE), "{metric: probe_success}", "Samples of a gauge that are good or bad"),
        Key::new(
            "ratio",
            Shape::Mapping(&RATIO),
            "{error: 'job:errors:ratio'}",
            "An error ratio that exists already, weighted by time",
        ),
        Key::new(
            "query",
            Shape::Mapping(&QUERY),
            "{bad: 'sum(rate(x_errors[$window]))', total: 'sum(rate(x_total[$window]))'}",
            "PromQL with `$window`, for what fits nowhere else",
        ),
    ],
    rules: &[Rule::OneOf(&["probe", "events", "latency", "gauge", "ratio", "query"])],
};

/// `events`.
pub static EVENTS: Mapping = Mapping {
    name: "events",
    about: "Two counters of three",
    keys: &[
        Key::new("good", PROMQL, "'x_total{code=\"200\"}'", "A selector of the counters of good events"),
        Key::new("bad", PROMQL, "'x_total{code=~\"5..\"}'", "A selector of the counters of bad events"),
        Key::new("total", PROMQL, "x_total", "A selector of the counters of all events"),
        Key::new("by", GROUPS, "[route]", "Labels that split the SLO into groups, each with a budget of its own"),
        Key::new(
            "first_sample",
            Shape::Choice(&["count", "ignore"]),
            "ignore",
            "Whether a counter that is born on a known target has counted what it shows first",
        )
        .default("count"),
    ],
    rules: &[Rule::TwoOf(&["good", "bad", "total"])],
};

/// `latency`.
pub static LATENCY: Mapping = Mapping {
    name: "latency",
    about: "A histogram of durations in seconds",
    keys: &[
        Key::new(
            "histogram",
            PROMQL,
            "http_request_duration_seconds",
            "A selector of the histogram, without `_bucket` and `_count`",
        )
        .required(),
        Key::new(
            "threshold",
            POSITIVE,
            "300ms",
            "The longest duration that is good; a classic histogram needs a bucket there",
        )
        .required(),
        Key::new("native", FLAG, "true", "Whether it is a native histogram").default("false"),
        Key::new("by", GROUPS, "[route]", "Labels that split the SLO into groups"),
        Key::new(
            "first_sample",
            Shape::Choice(&["count", "ignore"]),
            "ignore",
            "As for `events`; not for native histograms",
        )
        .default("count"),
    ],
    rules: &[],
};

/// `gauge`.
pub static GAUGE: Mapping = Mapping {
    name: "gauge",
    about: "A gauge of which each sample is good or bad; without a comparison 1 is good and 0 is bad",
    keys: &[
        Key::new("metric", PROMQL, "probe_success", "A selector of the gauge").required(),
        Key::new("below", Shape::Word(Word::Decimal), "100", "Good below this"),
        Key::new("at_most", Shape::Word(Word::Decimal), "100", "Good up to this"),
        Key::new("above", Shape::Word(Word::Decimal), "0", "Good above this"),
        Key::new("at_least", Shape::Word(Word::Decimal), "3", "Good from this on"),
        Key::new("by", GROUPS, "[instance]", "Labels that split the SLO into groups"),
    ],
    rules: &[Rule::AtMostOne(&["below", "at_most", "above", "at_least"])],
};

/// `ratio`.
pub static RATIO: Mapping = Mapping {
    name: "ratio",
    about: "An error ratio from 0 to 1 that another rule records",
    keys: &[
        Key::new("error", PROMQL, "'job:errors:ratio'", "A selector of the ratio").required(),
        Key::new("by", GROUPS, "[route]", "Labels that split the SLO into groups"),
    ],
    rules: &[],
};

/// `query`.
pub static QUERY: Mapping = Mapping {
    name: "query",
    about: "Any PromQL, evaluated with `$window`",
    keys: &[
        Key::new("bad", PROMQL, "'sum(rate(x_errors[$window]))'", "The rate of bad events").required(),
        Key::new("total", PROMQL, "'sum(rate(x_total[$window]))'", "The rate of all events").required(),
        Key::new("by", GROUPS, "[route]", "The labels that the results keep"),
    ],
    rules: &[],
};

/// `budgeting` by time slices.
pub static BUDGETING: Mapping = Mapping {
    name: "budgeting",
    about: "What an objective is a share of; the word `occurrences` stands for events",
    keys: &[Key::new(
        "timeslices",
        Shape::Mapping(&TIMESLICES),
        "{slice: 1m, target: 95}",
        "Slices of time, each good or bad",
    )
    .required()],
    rules: &[],
};

/// `timeslices`.
pub static TIMESLICES: Mapping = Mapping {
    name: "timeslices",
    about: "When a slice of time is good",
    keys: &[
        Key::new(
            "slice",
            POSITIVE,
            "1m",
            "Its length: a multiple of `rules.interval` that divides five minutes evenly",
        )
        .required(),
        Key::new("target", Shape::Word(Word::Percent), "95", "How much of its events must be good, in percent")
            .required(),
    ],
    rules: &[],
};

/// `gate`.
pub static GATE: Mapping = Mapping {
    name: "gate",
    about: "When deployments stop and go on",
    keys: &[
        Key::new("close_at", Shape::Word(Word::Amount), "5m", "The gate closes when no more than this remains")
            .default("0m"),
        Key::new("resume_at", Shape::Word(Word::Amount), "10m", "A closed gate opens when this much remains")
            .default("25%"),
        Key::new(
            "resume",
            Shape::Choice(&["at_level", "from_trough"]),
            "from_trough",
            "Whether `resume_at` must remain, or must have come back since the lowest point",
        )
        .default("at_level"),
        Key::new(
            "on_unknown",
            Shape::Choice(&["hold", "allow"]),
            "allow",
            "What an unknown budget answers: exit 3, or exit 0",
        )
        .default("hold"),
        Key::new("dry_run", FLAG, "true", "Say what the gate would do, and stop nobody").default("false"),
    ],
    rules: &[],
};

/// `rules`.
pub static RULES: Mapping = Mapping {
    name: "rules",
    about: "The timing of the generated rules",
    keys: &[
        Key::new(
            "interval",
            DURATION,
            "15s",
            "How often the fast rules are evaluated: from `1s` to `5m`, dividing five minutes evenly",
        )
        .default("30s"),
        Key::new(
            "delay",
            DURATION,
            "1m",
            "How far behind they look, so that a scrape which runs at the same moment is not lost",
        )
        .default("30s"),
        Key::new("lookback", DURATION, "5m", "How far back the newest sample may lie: two scrapes and some slack")
            .default("2m"),
    ],
    rules: &[],
};

/// `alerting`.
pub static ALERTING: Mapping = Mapping {
    name: "alerting",
    about: "How alerts behave and what they carry",
    keys: &[
        Key::new(
            "min_failures",
            Shape::Word(Word::Whole(1, 1_000_000)),
            "3",
            "How many bad events a burn-rate alert needs in its long window",
        )
        .default("2"),
        Key::new(
            "windows",
            Shape::List(&Shape::Mapping(&PAIR)),
            "[{severity: page, long: 1h, short: 5m, factor: 14.4}]",
            "Window pairs, instead of the usual four",
        ),
        Key::new("page", Shape::Mapping(&OPTIONS), "{labels: {severity: critical}}", "All alerts that page"),
        Key::new("ticket", Shape::Mapping(&OPTIONS), "{for: 15m}", "All alerts that open a ticket"),
        Key::new(
            "runbook",
            Shape::Word(Word::Url),
            "https://wiki.example.com/runbooks/shop",
            "Where people read what to do",
        ),
        Key::new("alerts", Shape::Mapping(&ALERTS), "{watchdog: {disable: true}}", "Single alerts"),
    ],
    rules: &[],
};

/// `page` and `ticket`.
pub static OPTIONS: Mapping = Mapping {
    name: "alert-options",
    about: "All alerts of one severity",
    keys: &[
        Key::new(
            "labels",
            Shape::Keyed(Word::AlertLabelName, &Shape::Word(Word::Filled)),
            "{severity: critical}",
            "Labels; `severity` renames the severity",
        ),
        ANNOTATIONS,
        DISABLE,
        FOR,
        KEEP_FIRING_FOR,
    ],
    rules: &[],
};

const ANNOTATIONS: Key = Key::new(
    "annotations",
    Shape::Keyed(Word::AnnotationName, &TEXT),
    "{about: '{{ $labels.slo }}'}",
    "Annotations, which Prometheus expands as templates",
);
const DISABLE: Key = Key::new("disable", FLAG, "true", "Leave the alerts out").default("false");
const FOR: Key = Key::new("for", DURATION, "5m", "How long the condition must hold before they fire");
const KEEP_FIRING_FOR: Key = Key::new("keep_firing_for", DURATION, "10m", "How long they go on firing after it");
const ALERT_NAME: Key =
    Key::new("name", Shape::Word(Word::AlertName), "ShopBurn", "Another name for it").otherwise("the usual name");
const ALERT_LABELS: Key = Key::new("labels", LABELS, "{kind: burn}", "More labels");

/// One alert.
pub static ALERT: Mapping = Mapping {
    name: "alert",
    about: "One alert",
    keys: &[
        ALERT_NAME,
        ALERT_LABELS,
        ANNOTATIONS,
        DISABLE,
        FOR,
        KEEP_FIRING_FOR,
        Key::new("severity", SEVERITY, "page", "Whom it calls").otherwise("the usual one"),
    ],
    rules: &[],
};

/// The burn-rate alerts, whose severity is that of their window pair.
pub static BURN_ALERT: Mapping = Mapping {
    name: "burn-alert",
    about: "The burn-rate alerts; whom they call is said by their window pairs",
    keys: &[ALERT_NAME, ALERT_LABELS, ANNOTATIONS, DISABLE, FOR, KEEP_FIRING_FOR],
    rules: &[],
};

const ONE_ALERT: Shape = Shape::Mapping(&ALERT);

/// `alerts`.
pub static ALERTS: Mapping = Mapping {
    name: "alerts",
    about: "Single alerts; those of the whole service only in `alerting` of the file",
    keys: &[
        Key::new("burn", Shape::Mapping(&BURN_ALERT), "{name: ShopBurn}", "The budget burns too fast"),
        Key::new("exhausted", ONE_ALERT, "{severity: page}", "The budget is gone"),
        Key::new("data_missing", ONE_ALERT, "{for: 30m}", "An SLO is no longer observed"),
        Key::new("gate_closed", ONE_ALERT, "{disable: true}", "The gate closed"),
        Key::new(
            "rules_failing",
            ONE_ALERT,
            "{severity: page}",
            "Prometheus fails to evaluate the rules; of the whole service",
        ),
        Key::new(
            "watchdog",
            ONE_ALERT,
            "{disable: true}",
            "Always fires, so that a broken path to people is noticed; of the whole service",
        ),
        Key::new(
            "prober_down",
            ONE_ALERT,
            "{severity: ticket}",
            "The probe service is not scraped; of the whole service",
        ),
        Key::new("probe_overrun", ONE_ALERT, "{disable: true}", "Runs of a probe are skipped; of the whole service"),
        Key::new(
            "certificate_expiring",
            ONE_ALERT,
            "{severity: page}",
            "A certificate of a probed server ends soon; of the whole service",
        ),
    ],
    rules: &[],
};

/// A window pair.
pub static PAIR: Mapping = Mapping {
    name: "window-pair",
    about: "When the budget burns too fast: over both windows at once",
    keys: &[
        Key::new("severity", SEVERITY, "page", "Whom the alert calls").required(),
        Key::new("long", POSITIVE, "1h", "The window that says it is worth it").required(),
        Key::new("short", POSITIVE, "5m", "The window that says it still goes on; about a twelfth of the long one")
            .required(),
        Key::new("factor", Shape::Word(Word::Factor), "14.4", "The burn rate above which it alerts"),
        Key::new(
            "budget",
            Shape::Word(Word::Share),
            "2%",
            "The same as a share of the budget that is spent in the long window",
        ),
    ],
    rules: &[Rule::OneOf(&["factor", "budget"])],
};

/// A planned change.
pub static CHANGE: Mapping = Mapping {
    name: "change",
    about: "What a planned change costs",
    keys: &[
        Key::new("name", NAME, "upgrade", "Its name, once in a service").required(),
        Key::new("downtime", DURATION, "5m", "How long users notice it").required(),
        Key::new("duration", POSITIVE, "4h", "How long all of it takes").required(),
    ],
    rules: &[],
};

/// `working_hours`.
pub static WORKING_HOURS: Mapping = Mapping {
    name: "working-hours",
    about: "When people are at work",
    keys: &[
        Key::new(
            "days",
            Shape::List(&Shape::Choice(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
            "[mon, tue, wed, thu, fri]",
            "The days",
        )
        .required(),
        Key::new("from", Shape::Word(Word::Time), "'09:00'", "From when on").required(),
        Key::new("to", Shape::Word(Word::Time), "'17:00'", "Until when, on the same day").required(),
        Key::new("timezone", Shape::Word(Word::Zone), "Europe/Dublin", "Whose clock").required(),
        Key::new("holidays", Shape::List(&Shape::Word(Word::Date)), "['2026-12-25']", "Days without working hours"),
    ],
    rules: &[],
};

/// Planned maintenance.
pub static MAINTENANCE: Mapping = Mapping {
    name: "maintenance",
    about: "Hours of every week in which something is expected to fail; the gross budget counts them all the same",
    keys: &[
        Key::new("name", NAME, "patching", "Its name, once in a service").required(),
        Key::new(
            "days",
            Shape::List(&Shape::Choice(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
            "[sun]",
            "The days",
        )
        .required(),
        Key::new("from", Shape::Word(Word::Time), "'02:00'", "From when on").required(),
        Key::new("to", Shape::Word(Word::Time), "'04:00'", "Until when, on the same day").required(),
        Key::new(
            "timezone",
            Shape::Word(Word::Zone),
            "Europe/Dublin",
            "Whose clock; without it, that of `working_hours`",
        ),
        Key::new("slos", Shape::List(&NAME), "[up]", "The SLOs that it is of; without it, all of the service"),
    ],
    rules: &[],
};

/// `uplink`.
pub static UPLINK: Mapping = Mapping {
    name: "uplink",
    about: "Reference targets: while none answers, failures are the prober's own and are not counted",
    keys: &[
        Key::new(
            "targets",
            Shape::List(&Shape::Word(Word::Endpoint)),
            "['192.0.2.1:443']",
            "Hosts with ports that accept connections while the prober is connected",
        )
        .required(),
        Key::new("timeout", POSITIVE, "500ms", "How long one may take; at most `10s`").default("1s"),
    ],
    rules: &[],
};
