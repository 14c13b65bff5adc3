//! What `burndown check` says about good and bad files.

// A test fails by panicking, in its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use burndown::diag::{Code, json, render};
use burndown::names::Alert;
use burndown::promql::{Query, Selector};
use burndown::spec;
use burndown::spec::model::{
    BudgetAmount, Budgeting, Comparison, CounterPair, EnvValue, FirstSample, ProbeKind, Severity, Sli, StepAction,
};
use burndown::units::Duration;
use proptest::prelude::*;

use crate::docs;

/// A good file that the cases below damage.
const GOOD: &str = "\
version: burndown/v1
service: shop
probes:
  - name: home
    interval: 30s
    timeout: 10s
    http: {url: https://shop.example.com/, expect: {status: [200], within: 2s}}
  - name: order
    interval: 1m
    timeout: 1m
    journey:
      steps:
        - {name: order, run: [order, one]}
      cleanup:
        - {name: cancel, run: [order, cancel]}
slos:
  - {name: availability, objective: 99.9, sli: {probe: home}}
  - {name: orders, objective: 99, sli: {probe: order}}
";

/// Another file of the same service, with the kinds of SLI that count what Prometheus has.
const COUNTED: &str = "\
version: burndown/v1
service: shop
labels: {team: web}
slos:
  - name: requests
    objective: 99.95
    sli: {events: {bad: 'http_requests_total{code=~\"5..\"}', total: http_requests_total, by: [route]}}
  - name: odd
    objective: 99.5
    sli: {query: {bad: 'sum(rate(x_errors[$window]))', total: 'sum(rate(x_total[$window]))'}}
alerting:
  windows:
    - {severity: page, long: 1h, short: 5m, factor: 14.4}
";

/// A probe of every kind besides requests and journeys, with every option.
const PROTOCOLS: &str = "\
version: burndown/v1
service: net
probes:
  - name: mail
    interval: 1m
    tcp:
      address: mail.example.com:25
      ip: prefer_4
      max_read: 16KiB
      exchange:
        - {expect: '^220 (?<host>[^ ]+)', not: '^5'}
        - {send: [\"EHLO ${host}${1}\\r\\n\", {env: MAIL_WORD}]}
        - {expect: STARTTLS, lines: false}
        - {starttls: {min_version: TLS13}}
      expect: {within: 5s}
  - name: chain
    interval: 1h
    tls:
      address: app.example.com:443
      settings: {server_name: www.example.com}
      expect: {valid_for: 14d, names: [example.com, 192.0.2.1], within: 5s}
  - name: names
    interval: 30s
    dns:
      server: '[2001:db8::53]:853'
      ip: 6
      transport: tls
      tls: {server_name: dns.example.com}
      name: _sip._tcp.example.com
      type: SRV
      recursion: false
      expect:
        rcode: [NOERROR, NXDOMAIN]
        answer: {at_least: 1, at_most: 4, any: sip, all: ['^1', example], none: old}
        authoritative: true
        within: 1s
  - {name: gateway, interval: 10s, icmp: {host: gateway.example.com, ip: 4, payload: 100B, ttl: 9, expect: {within: 1s}}}
  - name: orders
    interval: 15s
    grpc:
      address: api.example.com:443
      tls: true
      service: shop.v1.Orders
      metadata: {authorization: {env: TOKEN}}
      expect: {within: 1s}
slos:
  - {name: mail, objective: 99, sli: {probe: mail}}
  - {name: chain, objective: 90, sli: {probe: chain}}
  - {name: names, objective: 99.9, sli: {probe: names}}
  - {name: gateway, objective: 99.9, sli: {probe: gateway}}
  - {name: orders, objective: 99.9, sli: {probe: orders}}
";

/// Every kind of SLI that counts what Prometheus has, and every option of alerts.
const KINDS: &str = "\
version: burndown/v1
service: api
labels: {team: web, tier: silver}
budgeting: {timeslices: {slice: 1m, target: 95}}
alerting:
  runbook: https://wiki.example.com/runbooks/api
  page: {for: 1m, keep_firing_for: 5m, annotations: {about: '{{ $labels.route }} at {{ $value }}'}}
  alerts:
    burn: {name: ApiBurn, labels: {kind: burn}}
    exhausted: {severity: page, for: 10m}
    watchdog: {disable: true}
slos:
  - {name: a, objective: 99.9, labels: {tier: gold}, sli: {events: {good: 'x{code=\"200\"}', total: x, by: [route]}}}
  - {name: b, objective: 99.9, sli: {events: {good: 'x{code=\"200\"}', bad: 'x{code=\"500\"}'}}}
  - {name: c, objective: 99, sli: {latency: {histogram: 'h_seconds{job=\"api\"}', threshold: 300ms, by: [route]}}}
  - {name: d, objective: 99, sli: {latency: {histogram: h_seconds, threshold: 1s, native: true}}}
  - {name: e, objective: 99, sli: {gauge: {metric: probe_success, by: [instance]}}}
  - {name: f, objective: 99, sli: {gauge: {metric: queue_length, at_most: 100}}}
  - {name: g, objective: 99, sli: {ratio: {error: 'job:errors:ratio{job=\"api\"}'}}}
  - name: h
    objective: 99
    budgeting: occurrences
    alerting: {runbook: 'http://h/', alerts: {exhausted: {disable: true}, burn: {labels: {kind: h}}}}
    sli: {query: {bad: 'sum(rate(a[$window]))', total: 'sum(rate(b[$window]))'}}
";

fn damaged(good: &str, from: &str, to: &str) -> String {
    assert!(good.contains(from), "the good file has {from:?}");
    good.replacen(from, to, 1)
}

/// Runs `burndown` in a directory that holds `files`.
fn burndown(files: &[(&str, &[u8])], arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, bytes) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    }
    Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(arguments)
        .current_dir(directory.path())
        .output()
        .expect("burndown runs")
}

fn shown(output: &Output) -> String {
    let code = output.status.code().expect("burndown ends by itself");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}

fn pin(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "golden/check",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

/// Pins what `check` says about one file, which must be an error.
fn pin_bad(name: &str, text: &[u8]) {
    let output = burndown(&[("slo.yaml", text)], &["check", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{name}: {}", shown(&output));
    pin(name, &shown(&output));
    docs::refuses_what_the_reader_refuses(name, text);
}

/// Pins a case for each `(name, from, to)`.
fn pin_damage(good: &str, cases: &[(&str, &str, &str)]) {
    for (name, from, to) in cases {
        pin_bad(name, damaged(good, from, to).as_bytes());
    }
}

#[test]
fn the_examples_and_the_good_files_are_clean() {
    for path in ["examples/quickstart.yaml", "examples/tracker.yaml", "examples"] {
        let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
            .args(["check", "--strict", path])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("burndown runs");
        assert_eq!(output.status.code(), Some(0), "{path}: {}", shown(&output));
    }
    let files: [(&str, &[u8]); 2] = [("a.yaml", GOOD.as_bytes()), ("b.yml", COUNTED.as_bytes())];
    let output = burndown(&files, &["check", "--strict", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    pin("clean", &shown(&output));
}

#[test]
fn probes_of_other_protocols() {
    let output = burndown(&[("slo.yaml", PROTOCOLS.as_bytes())], &["check", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let (address, dns) = ("app.example.com:443\n      settings", "'[2001:db8::53]:853'");
    pin_damage(
        PROTOCOLS,
        &[
            ("tcp-address-without-port", "mail.example.com:25", "mail.example.com"),
            ("tcp-address-with-user", "mail.example.com:25", "me:hunter2@mail.example.com:25"),
            ("tcp-unknown-key", "max_read", "max_body"),
            ("tcp-pattern", "'^220 (?<host>[^ ]+)'", "'^220 ('"),
            ("tcp-capture-of-nothing", "- {expect: '^220 (?<host>[^ ]+)', not: '^5'}", "- {send: '${1}'}"),
            ("tcp-capture-number", "${1}", "${2}"),
            ("tcp-capture-name", "${host}", "${hots}"),
            ("tcp-capture-open", "${host}", "${host"),
            ("tcp-step-of-two-kinds", "lines: false", "send: x"),
            ("tcp-step-idle-option", "{starttls: {min_version: TLS13}}", "{starttls: true, lines: false}"),
            ("tcp-nothing-sent", "[\"EHLO ${host}${1}\\r\\n\", {env: MAIL_WORD}]", "''"),
            ("tcp-tls-twice", "ip: prefer_4", "tls: true"),
            ("tcp-within", "within: 5s", "within: 11s"),
            ("tls-address", address, "https://app.example.com/\n      settings"),
            ("tls-names-unverified", "server_name: www.example.com", "insecure_skip_verify: true"),
            ("tls-valid-for", "14d", "14"),
            ("dns-family-of-address", "ip: 6", "ip: 4"),
            ("dns-server-without-port", dns, "dns.example.com"),
            ("dns-transport", "transport: tls", "transport: https"),
            ("dns-tls-over-datagrams", "transport: tls", "transport: udp"),
            ("dns-type", "type: SRV", "type: SVR"),
            ("dns-name", "_sip._tcp.example.com", "sip..example.com"),
            ("dns-name-beyond-ascii", "_sip._tcp.example.com", "b\u{fc}cher.example"),
            ("dns-rcode", "[NOERROR, NXDOMAIN]", "nxdomain"),
            ("dns-records-of-no-name", "[NOERROR, NXDOMAIN]", "NXDOMAIN"),
            ("dns-counts", "at_least: 1, at_most: 4", "at_least: 4, at_most: 1"),
            ("dns-count", "at_least: 1", "at_least: some"),
            ("icmp-host", "gateway.example.com", "gateway.example.com:80"),
            ("icmp-payload", "100B", "64KiB"),
            ("icmp-ttl", "ttl: 9", "ttl: 0"),
            ("grpc-own-header", "authorization: {env: TOKEN}", "grpc-timeout: 1S"),
            ("grpc-plain-secret", "{env: TOKEN}", "Bearer hunter2"),
        ],
    );
}

#[test]
fn files_that_cannot_be_read_as_yaml() {
    pin_bad("empty", b"");
    pin_bad("only-comments", b"# nothing yet\n\n");
    pin_bad("not-yaml", b"version: burndown/v1\nservice: [shop\nslos: }\n");
    pin_bad("tab-indentation", b"version: burndown/v1\nslos:\n\t- name: a\n");
    pin_bad("two-documents", format!("{GOOD}---\n{GOOD}").as_bytes());
    pin_bad("not-utf8", b"version: burndown/v1\nservice: caf\xe9\n");
    pin_bad("not-a-mapping", b"- version: burndown/v1\n");
    pin_bad("a-word", b"burndown\n");
    pin_bad("deep-nesting", format!("version: {}{}\n", "[".repeat(500), "]".repeat(500)).as_bytes());
    pin_bad("deep-blocks", (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>().as_bytes());
    pin_bad("alias-bomb", alias_bomb().as_bytes());
    pin_bad("alias-of-itself", b"version: &a [*a]\n");
    pin_bad("unknown-alias", b"version: *nowhere\n");
    pin_bad("tag", damaged(GOOD, "objective: 99.9", "objective: !!float 99.9").as_bytes());
    pin_bad("merge-key", damaged(GOOD, "service: shop", "service: shop\n<<: {window: 7d}").as_bytes());
    pin_bad("list-as-key", damaged(GOOD, "service: shop", "service: shop\n[a, b]: c").as_bytes());
}

/// Nine levels of nine aliases each: 9⁹ values.
fn alias_bomb() -> String {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

#[test]
fn large_files_are_answered_soon() {
    let probes: String = (0..12_000).map(|n| format!(" - {{name: p{n}, interval: 1s}}\n")).collect();
    let slos: String =
        (0..10_000).map(|n| format!(" - {{name: q{n}, objective: 99, sli: {{probe: q{n}}}}}\n")).collect();
    let groups: Vec<String> = (0..30_000).map(|n| format!("l{n}")).collect();
    let keys: Vec<String> = (0..60_000).map(|n| format!("k{n}: x")).collect();
    for text in [
        format!("service: a\nprobes:\n{probes}slos:\n{slos}"),
        format!("slos: [{{sli: {{events: {{by: [{}]}}}}}}]", groups.join(", ")),
        format!("{{{}}}", keys.join(", ")),
        format!("slos: [{}]", "{name: a}, ".repeat(60_000)),
    ] {
        let started = std::time::Instant::now();
        let output = burndown(&[("slo.yaml", text.as_bytes())], &["check", "slo.yaml"]);
        assert_eq!(output.status.code(), Some(1));
        // Seconds without optimisation, also on a busy machine; what is quadratic takes many minutes.
        assert!(started.elapsed().as_secs() < 120, "{} took {:?}", &text[..40], started.elapsed());
        assert!(output.stdout.len() < 100_000);
    }
}

#[test]
fn a_long_text_that_aliases_repeat_is_a_bomb_too() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 50_000].join(", "));
    let output = burndown(&[("slo.yaml", text.as_bytes())], &["check", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown(&output).contains("error[too-complex]"));
    assert!(output.stdout.len() < 10_000, "the rendering of a long line stays short");
}

#[test]
fn paths_that_cannot_be_used() {
    let huge = vec![b'a'; 10 << 20];
    for (name, path, code) in
        [("missing-file", "nowhere.yaml", 2), ("directory-without-files", "empty", 2), ("huge-file", "huge.yaml", 1)]
    {
        let output = burndown(&[("empty/readme.txt", b"x"), ("huge.yaml", &huge)], &["check", path]);
        assert_eq!(output.status.code(), Some(code), "{}", shown(&output));
        pin(name, &shown(&output));
    }
    let output = burndown(&[("bad.yaml", b"x: y\n")], &["check", "bad.yaml", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(2), "a missing file outranks a bad one: {}", shown(&output));
    assert!(shown(&output).contains("no key `x`"), "the other file is still checked");
    assert_eq!(burndown(&[], &["check"]).status.code(), Some(2));
    assert_eq!(burndown(&[], &["check", "--nonsense", "x"]).status.code(), Some(2));
}

#[test]
fn keys_are_known_at_every_depth() {
    pin_damage(
        GOOD,
        &[
            ("unknown-key-file", "service: shop", "servise: shop"),
            ("unknown-key-probe", "    timeout: 10s", "    timeuot: 10s"),
            ("unknown-key-http", "http: {url:", "http: {uri:"),
            ("unknown-key-expect", "within: 2s", "witin: 2s"),
            ("unknown-key-step", "run: [order, one]", "cmd: [order, one]"),
            ("unknown-key-slo", "objective: 99.9", "target: 99.9"),
            ("unknown-key-sli", "{probe: home}", "{latncy: {threshold: 300ms}}"),
            ("duplicate-key", "objective: 99.9", "objective: 99.9, objective: 99"),
            ("missing-key", "version: burndown/v1\n", ""),
            ("empty-value", "service: shop", "service: shop\nlabels:"),
            ("empty-list", "steps:\n        - {name: order, run: [order, one]}", "steps: []"),
            ("wrong-type", "run: [order, one]", "run: order one"),
            ("one-of-none", "sli: {probe: home}", "sli: {}"),
            ("one-of-several", "sli: {probe: home}", "sli: {probe: home, query: {bad: x, total: y}}"),
            ("unknown-version", "burndown/v1", "burndown/v2"),
        ],
    );
}

#[test]
fn names_are_unique_and_known() {
    pin_damage(
        GOOD,
        &[
            ("invalid-name", "service: shop", "service: the shop"),
            ("duplicate-slo", "name: orders", "name: availability"),
            ("duplicate-probe", "name: order\n", "name: home\n"),
            ("duplicate-step", "name: cancel", "name: order"),
            ("dangling-probe", "probe: home", "probe: hme"),
            ("no-probes", "probe: home}}\n  - {name: orders, objective: 99, sli: {probe: order", "probe: a/b"),
        ],
    );
    let other =
        "version: burndown/v1\nservice: shop\nslos:\n  - {name: availability, objective: 99, sli: {probe: home}}\n";
    let output = burndown(&[("a.yaml", GOOD.as_bytes()), ("b.yaml", other.as_bytes())], &["check", "a.yaml", "b.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    pin("same-slo-in-two-files", &shown(&output));
    let output = burndown(&[("a.yaml", GOOD.as_bytes())], &["check", "a.yaml", "./a.yaml", "."]);
    assert_eq!(output.status.code(), Some(0), "a file that is named twice is read once: {}", shown(&output));
}

#[test]
fn objectives_and_windows() {
    pin_damage(
        GOOD,
        &[
            ("objective-0", "99.9", "0"),
            ("objective-100", "99.9", "100"),
            ("objective-101", "99.9", "101"),
            ("objective-minus-1", "99.9", "-1"),
            ("objective-comma", "99.9", "'99,9'"),
            ("objective-comma-in-flow", "99.9", "99,9"),
            ("objective-percent", "99.9", "99.9%"),
            ("objective-word", "99.9", "high"),
            ("objective-list", "99.9", "[99.9]"),
            ("window-0d", "service: shop", "service: shop\nwindow: 0d"),
            ("window-91d", "service: shop", "service: shop\nwindow: 91d"),
            ("window-month", "service: shop", "service: shop\nwindow: month"),
            ("window-calendar", "service: shop", "service: shop\nwindow: calendar"),
            ("window-quarter", "service: shop", "service: shop\nwindow: calendar-quarter"),
            ("window-1M", "service: shop", "service: shop\nwindow: 1M"),
            ("window-uneven", "service: shop", "service: shop\nwindow: 1h7m"),
            ("window-no-unit", "service: shop", "service: shop\nwindow: 30"),
        ],
    );
}

#[test]
fn tls_settings() {
    pin_damage(
        GOOD,
        &[
            ("tls-half-a-client", "expect:", "tls: {cert_file: client.pem}, expect:"),
            ("tls-ca-and-insecure", "expect:", "tls: {ca_file: ca.pem, insecure_skip_verify: true}, expect:"),
            ("tls-server-name", "expect:", "tls: {server_name: 'https://a b/'}, expect:"),
            ("tls-old-version", "expect:", "tls: {min_version: TLS10}, expect:"),
            ("tls-empty-path", "expect:", "tls: {ca_file: ''}, expect:"),
        ],
    );
}

#[test]
fn requests() {
    let oauth2 = "oauth2: {token_url: 'https://id.example.com/token', client_id: shop, client_secret: {env: SECRET}";
    let basic = "basic_auth: {username: me, password: {env: PASSWORD}}";
    pin_damage(
        GOOD,
        &[
            ("http-version", "expect:", "version: 3, expect:"),
            ("http-host", "expect:", "headers: {Host: 'https://a/'}, expect:"),
            ("http-two-credentials", "expect:", &format!("{basic}, bearer_token: {{env: TOKEN}}, expect:")),
            (
                "http-credentials-beside-header",
                "expect:",
                &format!("headers: {{authorization: {{env: A}}}}, {basic}, expect:"),
            ),
            ("http-plain-password", "expect:", "basic_auth: {username: me, password: hunter2}, expect:"),
            ("http-plain-bearer", "expect:", "bearer_token: hunter2, expect:"),
            ("http-user-with-colon", "expect:", "basic_auth: {username: 'a:b', password: {env: P}}, expect:"),
            (
                "http-plain-client-secret",
                "expect:",
                "oauth2: {token_url: 'http://h/', client_id: a, client_secret: hunter2}, expect:",
            ),
            ("http-own-param", "expect:", &format!("{oauth2}, params: {{scope: read, audience: api}}}}, expect:")),
            ("http-scope", "expect:", &format!("{oauth2}, scopes: read write}}, expect:")),
            ("http-two-bodies", "expect:", "method: POST, body: a, body_file: b, expect:"),
            ("http-compression", "expect:", "compression: [gzip, zstd], expect:"),
            ("http-compression-beside-header", "expect:", "compression: gzip, headers: {Accept-Encoding: br}, expect:"),
            ("http-redirects", "expect:", "redirects: 21, expect:"),
            ("http-proxy-path", "expect:", "proxy: {url: 'http://proxy/path'}, expect:"),
            ("http-proxy-password", "expect:", "proxy: {url: 'http://me:hunter2@proxy/'}, expect:"),
            ("http-no-proxy", "expect:", "proxy: {url: 'http://proxy/', no_proxy: [localhost, 'http://a/']}, expect:"),
            (
                "http-tls-without-tls",
                "https://shop.example.com/, expect:",
                "http://shop.example.com/, tls: {min_version: TLS13}, expect:",
            ),
            ("http-ip-contradicts", "https://shop.example.com/, expect:", "'http://192.0.2.1/', ip: 6, expect:"),
        ],
    );
}

#[test]
fn probes() {
    pin_damage(
        GOOD,
        &[
            ("interval-no-unit", "interval: 30s", "interval: 15"),
            ("interval-zero", "interval: 30s", "interval: 0s"),
            ("interval-too-short", "interval: 30s", "interval: 10ms"),
            ("timeout-too-long", "timeout: 10s", "timeout: 31s"),
            ("within-too-long", "within: 2s", "within: 11s"),
            ("step-timeout-too-long", "run: [order, one]", "run: [order, one], timeout: 2m"),
            ("url-scheme", "https://shop.example.com/", "ftp://shop.example.com/"),
            ("url-relative", "https://shop.example.com/", "/health"),
            ("url-with-password", "https://shop.example.com/", "https://me:hunter2@shop.example.com/"),
            ("secret-header", "expect:", "headers: {authorization: Bearer hunter2}, expect:"),
            ("secret-beside-other-errors", "expect:", "headers: {Cookie: [hunter2]}, journey: {}, expect:"),
            ("invalid-header", "expect:", "headers: {Content Type: text/plain}, expect:"),
            ("framing-header", "expect:", "headers: {Content-Length: 5}, expect:"),
            ("method", "expect:", "method: get, expect:"),
            ("status", "[200]", "[200, 6xx, 204-200]"),
            ("size-no-unit", "expect:", "max_body: 4096, expect:"),
            ("command-variable", "run: [order, one]", "run: [order, one], env: {A: '${rundir}'}"),
            ("command-env-name", "run: [order, one]", "run: [order, one], env: {A-B: x}"),
        ],
    );
    captures();
    expectations();
    let unused = damaged(GOOD, "  - {name: orders, objective: 99, sli: {probe: order}}\n", "");
    let output = burndown(&[("slo.yaml", unused.as_bytes())], &["check", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(0), "a warning is no error");
    pin("unused-probe", &shown(&output));
    let output = burndown(&[("slo.yaml", unused.as_bytes())], &["check", "--strict", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(1), "unless asked to be");
}

/// A good file with an expectation of every kind.
fn expecting() -> String {
    damaged(
        GOOD,
        "expect: {status: [200], within: 2s}",
        "expect: {status: [200], version: [1.1, 2], tls: true, within: 2s, headers: {Age: {below: 10}, \
         Content-Type: {matches: '^text/'}}, body: {contains: [a, b], not_matches: err}, json: {/a: {equals: b}}}",
    )
}

/// Each expectation, damaged in one way.
fn expectations() {
    let good = expecting();
    let clean = burndown(&[("slo.yaml", good.as_bytes())], &["check", "--strict", "slo.yaml"]);
    assert_eq!(clean.status.code(), Some(0), "{}", shown(&clean));
    pin_damage(
        &good,
        &[
            ("expect-interim-status", "status: [200]", "status: [100, 102-199, 1xx, 101, 200]"),
            ("expect-body-of-head", "expect: {status", "method: HEAD, expect: {status"),
            ("expect-version", "[1.1, 2]", "[1.1, 3]"),
            ("expect-tls", "tls: true", "tls: maybe"),
            ("expect-header-name", "Age:", "A ge:"),
            ("expect-header-text", "{matches: '^text/'}", "text/html"),
            ("expect-rule-typo", "{below: 10}", "{belov: 10}"),
            ("expect-bound", "below: 10", "below: ten"),
            ("expect-regex", "not_matches: err", "not_matches: '(?=err)'"),
            ("expect-empty-regex", "not_matches: err", "not_matches: ''"),
            ("expect-huge-regex", "not_matches: err", "not_matches: '\\w{1000}{1000}'"),
            ("expect-empty-text", "[a, b]", "[a, '']"),
            ("expect-no-rule", "{contains: [a, b], not_matches: err}", "{}"),
            ("expect-no-value-rule", "{equals: b}", "{}"),
            ("expect-pointer", "/a: {equals: b}", "a.b: {equals: b}"),
            ("expect-pointer-tilde", "/a: {equals: b}", "/a~: {equals: b}"),
            ("expect-absent", "{equals: b}", "{present: false, equals: b}"),
        ],
    );
}

/// A good file with steps that capture something.
fn capturing() -> String {
    let step = "{name: order, run: [order, one]}";
    damaged(
        GOOD,
        step,
        "{name: order, run: [order, one], capture: {id: {regex: 'id=(.+)'}, token: {json: /token}}}
        - {name: look, http: {url: 'https://shop.example.com/orders/${id}', headers: {Authorization: 'Bearer ${token}'}}}",
    )
}

/// Each capture, damaged in one way.
fn captures() {
    let good = capturing();
    let clean = burndown(&[("slo.yaml", good.as_bytes())], &["check", "--strict", "slo.yaml"]);
    assert_eq!(clean.status.code(), Some(0), "{}", shown(&clean));
    pin_damage(
        &good,
        &[
            ("capture-unknown", "orders/${id}", "orders/${ib}"),
            ("capture-too-early", "[order, one]", "[order, '${id}']"),
            ("capture-not-closed", "orders/${id}", "orders/${id"),
            ("capture-in-journey-env", "      steps:", "      env: {A: '${id}'}\n      steps:"),
            ("capture-in-host", "shop.example.com/orders/${id}", "${id}.example.com/"),
            (
                "capture-in-host-header",
                "{Authorization: 'Bearer ${token}'}",
                "{Host: '${id}', Authorization: 'Bearer ${token}'}",
            ),
            ("capture-and-credentials", "headers: {Auth", "bearer_token: {env: T}, headers: {Auth"),
            ("capture-in-port", "shop.example.com/orders/${id}", "shop.example.com:${id}/"),
            ("capture-in-fragment", "orders/${id}", "orders#${id}"),
            ("capture-climbs-out", "orders/${id}", "orders/${id}/.."),
            ("capture-in-program", "{name: cancel, run: [order, cancel]}", "{name: cancel, run: ['${id}']}"),
            ("capture-two-groups", "'id=(.+)'", "'(id)=(.+)'"),
            ("capture-bad-regex", "'id=(.+)'", "'id=(.+'"),
            ("capture-bad-pointer", "/token", "$.token.value"),
            ("capture-header-of-a-command", "{json: /token}", "{header: X-Token}"),
            (
                "capture-body-of-head",
                "{name: order, run: [order, one], capture",
                "{name: order, http: {url: 'https://shop.example.com/', method: HEAD}, capture",
            ),
            ("capture-two-sources", "{json: /token}", "{json: /token, header: X-Token}"),
            ("capture-nothing", "{json: /token}", "{}"),
            ("capture-run-dir", "token: {json: /token}", "run_dir: {json: /token}"),
            ("capture-name", "token: {json: /token}", "a token: {json: /token}"),
            ("capture-twice", "name: look, ", "name: look, capture: {id: {json: /id}}, "),
            ("capture-secret-header", "'Bearer ${token}'", "'Bearer $${token}'"),
            ("capture-header-value", "'Bearer ${token}'", "\"Bearer\\n${token}\""),
        ],
    );
    let unused = damaged(&good, "orders/${id}", "orders");
    let output = burndown(&[("slo.yaml", unused.as_bytes())], &["check", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(0), "a warning is no error");
    pin("capture-unused", &shown(&output));
}

#[test]
fn counted_slis_labels_and_alerting() {
    pin_damage(
        COUNTED,
        &[
            ("invalid-selector", "total: http_requests_total", "total: 'http_requests_total{'"),
            ("not-a-selector", "total: http_requests_total", "total: 'rate(http_requests_total[5m])'"),
            ("invalid-query", "'sum(rate(x_total[$window]))'", "'sum(rate(x_total[$window])'"),
            ("query-too-new", "'sum(rate(x_total[$window]))'", "'sum(mad_over_time(x_total[$window]))'"),
            ("query-without-unit", "rate(x_total[$window])", "rate(x_total[$window]) + rate(x[300])"),
            ("query-duration", "rate(x_total[$window])", "5m * rate(x_total[$window])"),
            ("query-gone", "rate(x_total[$window])", "holt_winters(x_total[$window], 0.5, 0.5)"),
            ("query-without-window", "'sum(rate(x_total[$window]))'", "sum(rate(x_total[5m]))"),
            ("query-over-lines", "'sum(rate(x_total[$window]))'}", "\"sum(\\n  rate(x_total[$window])\"}"),
            ("reserved-label", "by: [route]", "by: [slo]"),
            ("reserved-severity", "labels: {team: web}", "labels: {severity: high}"),
            ("invalid-label", "labels: {team: web}", "labels: {9team: web, empty: ''}"),
            ("label-conflict", "by: [route]", "by: [route, team]"),
            ("label-twice", "by: [route]", "by: [route, route]"),
            ("pair-upside-down", "short: 5m", "short: 2h"),
            ("pair-uneven", "short: 5m", "short: 5m1s"),
            ("pair-uneven-slow", "long: 1h", "long: 6h1m"),
            ("pair-beyond-window", "long: 1h", "long: 31d"),
            ("pair-severity", "severity: page", "severity: pager"),
            ("pair-factor", "factor: 14.4", "factor: -1"),
            ("pair-budget", "factor: 14.4", "budget: 101%"),
            ("min-failures", "alerting:", "alerting:\n  min_failures: 0"),
        ],
    );
}

#[test]
fn kinds_of_slis() {
    pin_damage(
        KINDS,
        &[
            ("events-three", "total: x,", "total: x, bad: y,"),
            ("events-good-alone", "total: x, by", "by"),
            ("histogram-bucket-series", "histogram: h_seconds,", "histogram: h_seconds_bucket,"),
            ("histogram-le", "{job=\"api\"}', threshold", "{le=\"0.3\"}', threshold"),
            ("histogram-no-name", "h_seconds{job", "{__name__=\"h_seconds\",job"),
            ("histogram-selector", "histogram: h_seconds,", "histogram: 'rate(h_seconds[5m])',"),
            ("latency-threshold", "threshold: 300ms", "threshold: 0.3"),
            ("latency-native-first-sample", "native: true", "native: true, first_sample: count"),
            ("gauge-two-bounds", "at_most: 100", "at_most: 100, below: 5"),
            ("gauge-bound", "at_most: 100", "at_most: 100ms"),
            ("gauge-selector", "metric: queue_length", "metric: sum(queue_length)"),
            ("ratio-key", "{error: 'job", "{bad: 'job"),
        ],
    );
}

#[test]
fn budgeting() {
    pin_damage(
        KINDS,
        &[
            ("budgeting-word", "budgeting: occurrences", "budgeting: timeslices"),
            ("timeslices-of-a-query", "    budgeting: occurrences\n", ""),
            ("timeslices-multiple", "slice: 1m", "slice: 15s"),
            ("timeslices-uneven", "slice: 1m", "slice: 2m"),
            ("timeslices-target", "target: 95", "target: 101"),
            ("timeslices-no-target", ", target: 95", ""),
        ],
    );
    let slices = "objective: 99.9, budgeting: {timeslices: {slice: 30s, target: 50}}";
    pin_usable("timeslices-of-a-probe", &damaged(GOOD, "objective: 99.9", slices));
    pin_damage(GOOD, &[("timeslices-without-runs", "objective: 99,", &format!("{},", slices.replace("99.9", "99")))]);
}

#[test]
fn options_of_alerts() {
    pin_damage(
        KINDS,
        &[
            ("alert-unknown", "watchdog: {", "watchdogs: {"),
            ("alert-name", "name: ApiBurn", "name: api burn"),
            ("alert-name-taken", "name: ApiBurn", "name: ErrorBudgetExhausted"),
            ("alert-severity", "severity: page, for", "severity: pager, for"),
            ("alert-burn-severity", "name: ApiBurn", "severity: page"),
            ("alert-severity-label", "labels: {kind: burn}", "labels: {severity: high}"),
            ("alert-label-conflict", "labels: {kind: burn}", "labels: {route: all}"),
            ("alert-for", "for: 10m", "for: 10"),
            ("alert-runbook", "https://wiki.example.com/runbooks/api", "wiki/api"),
            ("alert-of-service", "{runbook: 'http://h/', alerts: {", "{alerts: {watchdog: {disable: true}, "),
            ("alert-template", "{{ $value }}'", "{{ $valeu }}'"),
            ("alert-template-function", "{{ $value }}'", "{{ $value | humanise }}'"),
            ("alert-template-open", "{{ $value }}'", "{{ if $value }}'"),
        ],
    );
    let other = "version: burndown/v1\nservice: api\nalerting: {alerts: {watchdog: {name: Alive}}}\n";
    let files: [(&str, &[u8]); 2] = [("a.yaml", KINDS.as_bytes()), ("b.yaml", other.as_bytes())];
    let output = burndown(&files, &["check", "."]);
    assert_eq!(output.status.code(), Some(1));
    pin("alert-of-service-twice", &shown(&output));
}

#[test]
fn the_model_holds_every_kind_and_option() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("slo.yaml");
    fs::write(&path, KINDS).expect("written");
    let loaded = spec::load(&[path]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let service = loaded.fleet.services.values().next().expect("a service");
    let slo = |name: &str| service.slos.values().find(|slo| slo.name.as_str() == name).expect("an SLO");
    let text = |selector: &Selector| selector.to_string();

    let Sli::Events { counters: CounterPair::GoodTotal { good, total }, .. } = &slo("a").sli else { panic!("good") };
    assert_eq!((text(good), text(total)), ("x{code=\"200\"}".into(), "x".into()));
    let Sli::Events { counters: CounterPair::GoodBad { bad, .. }, .. } = &slo("b").sli else { panic!("good and bad") };
    assert_eq!(text(bad), "x{code=\"500\"}");
    let Sli::Latency { count, bucket, threshold, first_sample, .. } = &slo("c").sli else { panic!("latency") };
    assert_eq!(text(count), "h_seconds_count{job=\"api\"}");
    assert_eq!(text(bucket), "h_seconds_bucket{job=\"api\",le=~\"0\\\\.3\"}");
    assert_eq!((threshold.to_string().as_str(), *first_sample), ("0.3", FirstSample::Count));
    let Sli::NativeLatency { histogram, .. } = &slo("d").sli else { panic!("native") };
    assert_eq!(text(histogram), "h_seconds");
    assert!(matches!(slo("e").sli, Sli::Gauge { good: None, .. }));
    let Sli::Gauge { good: Some(condition), .. } = &slo("f").sli else { panic!("a gauge") };
    assert_eq!((condition.comparison, condition.bound.to_string().as_str()), (Comparison::AtMost, "100"));
    assert!(matches!(slo("g").sli, Sli::Ratio { .. }));

    let Budgeting::Timeslices { slice, target } = slo("a").budgeting else { panic!("timeslices") };
    assert_eq!((slice, target.to_string().as_str()), (Duration::from_mins(1), "0.95"));
    assert_eq!(slo("h").budgeting, Budgeting::Occurrences);
    let labels = |name| slo(name).labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    assert_eq!(
        (labels("a"), labels("b")),
        (vec!["team=web".into(), "tier=gold".into()], vec!["team=web".into(), "tier=silver".into()])
    );

    let alerting = &slo("a").alerting;
    assert_eq!(alerting.runbook.as_ref().map(url::Url::as_str), Some("https://wiki.example.com/runbooks/api"));
    assert_eq!(alerting.page.options.pending, Some(Duration::from_mins(1)));
    assert_eq!(alerting.page.options.keep_firing_for, Some(Duration::from_mins(5)));
    let burn = &alerting.alerts[&Alert::ErrorBudgetBurn];
    assert_eq!(burn.name.as_ref().map(|name| name.as_str()), Some("ApiBurn"));
    assert_eq!(alerting.alerts[&Alert::ErrorBudgetExhausted].severity, Some(Severity::Page));
    let overridden = &slo("h").alerting;
    assert_eq!(overridden.runbook.as_ref().map(url::Url::as_str), Some("http://h/"));
    let burn = &overridden.alerts[&Alert::ErrorBudgetBurn];
    assert_eq!(burn.name.as_ref().map(|name| name.as_str()), Some("ApiBurn"), "field by field");
    assert_eq!(burn.options.labels.values().collect::<Vec<_>>(), ["h"]);
    assert!(overridden.alerts[&Alert::ErrorBudgetExhausted].options.disable);
    assert!(service.slos.values().all(|slo| slo.alerting.alerts[&Alert::Watchdog].options.disable));
}

#[test]
fn rules_gate_and_calendar() {
    let maintenance = "service: shop\nmaintenance:\n  - {name: patching, days: [sun], from: '02:00', to: '04:00', timezone: UTC, slos: [orders]}";
    let hours = "service: shop\nworking_hours: {days: [mon], from: '09:00', to: '17:00', timezone: Europe/Dublin}";
    pin_damage(
        GOOD,
        &[
            ("rules-interval", "service: shop", "service: shop\nrules: {interval: 7s}"),
            ("rules-lookback", "service: shop", "service: shop\nrules: {interval: 1m, lookback: 30s}"),
            ("gate-upside-down", "service: shop", "service: shop\ngate: {close_at: 20m}"),
            ("gate-shares", "service: shop", "service: shop\ngate: {close_at: 30%, resume_at: 25%}"),
            ("gate-share", "service: shop", "service: shop\ngate: {resume_at: 250%}"),
            ("gate-on-unknown", "service: shop", "service: shop\ngate: {on_unknown: open}"),
            ("gate-resume", "service: shop", "service: shop\ngate: {resume: 10m, dry_run: maybe}"),
            ("change", "service: shop", "service: shop\nchanges: [{name: upgrade, downtime: 5h, duration: 4h}]"),
            ("maintenance-upside-down", "service: shop", &maintenance.replace("02:00", "23:00")),
            ("maintenance-zone", "service: shop", &maintenance.replace(", timezone: UTC", "")),
            ("maintenance-slo", "service: shop", &maintenance.replace("orders", "order")),
            ("maintenance-key", "service: shop", &maintenance.replace("days", "day")),
            ("maintenance-twice", "service: shop", &format!("{maintenance}\n{}", maintenance.lines().last().unwrap())),
            ("hours-day", "service: shop", &hours.replace("mon", "monday")),
            ("hours-time", "service: shop", &hours.replace("09:00", "9:00")),
            ("hours-upside-down", "service: shop", &hours.replace("17:00", "08:00")),
            (
                "hours-holiday",
                "service: shop",
                &hours.replace("{days", "{holidays: [2026-12-25, 26.12.2026, 2026-02-30], days"),
            ),
            ("hours-zone", "service: shop", &hours.replace("Dublin", "Dublinn")),
        ],
    );
    let with_hours = damaged(GOOD, "service: shop", hours);
    let other = format!("version: burndown/v1\n{hours}\n");
    let files: [(&str, &[u8]); 2] = [("a.yaml", with_hours.as_bytes()), ("b.yaml", other.as_bytes())];
    pin("hours-in-two-files", &shown(&burndown(&files, &["check", "."])));
}

/// Pins what `check` says about files that can be used.
fn pin_usable(name: &str, text: &str) {
    let output = burndown(&[("slo.yaml", text.as_bytes())], &["check", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{name}: {}", shown(&output));
    pin(name, &shown(&output));
    docs::takes_what_the_reader_takes(name, text);
}

#[test]
fn what_the_plan_shows() {
    pin_damage(
        GOOD,
        &[
            ("no-page-pair", "service: shop", "service: shop\nwindow: 1h"),
            (
                "no-page-pair-in-file",
                "service: shop",
                "service: shop\nalerting: {windows: [{severity: ticket, long: 1h, short: 5m, factor: 6}]}",
            ),
            ("resume-beyond-budget", "99.9, sli: {probe: home}", "99.99, gate: {resume_at: 10m}, sli: {probe: home}"),
            ("resume-below-close", "sli: {probe: home}", "gate: {close_at: 20m, resume_at: 10m}, sli: {probe: home}"),
            ("too-many-evaluations", "service: shop", "service: shop\nrules: {interval: 1s}"),
        ],
    );
    for (name, from, to) in [
        ("pair-dropped", "interval: 1m", "interval: 30m"),
        ("short-window-raised", "service: shop", "service: shop\nrules: {interval: 5m, lookback: 10m}"),
        ("factor-lowered", "objective: 99.9", "objective: 90"),
        ("single-failure-alerts", "objective: 99.9", "objective: 99.99, alerting: {min_failures: 1}"),
    ] {
        pin_usable(name, &damaged(GOOD, from, to));
    }
    for (name, from, to) in [
        ("never-unknown", "'sum(rate(x_total[$window]))'", "'sum(rate(x_total[$window])) or vector(1)'"),
        ("not-proved", "'sum(rate(x_errors[$window]))'", "'sum_over_time(absent(x)[$window:1m])'"),
    ] {
        pin_usable(name, &damaged(COUNTED, from, to));
    }
}

#[test]
fn services_that_disagree() {
    let timed =
        |interval: &str| damaged(COUNTED, "service: shop", &format!("service: shop\nrules: {{interval: {interval}}}"));
    let check = |a: &str, b: &str| burndown(&[("a.yaml", a.as_bytes()), ("b.yaml", b.as_bytes())], &["check", "."]);
    pin(
        "rules-disagree",
        &shown(&check(&timed("1m"), &damaged(GOOD, "service: shop", "service: shop\nrules: {interval: 15s}"))),
    );
    pin("rules-disagree-with-default", &shown(&check(GOOD, &timed("1m"))));
    let hours = "version: burndown/v1\nservice: shop\nworking_hours: {days: [mon], from: '09:00', to: '17:00', timezone: UTC}\n";
    for (a, b) in
        [(GOOD, timed("30s").as_str()), (hours, timed("1m").as_str()), (GOOD, &timed("1m").replace("shop", "other"))]
    {
        assert_eq!(check(a, b).status.code(), Some(0), "{}", shown(&check(a, b)));
    }
}

#[test]
fn uplinks() {
    let with = |uplink: &str| damaged(GOOD, "service: shop", &format!("service: shop\nuplink: {uplink}"));
    for (name, uplink) in [
        ("uplink-no-targets", "{timeout: 1s}"),
        ("uplink-empty", "{targets: []}"),
        ("uplink-list", "[192.0.2.1:443]"),
        ("uplink-unknown-key", "{target: '192.0.2.1:443'}"),
        ("uplink-timeout-too-long", "{targets: ['192.0.2.1:443'], timeout: 1m}"),
        (
            "uplink-bad-targets",
            "{targets: [192.0.2.1, 'gateway:0', 'gateway:https', '2001:db8::1:443', 'http://gateway/', ':53', '[2001:db8::1]:53']}",
        ),
    ] {
        pin_bad(name, with(uplink).as_bytes());
    }
    let (good, other) = (
        with("{targets: ['192.0.2.1:443', 'dns.example.com:53', '[2001:db8::1]:53'], timeout: 500ms}"),
        damaged(COUNTED, "service: shop", "service: shop\nuplink: {targets: ['192.0.2.1:443']}"),
    );
    let output = burndown(&[("a.yaml", good.as_bytes()), ("b.yaml", other.as_bytes())], &["check", "."]);
    pin("uplink-twice", &shown(&output));
    let loaded = spec::load_text("a.yaml", &good);
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    let uplink = loaded.fleet.services.values().next().and_then(|service| service.uplink.clone()).expect("an uplink");
    assert_eq!(uplink.timeout, Duration::from_millis(500));
    let targets: Vec<String> = uplink.targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["192.0.2.1:443", "dns.example.com:53", "[2001:db8::1]:53"]);
}

#[test]
fn what_budgets_mean() {
    pin_usable("meaning-of-probes", GOOD);
    pin_usable("meaning-of-kinds", KINDS);
    let budgeting = "budgeting: {timeslices: {slice: 1m, target: 95}}\n";
    pin_usable("meaning-of-occurrences", &damaged(KINDS, budgeting, ""));
    pin_usable("meaning-of-one-pair", COUNTED);
    let quiet = damaged(
        GOOD,
        "service: shop",
        "service: shop\nalerting: {page: {disable: true}, alerts: {burn: {disable: true}}}",
    );
    pin_usable("meaning-without-alerts", &quiet);
    let output = burndown(&[("slo.yaml", KINDS.as_bytes())], &["check", "--output", "json", "slo.yaml"]);
    pin("meaning-json", &shown(&output));
    let bad = burndown(&[("slo.yaml", damaged(GOOD, "99.9", "100").as_bytes())], &["check", "slo.yaml"]);
    assert!(!shown(&bad).contains("allows"), "nothing is said of files with errors");
}

#[test]
fn long_names_of_windows_do_not_move_a_column() {
    let text = damaged(GOOD, "service: shop", "service: shop\nwindow: 25h");
    let output = burndown(&[("slo.yaml", text.as_bytes())], &["check", "slo.yaml"]);
    let said = shown(&output);
    let blocks = said.split("\nshop/").skip(1);
    let columns = blocks.map(|block| block.lines().filter_map(|line| line.find('×')).collect::<Vec<_>>());
    for columns in columns {
        assert!(columns.len() > 1 && columns.iter().all(|column| *column == columns[0]), "{said}");
    }
}

#[test]
fn all_errors_of_a_file_at_once() {
    let text = "\
version: burndown/v1
service: the shop
windw: 30d
probes:
  - {name: home, interval: 15, http: {url: shop.example.com, expect: {status: [20], within: soon}}}
slos:
  - {name: a, objective: 99.9%, sli: {probe: hom}}
  - {name: a, objective: 100, sli: {latency: {threshold: 300ms}}}
  - {objective: [99], sli: {query: {bad: x, total: 'sum('}}}
  - nothing
gate: closed
rules: {interval: 7s, delay: soon}
";
    pin_bad("many-errors", text.as_bytes());
    let lines: String = (0..5_000).map(|line| format!("key{line}: x\n")).collect();
    let output = burndown(&[("slo.yaml", lines.as_bytes())], &["check", "slo.yaml"]);
    let text = shown(&output);
    assert!(text.contains("error[too-many-errors]: `slo.yaml` has 4902 more problems"), "{text}");
    let start = text.find("error[too-many-errors]").expect("found above");
    pin("too-many-errors", &text[start..]);
}

#[test]
fn odd_characters_reach_no_terminal() {
    let text = "\u{feff}version: burndown/v1\r\nservice: shop\r\n\"k\\u001b[31mey\\u0007\": x\r\n\
                \u{202e}rtl: x\r\nünï\tcode: x\r\nlabels: {\"\\r\\n\\0\": x}\r\nslos: [\t{nàme:\tx} ]\r\n";
    let output = burndown(&[("slo\u{1b}[31m.yaml", text.as_bytes())], &["check", "slo\u{1b}[31m.yaml"]);
    let rendered = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert!(rendered.chars().all(|c| c == '\n' || !c.is_control()), "{rendered:?}");
    assert!(!rendered.contains('\u{202e}'));
    pin("odd-characters", &shown(&output));
    pin_bad("control-character-in-key", b"version: burndown/v1\nse\x1b[31mrvice: shop\n");
    pin_bad("terminal-sequence", "version: burndown/v1\n\u{9b}31mservice: shop\n".as_bytes());
}

#[test]
fn json_says_the_same() {
    let text = damaged(GOOD, "99.9", "'99,9'").replacen("name: orders", "name: availability", 1);
    let output = burndown(&[("slo.yaml", text.as_bytes())], &["check", "--output", "json", "slo.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    pin("json", &shown(&output));
    let parsed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let first = &parsed["diagnostics"][0];
    let at = |key: &str| usize::try_from(first[key].as_u64().expect("a number")).expect("fits");
    assert_eq!(&text[at("start_byte")..at("end_byte")], "'99,9'");
    let clean = burndown(&[("slo.yaml", GOOD.as_bytes())], &["check", "--output", "json", "slo.yaml"]);
    pin("json-clean", &shown(&clean));
}

#[test]
fn standard_input_and_a_reader_that_leaves() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("burndown runs");
    child.stdin.take().expect("piped").write_all(GOOD.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("burndown ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with("\n<stdin>: 1 service, 2 SLOs, 2 probes: no problems\n"), "{text}");

    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("burndown runs");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(GOOD.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("burndown ends");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(output.stderr.is_empty());
}

#[test]
fn the_model_holds_what_the_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tracker.yaml");
    let loaded = spec::load(&[path]);
    assert!(!loaded.has_errors());
    let service = loaded.fleet.services.values().next().expect("a service");
    let slo = |name: &str| service.slos.values().find(|slo| slo.name.as_str() == name).expect("an SLO");
    let app = slo("app-availability");
    assert_eq!(app.objective.error_budget().to_string(), "0.001");
    assert_eq!(app.window, Duration::from_days(30));
    assert_eq!(app.gate.resume_at, BudgetAmount::Time(Duration::from_mins(10)));
    assert!(matches!(&app.sli, Sli::Probe { interval, .. } if *interval == Duration::from_secs(30)));
    assert_eq!(app.labels.values().next().map(String::as_str), Some("cloud-ops"));
    let canary = service.probes.values().find(|probe| probe.name.as_str() == "canary-app").expect("a probe");
    assert_eq!(canary.timeout, Duration::from_secs(10), "the default");
    let push = service.probes.values().find(|probe| probe.name.as_str() == "cf-push").expect("a probe");
    let ProbeKind::Journey(journey) = &push.kind else { panic!("a journey") };
    assert_eq!((journey.steps.len(), journey.cleanup.len()), (3, 1));
    let StepAction::Run { env, .. } = &journey.steps[0].action else { panic!("a command") };
    assert!(env.values().all(|value| matches!(value, EnvValue::Secret(_))));
    assert_eq!(service.changes.len(), 2);
    let hours = service.working_hours.as_ref().expect("working hours");
    assert_eq!((hours.days.len(), hours.timezone.iana_name()), (5, Some("Europe/Dublin")));
}

#[test]
fn an_slo_overrides_its_file_field_by_field() {
    let text = "\
version: burndown/v1
service: shop
window: 7d
gate: {close_at: 1m, on_unknown: allow}
alerting: {min_failures: 3, page: {labels: {severity: critical}, annotations: {runbook: x}}}
probes: [{name: home, interval: 5s, http: {url: 'http://localhost:1/'}}]
slos:
  - {name: a, objective: 99, sli: {probe: home}}
  - name: b
    objective: 99
    window: 1d
    sli: {probe: home}
    gate: {resume_at: 25%}
    alerting: {min_failures: 1, page: {disable: true}, windows: [{severity: ticket, long: 1h, short: 5m, budget: 2%}]}
";
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("slo.yaml");
    fs::write(&path, text).expect("written");
    let loaded = spec::load(&[path]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let service = loaded.fleet.services.values().next().expect("a service");
    let slos: Vec<_> = service.slos.values().collect();
    let summary: Vec<String> = slos
        .iter()
        .map(|slo| {
            format!("{:?} {:?} {:?} {:?}", slo.window, slo.gate.close_at, slo.gate.resume_at, slo.gate.on_unknown)
        })
        .collect();
    assert_eq!(summary, ["7d Time(1m) Share(0.25) Allow", "1d Time(1m) Share(0.25) Allow"]);
    let alerts: Vec<_> = slos
        .iter()
        .map(|slo| {
            let page = &slo.alerting.page;
            (slo.alerting.min_failures, page.options.disable, page.severity.as_str(), page.options.annotations.len())
        })
        .collect();
    assert_eq!(alerts, [(3, false, "critical", 1), (1, true, "critical", 1)]);
    assert_eq!(slos[0].alerting.ticket.severity, "ticket");
    assert!(slos[0].alerting.windows.is_none() && slos[1].alerting.windows.is_some());
    let probe = service.probes.values().next().expect("a probe");
    assert_eq!(probe.timeout, Duration::from_secs(5), "no longer than the interval");
}

#[test]
fn every_code_has_a_pinned_rendering_and_an_explanation() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let texts: String = ["check", "import"]
        .into_iter()
        .flat_map(|room| fs::read_dir(golden.join(room)).expect("the pinned renderings"))
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("text"))
        .collect();
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !texts.contains(&format!("[{}]", code.as_str())))
        .map(|code| code.as_str())
        .collect();
    assert!(missing.is_empty(), "no rendering is pinned of {missing:?}");
    assert!(Code::ALL.iter().all(|code| code.explanation().ends_with('.')));
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
}

/// Expressions with what promtool is known to do with them; `$window` stands for a range.
const EXPRESSIONS: &[&str] = &[
    // Valid.
    "up",
    "http_requests_total{job=\"api\"}",
    "http_requests_total{job=\"api\",code=~\"5..\",}",
    "{__name__=\"up\"}",
    "{__name__=~\"up.+\"}",
    "up{job!=\"\"}",
    "x:y:z{a='b'}",
    "sum(rate(x[$window]))",
    "sum by (route) (rate(x[$window])) / 2",
    "sum(increase(x_total{a=\"b\"}[$window] offset 1m))",
    "histogram_quantile(0.9, sum by (le) (rate(x_bucket[$window])))",
    "sum(rate(x[$window])) or vector(0)",
    "avg_over_time(x[$window:1m])",
    "count_over_time(x[$window]) > bool 1",
    "quantile_over_time(0.5, x[$window])",
    "label_replace(rate(x[$window]), \"a\", \"$1\", \"b\", \"(.*)\")",
    // Invalid.
    "",
    "{}",
    "up{",
    "up}",
    "up{job}",
    "up{job=api}",
    "up{job=\"api\"",
    "up{job==\"api\"}",
    "up{job=~\"(\"}",
    "up{job=~\"[\"}",
    "up{job=~\".*\"}{",
    "{job=~\".*\"}",
    "{job=\"\"}",
    "{job!=\"x\"}",
    "up{9a=\"b\"}",
    "up{a-b=\"c\"}",
    "up{__name__=\"x\"}",
    "up{job=\"a\" code=\"b\"}",
    "up up",
    "up[5m",
    "up[5x]",
    "up[0s]",
    "rate(up)",
    "rate(x[$window]",
    "sum(rate(x[$window])))",
    "sum(x[$window])",
    "rate(sum(x[$window]))",
    "rate(x[$window], 5)",
    "rate()",
    "nosuchfunction(x[$window])",
    "sum by route (rate(x[$window]))",
    "sum(rate(x[$window])) +",
    "sum(rate(x[$window])) and 1",
    "sum(rate(x[$window])) or 0",
    "1 > 2",
    "rate(x[$window]) == on (a) group_left",
    "rate(x[$window]) and on (a) group_left (b) y",
    "x offset $window offset 5m",
    "rate(x[$window]) @ soon",
    "\"text\"",
    "'unterminated",
    "rate(x[$window]) unless 1",
    "topk(rate(x[$window]))",
    "quantile(rate(x[$window]))",
    "-\"a\"",
    "rate(x{a=\"\\z\"}[$window])",
    "x{a=\"b\"}[$window]",
    "rate(x[$window:])[$window]",
    "histogram_quantile(sum(rate(x[$window])))",
    "count_values(rate(x[$window]))",
    "absent(x[$window])",
    "# only a comment",
    "rate(x[$window]) ^ \"a\"",
    "x[$window][$window]",
    "(rate(x[$window])",
    "rate(x[1h $window])",
    "sum(rate(x[$window])) by (a) by (b)",
    "{\"up\"",
    "rate(1[$window])",
    "rate(x[$window] offset)",
    "label_replace(rate(x[$window]), \"a\")",
    "time($window)",
    "clamp(rate(x[$window]), 1)",
    // Valid for the parser crate, and still invalid: regular expressions beyond RE2, and quoted names.
    "up{a=~'(?x)a'}",
    "up{a!~'b|(?R:a)'}",
    "up{a=~'(?u)a'}",
    "up{a=~'(?<n>a)'}",
    "up{a=~'a{1001}'}",
    "up{a=~'(a{100}){11}'}",
    "up{a=~'a**'}",
    "up{a=~'\\\\u0041'}",
    "up{a=~'[\\\\u0041]'}",
    "up{a=~'\\\\p{Emoji}'}",
    "up{a=~'\\\\p{Script=Greek}'}",
    "rate(x{a=~'(?x)a'}[$window])",
    "sum(rate(x[$window])) / topk(scalar(y{a=~'(?x)a'}), z)",
    "{\"up\"}",
    "{\"up\", a=\"b\"}",
    "up{\"a b\"=\"c\"}",
    "up{a=\"b\", 'c'=\"d\"}",
    "rate({\"x\"}[$window])",
    // Newer than Prometheus 2.42, which the rules are promised to load in.
    "mad_over_time(x[$window])",
    "limitk(2, rate(x[$window]))",
    "limitk by (a) (2, rate(x[$window]))",
    "limit_ratio(0.5, rate(x[$window]))",
    "histogram_avg(rate(x[$window]))",
    "histogram_stddev(rate(x[$window]))",
    "histogram_stdvar(rate(x[$window]))",
    "info(rate(x[$window]))",
    "info(rate(x[$window]), {a=\"b\"})",
    "sort_by_label(rate(x[$window]), \"a\")",
    "sort_by_label_desc(rate(x[$window]), \"a\")",
    "double_exponential_smoothing(x[$window], 0.5, 0.5)",
    "first_over_time(x[$window])",
    "ts_of_first_over_time(x[$window])",
    "ts_of_last_over_time(x[$window])",
    "ts_of_max_over_time(x[$window])",
    "ts_of_min_over_time(x[$window])",
    "rate(x[$window]) * step()",
    "rate(x[$window]) + rate(x[300])",
    "rate(x[$window:30])",
    "rate(x[$window * 2])",
    "rate(x[2 * $window])",
    "rate(x[($window)])",
    "rate(x[$window + step()])",
    "rate(x[$window] offset 300)",
    "rate(x[$window] offset (5m))",
    "rate(x[$window] offset 5m * 2)",
    "5m * rate(x[$window])",
    "rate(x[$window]) > 1h30m",
    "sum by ('a') (rate(x[$window]))",
    "sum by (a, \"b\") (rate(x[$window]))",
    "rate(x[$window]) / on (\"a\") y",
    "rate(x[$window]) * 1_000",
    "holt_winters(x[$window], 0.5, 0.5)",
    "up{a=~'\\\\Qa.b\\\\E'}",
    // Near them, and valid.
    "sum by (offset, step, by) (rate(limitk{offset=\"300\", step='5m'}[$window] offset -1h30m))",
    "sum(rate(info[$window] offset 5m)) * 1e3 + 0x1d / 5 - 1e-5 # 5m offset 300",
    "topk(2, x{a=\"[300]\"}) + on () group_left (step) rate(range[$window])",
    "rate(x[$window:]) + rate(x[1d2h:30s]) + y @ start() + y @ 1609746000",
    "x offset $window",
    "x offset $window > 5",
    "up{a=~'(?i)a|(?P<n>b{1000})|\\\\p{Lu}|\\\\x{41}|[^a-f]+?'}",
    "up{a=\"{\", b=',\"'}",
];

#[test]
fn what_promtool_refuses_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut accepted_selectors = 0;
    let mut accepted_queries = 0;
    let mut wrong = Vec::new();
    for text in EXPRESSIONS {
        let expression = text.replace("$window", "5m");
        let is_valid = promtool_accepts(directory.path(), &expression);
        let selector = Selector::parse(text);
        let query = Query::parse(text);
        if is_valid != (selector.is_ok() || query.is_ok()) && !ON_PURPOSE.contains(text) {
            wrong.push((*text, is_valid, selector.clone().err(), query.clone().err()));
        }
        accepted_selectors += usize::from(selector.is_ok());
        accepted_queries += usize::from(query.is_ok());
        if let Ok(selector) = selector {
            let printed = selector.to_string();
            assert!(promtool_accepts(directory.path(), &printed), "{text} is printed as {printed}");
        }
    }
    assert!(wrong.is_empty(), "promtool thinks otherwise of {wrong:#?}");
    assert!(accepted_selectors >= 9, "{accepted_selectors} selectors are accepted");
    assert!(accepted_queries >= 8, "{accepted_queries} queries are accepted");
}

/// What 2.42 accepts and is refused all the same, each with the reason.
const ON_PURPOSE: &[&str] = &[
    // A rule needs a vector.
    "\"text\"",
    "x{a=\"b\"}[$window]",
    // Gone in Prometheus 3.
    "holt_winters(x[$window], 0.5, 0.5)",
    // RE2 has it, the engine of our parser has not.
    "up{a=~'\\\\Qa.b\\\\E'}",
];

fn promtool_accepts(directory: &Path, expression: &str) -> bool {
    let path = directory.join("rules.yaml");
    let quoted = serde_json::to_string(expression).expect("a string");
    fs::write(&path, format!("groups: [{{name: a, rules: [{{record: a, expr: {quoted}}}]}}]\n")).expect("written");
    let output = Command::new("promtool").args(["check", "rules"]).arg(&path).output().expect("promtool is installed");
    output.status.success()
}

/// Templates, valid and invalid; promtool says which. Those with `define` and the like are refused on purpose.
const TEMPLATES: &[&str] = &[
    // Valid.
    "",
    "plain text, with } and }} and { alone",
    "{{ $labels.route }} burns {{ $value | humanize }}",
    "{{$value}}",
    "{{- $value -}}",
    "{{ $labels.route -}} x",
    "{{ .Labels.route }} {{ .Value }} {{ . }} {{ $ }} {{ $.Labels }}",
    "{{ \"{{\" }} {{ `raw \" text` }} {{ 'x' }}",
    "{{ printf \"%.2f\" $value }}",
    "{{ printf \"%q\\n\\t\\x41\\u00e9\\101\" `a` }}",
    "{{ with query \"up\" }}{{ . | first | value | humanizePercentage }}{{ else }}none{{ end }}",
    "{{ if gt $value 0.5 }}a{{ else if lt $value 1e-3 }}b{{ else }}c{{ end }}",
    "{{ range $i, $e := query \"up\" }}{{ $i }}{{ $e.Labels.job }}{{ break }}{{ continue }}{{ end }}",
    "{{ range query \"up\" }}{{ .Value }}{{ else }}nothing{{ end }}",
    "{{ $x := 1 }}{{ $x = 2 }}{{ $x }}",
    "{{ if $x := $value }}{{ $x }}{{ else }}{{ $x }}{{ end }}",
    "{{ (index $labels \"a b\") }} {{ (query \"up\" | first).Value }}",
    "{{/* a comment */}}x{{- /* another */ -}}",
    "{{ $externalLabels.cluster }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}",
    "{{ and true (not false) | or nil }}",
    "{{ humanizeDuration 61 }} {{ humanizeTimestamp 0x10 }} {{ +1.5 }} {{ .5 }}",
    "{{ reReplaceAll \"a(.)\" \"$1\" $labels.job | toUpper | title }}",
    "{{ stripPort \"a:1\" }} {{ stripDomain \"a.b\" }} {{ parseDuration \"1h\" }} {{ 1 | toTime }}",
    "{{ args 1 2 }} {{ tableLink \"up\" }} {{ graphLink \"up\" }} {{ safeHtml \"x\" }} {{ match \"a\" \"b\" }}",
    "{{ range sortByLabel \"job\" (query \"up\") }}{{ label \"job\" . }}{{ strvalue . }}{{ end }}",
    "{{\n$value\n}}",
    "{{ .Foo.Bar }}",
    "{{ nil }}",
    "{{ $value | }}",
    // Invalid.
    "{{ $labels.route",
    "{{ $labels.route }",
    "{{ }}",
    "{{}}",
    "{{ | humanize }}",
    "{{ $value | 5 }}",
    "{{ $value | . }}",
    "{{ $value | | humanize }}",
    "{{ $nothing }}",
    "{{ $value.x }}{{ $valu }}",
    "{{ nosuchfunction 1 }}",
    "{{ Labels.route }}",
    "{{ humanise $value }}",
    "{{ urlQueryEscape \"a\" }}",
    "{{ toDuration 1 }}",
    "{{ now }}",
    "{{ \"unclosed }}",
    "{{ `unclosed }}",
    "{{ 'ab' }}",
    "{{ '' }}",
    "{{ \"\\z\" }}",
    "{{ \"\\x4\" }}",
    "{{ if $value }}",
    "{{ if }}x{{ end }}",
    "{{ end }}",
    "{{ else }}",
    "{{ if 1 }}{{ else }}{{ else }}{{ end }}",
    "{{ with 1 }}{{ else if 2 }}{{ end }}",
    "{{ range 1 }}{{ else if 2 }}{{ end }}",
    "{{ if 1 }}{{ end }}{{ end }}",
    "{{ range $i, $e, $x := query \"up\" }}{{ end }}",
    "{{ if $i, $e := 1 }}{{ end }}",
    "{{ break }}",
    "{{ if 1 }}{{ continue }}{{ end }}",
    "{{ range 1 }}{{ else }}{{ break }}{{ end }}",
    "{{ if $x := 1 }}{{ end }}{{ $x }}",
    "{{ (printf \"a\" }}",
    "{{ printf \"a\") }}",
    "{{ ( ) }}",
    "{{ 1.x }}",
    "{{ 1..2 }}",
    "{{ 0x }}",
    "{{ 12abc }}",
    "{{ \"a\".b }}",
    "{{ true.x }}",
    "{{ $labels.a-b }}",
    "{{ $labels. route }}",
    "{{ a ? b }}",
    "{{ $value; }}",
    "{{ $value := }}",
    "{{ : }}",
    "{{ end 5 }}",
    "{{ if 1 }}{{ else 5 }}{{ end }}",
    "{{/* open",
    "{{/* a */ x }}",
    "{{ /* a */ }}",
    "{{-$value}}",
    "{{ {{ $value }} }}",
    "{{ printf \"%d\" 08 }}",
    "{{ printf, 1 }}",
    "{{ println `a` `b`\"c\" }}",
];

#[test]
fn templates_are_refused_as_prometheus_refuses_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let rules = directory.path().join("rules.yaml");
    let file = directory.path().join("slo.yaml");
    let mut wrong = Vec::new();
    for template in TEMPLATES {
        let quoted = serde_json::to_string(template).expect("a string");
        let text = format!("groups: [{{name: a, rules: [{{alert: a, expr: up, annotations: {{x: {quoted}}}}}]}}]\n");
        fs::write(&rules, text).expect("written");
        let promtool = Command::new("promtool").args(["check", "rules"]).arg(&rules).output().expect("promtool runs");
        let good = damaged(GOOD, "service: shop", "service: shop\nalerting: {page: {annotations: {x: TEMPLATE}}}");
        fs::write(&file, good.replace("TEMPLATE", &quoted)).expect("written");
        let loaded = spec::load(std::slice::from_ref(&file));
        let is_refused = loaded.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::InvalidTemplate);
        assert_eq!(is_refused, loaded.has_errors(), "{template}: {:?}", loaded.diagnostics);
        if promtool.status.success() == is_refused {
            wrong.push((*template, if is_refused { "refused here" } else { "accepted here" }));
        }
    }
    assert!(wrong.is_empty(), "promtool thinks otherwise of {wrong:#?}");
}

#[test]
fn deep_expressions_are_read_or_refused_but_never_overflow() {
    for count in [1_000, 2_000, 4_000, 8_000, 200_000] {
        for text in [
            format!("{}sum(rate(x[$window])){}", "(".repeat(count), ")".repeat(count)),
            format!("{}sum(rate(x[$window]))", "-".repeat(count)),
            format!("rate(x[$window]){}", "^x".repeat(count)),
            format!("rate(x[$window]){}", "+x".repeat(count)),
            format!("x{}", "[$window:1m]".repeat(count)),
        ] {
            let (query, selector) = (Query::parse(&text), Selector::parse(&text));
            assert!(text.len() < 20 << 10 || (query.is_err() && selector.is_err()));
        }
    }
    for template in ["{{ ".to_owned() + &"(".repeat(100_000), "{{ if 1 }}".repeat(50_000), "{{ 1 | ".repeat(50_000)] {
        let text = damaged(
            GOOD,
            "service: shop",
            &format!("service: shop\nalerting: {{page: {{annotations: {{x: '{template}'}}}}}}"),
        );
        let output = burndown(&[("slo.yaml", text.as_bytes())], &["check", "slo.yaml"]);
        assert!(shown(&output).contains("error[invalid-template]"));
    }
    let long = format!("http_requests_total{{a=~\"{}\"}}", "x|".repeat(5_000));
    pin_damage(COUNTED, &[("expression-too-long", "total: http_requests_total", &format!("total: '{long}'"))]);
}

/// Loads a text and renders whatever comes of it in every way.
fn survives(directory: &Path, bytes: &[u8]) {
    let path: PathBuf = directory.join("slo.yaml");
    fs::write(&path, bytes).expect("written");
    let loaded = spec::load(&[path]);
    let _ = render::render(&loaded.diagnostics, &loaded.sources, false);
    let _ = render::render(&loaded.diagnostics, &loaded.sources, true);
    let _ = serde_json::to_string(&json::diagnostics(&loaded.diagnostics, &loaded.sources)).expect("JSON");
    assert!(loaded.has_errors() || !loaded.fleet.services.is_empty(), "neither an error nor a service");
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.help.is_empty() || diagnostic.primary.is_some() || !diagnostic.message.is_empty());
    }
}

pub(crate) fn examples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let read = |name: &str| fs::read(folder.join(name)).expect("an example");
    vec![
        read("quickstart.yaml"),
        read("tracker.yaml"),
        GOOD.into(),
        COUNTED.into(),
        KINDS.into(),
        PROTOCOLS.into(),
        capturing().into(),
        expecting().into(),
    ]
}

/// Pieces that often mean something, at places where they do not.
const PIECES: [&str; 36] = [
    "${",
    "}",
    "{{",
    "{{ if ",
    "le=",
    "[300]",
    ":",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!!str ",
    "#",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "  ",
    "---\n",
    "...",
    "<<: ",
    "? ",
    "\u{feff}",
    "ü",
    "\u{1b}[31m",
    "\0",
    "\u{2028}",
];

#[derive(Clone, Debug)]
enum Mutation {
    Flip(usize, u8),
    Delete(usize, usize),
    Insert(usize, usize),
    Repeat(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len().max(1);
    match mutation {
        Mutation::Flip(at, byte) => {
            if let Some(slot) = bytes.get_mut(at % length) {
                *slot = *byte;
            }
        }
        Mutation::Delete(at, count) => {
            let start = (at % length).min(bytes.len());
            let end = (start + count).min(bytes.len());
            bytes.drain(start..end);
        }
        Mutation::Insert(at, piece) => {
            let at = (at % length).min(bytes.len());
            bytes.splice(at..at, PIECES[*piece].bytes());
        }
        Mutation::Repeat(at, count) => {
            let start = (at % length).min(bytes.len());
            let end = (start + count).min(bytes.len());
            let piece = bytes[start..end].to_vec();
            bytes.splice(end..end, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_mutation_of_a_good_file_panics(which in 0..8_usize, mutations in prop::collection::vec(mutation(), 1..8)) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut bytes = examples().swap_remove(which);
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        survives(directory.path(), &bytes);
    }

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop_oneof![
        prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec!["version", "service", "slos", "probes", "name", "objective", "99.9", "sli", "probe", "window", "30d"]).prop_map(str::to_owned),
        "\\PC{0,6}",
    ], 0..40)) {
        let directory = tempfile::tempdir().expect("a directory");
        survives(directory.path(), pieces.concat().as_bytes());
    }
}

#[test]
fn a_pipe_in_a_directory_is_not_waited_for() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy("examples/quickstart.yaml", directory.path().join("a.yaml")).expect("a copy");
    let made = Command::new("mkfifo").arg(directory.path().join("b.yaml")).status();
    assert!(made.expect("mkfifo runs").success());
    let mut check = super::support::burndown::start(["check".as_ref(), directory.path().as_os_str()]);
    assert!(check.wait(std::time::Duration::from_secs(20)).success(), "{}", check.tail());
}
