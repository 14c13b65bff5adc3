//! The generated rules against events that the test itself made up: a month of counters in a real Prometheus.
//!
//! The generator knows every event, and so what is exact: the events that scrapes could see, in the window as far as
//! the rules lag behind now. What nobody saw is neither good nor bad: events in the gap, the past of a target that is
//! new, what happens after the last scrape before a restart (the generator restarts right after a scrape).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::backfill::Past;
use crate::support::prometheus::Prometheus;
use crate::support::random::Random;

/// 14 November 2023, midnight.
const START: i64 = 1_699_920_000;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Scrapes never fall on an evaluation.
const PHASE: i64 = 7;

/// One history and the rules that look at it; times in seconds.
struct Trial {
    seed: u64,
    days: i64,
    /// The SLO window in days.
    window: i64,
    scrape: i64,
    interval: i64,
    delay: i64,
    lookback: i64,
}

/// What one scrape adds: Unix time, bad events, all events.
type Counted = (i64, u64, u64);

/// Samples of a metric by its labels: Unix time and value.
type Samples = BTreeMap<String, Vec<(i64, u64)>>;

/// An SLO or one of its groups, and what it must show.
struct Row {
    slo: &'static str,
    /// The value of `route`, where the SLO has groups.
    route: Option<&'static str>,
    events: Vec<Counted>,
    /// How far its rules lag behind now.
    lag: i64,
}

/// A counter family of one target: children by their labels. A child that is not there was never counted up.
type Children = BTreeMap<String, u64>;

/// A target that is scraped.
struct Target {
    name: &'static str,
    /// When it is first seen.
    born: i64,
    children: Children,
    /// What happened since the last good scrape, by route: bad, total.
    unseen: BTreeMap<&'static str, (u64, u64)>,
    last_scrape: Option<i64>,
}

/// Everything that happened: samples to load, and what must come out.
struct World {
    trial: Trial,
    random: Random,
    /// Samples by metric and labels.
    samples: BTreeMap<&'static str, Samples>,
    routes: BTreeMap<&'static str, Vec<Counted>>,
    probe: Vec<Counted>,
    jobs: Vec<Counted>,
}

const ROUTES: [&str; 2] = ["/", "/pay"];

impl World {
    fn of(trial: Trial) -> Self {
        let random = Random::new(trial.seed);
        let (samples, routes) = (BTreeMap::new(), BTreeMap::new());
        let mut world = Self { trial, random, samples, routes, probe: Vec::new(), jobs: Vec::new() };
        world.serve_requests();
        world.run_probe_and_jobs();
        world
    }

    fn end(&self) -> i64 {
        START + self.trial.days * DAY
    }

    /// The gap: twenty minutes two thirds through. In the short trial it is at night, for afterwards the first look
    /// begins anew, and what earlier scrapes of the same evaluation saw is past.
    fn in_gap(&self, time: i64) -> bool {
        let hour = if self.trial.days < 8 { 22 } else { 14 };
        let from = START + self.trial.days * 2 / 3 * DAY + hour * HOUR;
        (from..from + 20 * 60).contains(&time)
    }

    /// The share of failing events in a thousand: outages are at night, when few people are there.
    fn failing(&self, time: i64, route: &str) -> u64 {
        let (day, second) = ((time - START) / DAY, (time - START) % DAY);
        let minutes = if self.trial.days < 8 { 3 } else { 15 * i64::from(day % 8 == 3) };
        match route {
            "/" if (2 * HOUR..2 * HOUR + minutes * 60).contains(&second) => 600,
            "/pay" if (3 * HOUR..3 * HOUR + minutes * 20).contains(&second) => 1000,
            _ => 0,
        }
    }

    /// Events of one scrape interval: day and night traffic.
    fn traffic(&mut self, time: i64) -> u64 {
        let hour = (time - START) % DAY / HOUR;
        if (8..20).contains(&hour) { self.random.between(20, 40) } else { self.random.between(0, 3) }
    }

    fn serve_requests(&mut self) {
        let target =
            |name, born| Target { name, born, children: Children::new(), unseen: BTreeMap::new(), last_scrape: None };
        let born_late = START + self.trial.days / 3 * DAY + 5 * HOUR + 11;
        let mut targets = [target("a:80", START), target("b:80", START), target("late:80", born_late)];
        let mut time = START + PHASE;
        while time <= self.end() {
            for target in &mut targets {
                self.happen(target, time);
                if time >= target.born && !self.in_gap(time) && !self.fails(target, time) {
                    self.scrape(target, time);
                    let hour = (time - START) / HOUR;
                    let restarts = hour % 60 == target.name.len() as i64 && (time - START) % HOUR < self.trial.scrape;
                    if restarts {
                        target.children.clear();
                    }
                }
            }
            time += self.trial.scrape;
        }
    }

    /// Whether a scrape fails: one in fifty does, and never three in a row, which the look-back would not bridge.
    fn fails(&mut self, target: &Target, time: i64) -> bool {
        let last = target.last_scrape.unwrap_or(time);
        self.random.happens(1, 50) && time - last <= 2 * self.trial.scrape
    }

    /// Requests of one scrape interval.
    fn happen(&mut self, target: &mut Target, time: i64) {
        for route in ROUTES {
            let total = self.traffic(time);
            let failing = self.failing(time, route);
            let bad = (0..total).filter(|_| self.random.happens(failing, 1000) || self.random.happens(1, 5000)).count();
            let bad = u64::try_from(bad).unwrap();
            for (code, count) in [("200", total - bad), ("500", bad)] {
                if count > 0 {
                    let labels = format!("job=\"api\",instance=\"{}\",route=\"{route}\",code=\"{code}\"", target.name);
                    *target.children.entry(labels).or_default() += count;
                }
            }
            let unseen = target.unseen.entry(route).or_default();
            *unseen = (unseen.0 + bad, unseen.1 + total);
        }
    }

    /// Prometheus sees the children, and so the events since it last did.
    fn scrape(&mut self, target: &mut Target, time: i64) {
        let series = self.samples.entry("http_requests_total").or_default();
        for (labels, value) in &target.children {
            series.entry(labels.clone()).or_default().push((time, *value));
        }
        let is_known = target.last_scrape.is_some_and(|last| time - last <= self.trial.lookback);
        for (route, (bad, total)) in std::mem::take(&mut target.unseen) {
            // At the very start nothing is known, and what came before the first scrape is past.
            if is_known {
                self.routes.entry(route).or_default().push((time, bad, total));
            }
        }
        target.last_scrape = Some(time);
    }

    /// A probe with a run for every scrape, and jobs that say how many were done since the last scrape.
    fn run_probe_and_jobs(&mut self) {
        let probe = |rest: &str| format!("job=\"burndown\",instance=\"p:1\",slo_service=\"shop\",probe=\"home\"{rest}");
        let (mut failures, mut attempts) = (0, 0);
        let mut time = START + PHASE;
        let mut seen = None;
        while time <= self.end() {
            // The probe service counts on over the gap; its jobs do not run.
            let bad = u64::from(self.failing(time, "/") > 0 || self.random.happens(1, 5000));
            failures += bad;
            attempts += 1;
            if !self.in_gap(time) {
                let mut add = |metric, labels, value| {
                    let series = self.samples.entry(metric).or_default();
                    let series: &mut Vec<_> = series.entry(labels).or_default();
                    series.push((time, value));
                };
                add("slo_probe_attempts_total", probe(""), attempts);
                add("slo_probe_failures_total", probe(",reason=\"status\""), failures);
                add("slo_probe_failures_total", probe(",reason=\"timeout\""), 0);
                let (failed, done) = (3 * bad, 7);
                add("jobs_failed", "job=\"jobs\",instance=\"j:1\"".to_owned(), failed);
                add("jobs_done", "job=\"jobs\",instance=\"j:1\"".to_owned(), done);
                self.jobs.push((time, failed, done));
                if seen.is_some_and(|last| time - last <= self.trial.lookback) {
                    self.probe.push((time, bad, 1));
                }
                seen = Some(time);
            }
            time += self.trial.scrape;
        }
    }

    fn openmetrics(&self) -> String {
        let mut text = String::new();
        for (metric, series) in &self.samples {
            for (labels, points) in series {
                for (time, value) in points {
                    let _ = writeln!(text, "{metric}{{{labels}}} {value} {time}");
                }
            }
        }
        text.push_str("# EOF\n");
        text
    }

    /// The SLOs, one for every kind of indicator and way to group.
    fn slo_file(&self) -> String {
        let Trial { window, interval, delay, lookback, scrape, .. } = self.trial;
        format!(
            r#"version: burndown/v1
service: shop
window: {window}d
rules: {{interval: {interval}s, delay: {delay}s, lookback: {lookback}s}}
gate: {{resume_at: 10%}}
probes: [{{name: home, interval: {scrape}s, timeout: 5s, http: {{url: "https://shop.example.com/"}}}}]
slos:
  - {{name: probed, objective: 99.9, sli: {{probe: home}}}}
  - name: counted
    objective: 99.9
    sli: {{events: {{bad: 'http_requests_total{{job="api",code=~"5.."}}', total: 'http_requests_total{{job="api"}}'}}}}
  - name: grouped
    objective: 99.9
    sli:
      events:
        bad: 'http_requests_total{{job="api",code=~"5.."}}'
        total: 'http_requests_total{{job="api"}}'
        by: [route]
  - name: queried
    objective: 99.9
    sli: {{query: {{bad: 'sum(sum_over_time(jobs_failed[$window]))', total: 'sum(sum_over_time(jobs_done[$window]))'}}}}
"#
        )
    }

    fn rows(&self) -> Vec<Row> {
        let lag = self.trial.interval + self.trial.delay;
        let of = |slo, route, events: &[Counted], lag| Row { slo, route, events: events.to_vec(), lag };
        let mut rows = vec![
            of("probed", None, &self.probe, lag),
            of("counted", None, &self.routes.values().flatten().copied().collect::<Vec<_>>(), lag),
            of("queried", None, &self.jobs, 0),
        ];
        rows.extend(self.routes.iter().map(|(route, events)| of("grouped", Some(*route), events, lag)));
        rows
    }

    /// Loads everything, evaluates the rules, and holds every row against what was generated.
    ///
    /// Returns the figures, a line for each row.
    fn assert_exact(&self) -> String {
        let past = Past::of(&self.openmetrics());
        past.evaluate(&self.slo_file(), START, self.end());
        let prometheus = past.open();
        self.rows().iter().map(|row| self.assert_row(row, &prometheus)).collect()
    }

    fn assert_row(&self, row: &Row, prometheus: &Prometheus) -> String {
        let (end, window) = (self.end(), self.trial.window * DAY);
        let inside = |time: i64| time > end - window - row.lag && time <= end - row.lag;
        let events = row.events.iter().filter(|(time, ..)| inside(*time));
        let (bad, total) = events.fold((0, 0), |sum, (_, bad, total)| (sum.0 + bad, sum.1 + total));
        let ratio = bad as f64 / total as f64;
        let budget = window as f64 / 1000.0 / 60.0;
        let observed = (window - 20 * 60) as f64 / 60.0;

        let value = |metric: &str| {
            let route = row.route.map(|route| format!(",route=\"{route}\"")).unwrap_or_default();
            let series = metric.replace("{}", &format!("{{slo_service=\"shop\",slo=\"{}\"{route}}}", row.slo));
            let samples = prometheus.query_at(&series, end);
            assert_eq!(samples.len(), 1, "{series}: {samples:?}");
            samples[0].value
        };
        let days = self.trial.window;
        let found_ratio = value(&format!("slo:sli_error:ratio_rate{days}d{{}}"));
        let found_bad = value(&format!("sum_over_time(slo:sli_bad:increase5m{{}}[{}ms])", window * 1000 - 1));
        let found_minutes = value("slo:error_budget_remaining:seconds{} / 60");
        let coverage = value("slo:coverage:ratio{}");
        let (name, minutes) = (format!("{} {:?}", row.slo, row.route), budget - ratio * observed);
        let off = (found_ratio / ratio - 1.0).abs() * 100.0;
        let figures = format!(
            "{name}: {bad} of {total} bad; found {found_bad}, ratio {ratio:.6} off by {off:.5} %, minutes {minutes:.3} \
             found {found_minutes:.3}, coverage {coverage:.5}\n"
        );
        let naive = value("avg_over_time((slo:sli_bad:increase5m{} / slo:sli_total:increase5m{})[30d:5m])");
        if row.slo == "counted" {
            assert!(naive / ratio > 1.2, "{name}: a mean of 5-minute ratios, {naive}, would do as well");
        }
        assert!(bad > 20, "{name}: {bad} bad events prove little");
        assert!((found_bad - bad as f64).abs() <= 2.0, "{name}: {found_bad} bad events, {bad} happened");
        assert!(off < 0.01, "{name}: the ratio {found_ratio} is {off} % off {ratio}");
        assert!((found_minutes - minutes).abs() < 0.05, "{name}: {found_minutes} minutes left instead of {minutes}");
        let unobserved = (1.0 - coverage) * window as f64 / 60.0;
        assert!((14.9..25.0).contains(&unobserved), "{name}: {unobserved} minutes unobserved, the gap had 20");
        figures
    }
}

#[test]
fn a_month_is_counted_to_the_event() {
    let trial = Trial { seed: 1, days: 31, window: 30, scrape: 60, interval: 60, delay: 60, lookback: 180 };
    println!("{}", World::of(trial).assert_exact());
}

#[test]
fn so_are_three_days_at_the_usual_interval() {
    let trial = Trial { seed: 2, days: 3, window: 2, scrape: 15, interval: 30, delay: 30, lookback: 120 };
    println!("{}", World::of(trial).assert_exact());
}
