//! Five hundred SLOs, fifty groups, an SLO that is an hour old, and nothing at all: pages stay few, readable and cheap.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use promql_parser::parser::{self, Expr};

use super::page::{Page, Values, checked_in, generate, named, replaced, seconds};
use crate::support::backfill::Past;
use crate::support::prometheus::Prometheus;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A midnight in December 2023.
const END: i64 = 1_702_598_400;

/// Lines of a graph: up to ten groups, and what they are held against.
const MOST_LINES: usize = 14;

/// Numbers of a stat.
const MOST_NUMBERS: usize = 2;

/// Rows of a table of groups, and of alerts.
const MOST_ROWS: usize = 100;

/// SLOs of the fleet.
const FLEET: usize = 500;

/// Samples that one query may read at every point of a graph together, with the fleet and the groups there are. Prometheus
/// counts what is the same at every point, and read once, at each of them.
const MOST_SAMPLES: u64 = 20_000_000;

/// A recorded series with its value for the SLO of a number.
type Recorded = (&'static str, fn(usize) -> f64);

/// The recorded series that the pages of a fleet read.
const RECORDED: [Recorded; 13] = [
    ("slo:objective:ratio", |_| 0.999),
    ("slo:error_budget:ratio", |_| 0.001),
    ("slo:error_budget:seconds", |_| 2592.0),
    ("slo:error_budget_remaining:seconds", |number| 2592.0 - 6.0 * number as f64),
    ("slo:period_error_budget_remaining:ratio", |number| 1.0 - number as f64 / 432.0),
    ("slo:period_burn_rate:ratio", |number| number as f64 / 432.0),
    ("slo:current_burn_rate:ratio", |_| 0.5),
    ("slo:sli_observed:seconds", |_| 2_592_000.0),
    ("slo:coverage:ratio", |_| 1.0),
    ("slo:sli_bad:increase5m", |_| 1.0),
    ("slo:sli_total:increase5m", |_| 1000.0),
    ("slo:deploy_gate_latch:open", |number| f64::from(u8::from(number < 432))),
    ("slo:deploy_gate:open", |number| f64::from(u8::from(number < 432))),
];

/// Those that an SLO has once, whatever its groups.
const CONSTANTS: [&str; 3] = ["slo:objective:ratio", "slo:error_budget:ratio", "slo:error_budget:seconds"];

/// Samples of a series from some time on, every so many seconds.
fn write(text: &mut String, series: &str, (from, every): (i64, i64), value: f64) {
    let mut time = from;
    while time <= END {
        writeln!(text, "{series} {value} {time}").unwrap();
        time += every;
    }
}

/// Everything that is recorded of an SLO or group.
fn record(text: &mut String, labels: &str, number: usize, from: i64) {
    let slo = labels.split(",route").next().unwrap();
    let is_first = labels == slo || labels.ends_with("route=\"r0\"");
    for (name, value) in RECORDED {
        let is_constant = CONSTANTS.contains(&name);
        let labels = if is_constant { slo } else { labels };
        if is_first || !is_constant {
            write(text, &format!("{name}{{{labels}}}"), (from, 5 * MINUTE), value(number));
        }
    }
    if is_first {
        write(text, &format!("slo_info{{{slo},window=\"30d\",objective=\"99.9\"}}"), (from, 5 * MINUTE), 1.0);
    }
    for window in ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"] {
        write(text, &format!("slo:sli_error:ratio_rate{window}{{{labels}}}"), (from, 5 * MINUTE), 0.0005);
    }
    for (long, short, severity) in [("1h", "5m", "page"), ("6h", "30m", "page"), ("3d", "6h", "ticket")] {
        let pair = format!("long_window=\"{long}\",short_window=\"{short}\",severity=\"{severity}\"");
        write(text, &format!("slo:burn_rate_threshold:ratio{{{slo},{pair}}}"), (from, 5 * MINUTE), 6.0);
        let alert = "alertname=\"ErrorBudgetBurn\",alertstate=\"firing\"";
        if number >= 432 && long != "6h" {
            write(text, &format!("ALERTS{{{labels},{alert},{pair}}}"), (END - 10 * MINUTE, MINUTE), 1.0);
        }
    }
}

/// A fleet as it was in the last hour, fifty groups over two days, and one SLO that is an hour old.
fn prometheus() -> (Past, Prometheus) {
    let mut text = String::new();
    for number in 0..FLEET {
        let labels = format!("slo_service=\"s{}\",slo=\"slo{number}\"", number % 25);
        record(&mut text, &labels, number, END - HOUR);
    }
    for group in 0..50 {
        // Each series once, whichever group it is written with.
        let mut own = String::new();
        record(
            &mut own,
            &format!("slo_service=\"grouped\",slo=\"api\",route=\"r{group}\""),
            400 + group,
            END - 2 * DAY,
        );
        let lines = own.lines().filter(|line| group == 0 || line.contains("route="));
        text.extend(lines.flat_map(|line| [line, "\n"]));
    }
    let past = Past::of(&(text + "# EOF\n"));
    let prometheus = past.open();
    (past, prometheus)
}

/// A page opened for a service and SLO.
fn opened(service: &str, slo: &str) -> Values<'static> {
    let values = [
        ("service", service),
        ("slo", slo),
        ("by_route", ".*"),
        ("long_window", "6h"),
        ("probe", "x"),
        ("location", ".*"),
    ];
    values.map(|(name, value)| (name, value.to_owned())).into_iter().chain([("resolution", "5m".to_owned())]).collect()
}

const GROUPED: &str = "version: burndown/v1
service: grouped
slos: [{name: api, objective: 99.9, sli: {events: {bad: b_total, total: t_total, by: [route]}}}]
";

#[test]
fn pages_stay_readable_and_cheap_whatever_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let pages = generate(directory.path(), GROUPED, &[]);
    let (_past, prometheus) = prometheus();
    let mut complaints = Vec::new();
    for (name, service, slo) in [
        ("burndown-fleet", ".*", ""),
        ("burndown-wall", ".*", ""),
        ("burndown-slo-30d", "grouped", "api"),
        ("burndown-slo-30d", "s7", "slo7"),
        ("burndown-slo-30d", "nobody", "nothing"),
    ] {
        let page = named(&pages, name);
        let found = asked(page, &prometheus, &opened(service, slo));
        complaints.extend(found.into_iter().map(|one| format!("{name} {service} {slo}: {one}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_fleet(named(&pages, "burndown-fleet"), &prometheus);
}

/// What is too much of what a page asks for.
fn asked(page: &Page, prometheus: &Prometheus, values: &Values<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    for query in page.queries() {
        let (series, samples) = query.ask_with_cost(prometheus, values, page.range(), END);
        let kind = page.panels().find(|panel| panel["title"] == query.panel).unwrap()["type"].as_str().unwrap();
        let most = match kind {
            "stat" => MOST_NUMBERS,
            "table" if query.panel == "SLOs, the worst first" => FLEET + 1,
            "table" => MOST_ROWS,
            _ => MOST_LINES,
        };
        if series.len() > most {
            complaints.push(format!("{} {} gives {} series", query.panel, query.number, series.len()));
        }
        if samples > MOST_SAMPLES {
            complaints.push(format!("{} {} reads {samples} samples", query.panel, query.number));
        }
        let infinite = series.iter().flat_map(|series| &series.points).find(|(_, value)| value.is_infinite());
        complaints.extend(infinite.map(|point| format!("{} {} gives {point:?}", query.panel, query.number)));
    }
    complaints
}

/// Every SLO has its row, and what is spent and closed is counted.
fn assert_fleet(page: &Page, prometheus: &Prometheus) {
    let values = opened(".*", "");
    let ask = |panel: &str, number: usize| {
        let queries = page.queries();
        let query = queries.iter().find(|query| query.panel == panel && query.number == number).unwrap();
        query.ask(prometheus, &values, page.range(), END)
    };
    for column in 0..7 {
        assert_eq!(ask("SLOs, the worst first", column).len(), FLEET + 1, "column {column}");
    }
    let number = |panel: &str| ask(panel, 0)[0].points[0].1;
    assert_eq!((number("SLOs"), number("Unknown")), (501.0, 0.0));
    // Of the fleet those from the 432nd on, and the one with groups.
    assert_eq!((number("Budgets spent"), number("Gates closed")), (69.0, 69.0));
    assert_eq!(ask("Share left of the ten lowest budgets", 0).len(), 10);
    assert_eq!(ask("Firing alerts", 0).len(), MOST_ROWS);
}

#[test]
fn five_hundred_slos_are_as_many_files_as_one() {
    let slo = |number: usize| {
        format!("  - {{name: slo{number}, objective: 99.9, sli: {{events: {{bad: b_total, total: t_total}}}}}}\n")
    };
    let file = |count: usize| {
        let slos: String = (0..count).map(slo).collect();
        format!("version: burndown/v1\nservice: shop\nslos:\n{slos}")
    };
    let sizes = [1, 500].map(|count| {
        let directory = tempfile::tempdir().unwrap();
        let pages = generate(directory.path(), &file(count), &[]);
        (pages.len(), pages.iter().map(|page| page.json.to_string().len()).sum::<usize>())
    });
    assert_eq!(sizes[0], sizes[1]);
    assert_eq!(sizes[0].0, 3);
}

#[test]
fn nothing_reads_a_raw_series_over_more_than_a_day_and_tables_ask_once() {
    for page in checked_in() {
        for panel in page.panels() {
            let is_table = panel["type"] == "table";
            let targets = panel["targets"].as_array().unwrap();
            assert!(targets.iter().all(|target| !is_table || target["instant"] == true), "{}", panel["title"]);
        }
        let values: Values<'_> = opened("x", "x")
            .into_iter()
            .chain([("__interval", "1m"), ("__rate_interval", "4m"), ("__range", "1d"), ("__from", "0")].map(owned))
            .collect();
        let mut raw = BTreeSet::new();
        for query in page.queries() {
            let expr = parser::parse(&replaced(&query.expr, &values)).unwrap();
            each_selector(&expr, &mut |name, range| {
                let is_recorded =
                    name.is_none_or(|name| name.starts_with("slo:") || name == "slo_info" || name == "ALERTS");
                if !is_recorded {
                    raw.insert(name.unwrap().to_owned());
                    assert!(range <= DAY, "{}: {} over {range} s", query.panel, query.expr);
                    assert!(page.range() <= DAY, "{} shows raw series over {} s", page.name, page.range());
                }
            });
        }
        assert_eq!(!raw.is_empty(), page.name == "burndown-probe", "{}: {raw:?}", page.name);
        assert!(page.variables().iter().all(|variable| variable["type"] != "interval"));
        assert!(seconds(page.json["refresh"].as_str().unwrap()) >= 10);
    }
}

fn owned((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

/// Calls `see` with the name and range in seconds of every selector.
fn each_selector(expr: &Expr, see: &mut impl FnMut(Option<&str>, i64)) {
    match expr {
        Expr::MatrixSelector(selector) => {
            see(selector.vs.name.as_deref(), i64::try_from(selector.range.as_secs()).unwrap());
        }
        Expr::VectorSelector(selector) => see(selector.name.as_deref(), 0),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| each_selector(argument, see)),
        Expr::Aggregate(aggregate) => each_selector(&aggregate.expr, see),
        Expr::Binary(binary) => {
            each_selector(&binary.lhs, see);
            each_selector(&binary.rhs, see);
        }
        Expr::Paren(paren) => each_selector(&paren.expr, see),
        Expr::Subquery(subquery) => each_selector(&subquery.expr, see),
        Expr::Unary(unary) => each_selector(&unary.expr, see),
        _ => {}
    }
}
