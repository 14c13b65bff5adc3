//! Whatever stands in a file, importing it ends, says what is wrong, and gives nothing that `check` would refuse.

use std::fmt::Write as _;

use burndown::spec;
use burndown::spec::import::{Options, import};
use proptest::prelude::*;

use super::{Bench, FILES, file};
use crate::support::random::Random;

/// Imports a text as the program does, and holds what comes of it against the reader of SLO files.
fn survives(text: &[u8]) {
    let bench = Bench::new();
    let path = bench.path("slo.yaml");
    std::fs::write(&path, text).unwrap();
    let imported = import(&[path], &Options::default());
    let _ = burndown::diag::render::render(&imported.diagnostics, &imported.sources, false);
    for made in &imported.files {
        let loaded = spec::load_text("made", &made.text);
        assert!(!loaded.has_errors(), "{}\n{:?}", made.text, loaded.diagnostics);
    }
    if imported.files.is_empty() {
        assert!(!imported.diagnostics.is_empty(), "nothing was imported and nothing was said");
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "version: prometheus/v1\nservice: x\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (one, other) in ('a'..='k').zip('b'..='l') {
        let _ = writeln!(text, "{other}: &{other} [{}]", vec![format!("*{one}"); 9].join(", "));
    }
    let bench = Bench::new();
    bench.write("slo.yaml", &text);
    let finished = bench.run(&["import", "@/slo.yaml"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("error[too-complex]"), "{}", finished.stderr);
}

#[test]
fn documents_share_one_bound() {
    // Each document is small enough, all of them are not.
    let document = format!("---\napiVersion: v1\nx: &x [{}]\ny: [{}]\n", "0, ".repeat(2_000), "*x, ".repeat(5));
    let bench = Bench::new();
    bench.write("slo.yaml", &document.repeat(60));
    let finished = bench.run(&["import", "@/slo.yaml"]);
    assert!(finished.stderr.contains("error[too-complex]"), "{}", finished.stderr);
}

/// What is said of a text that must not be imported whole.
fn refused(text: &str) -> String {
    let bench = Bench::new();
    bench.write("slo.yaml", text);
    let finished = bench.run(&["import", "@/slo.yaml", "-o", "@/out"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn what_is_repeated_by_reference_is_bounded() {
    let slo = "{name: a, objective: 99, sli: {raw: {error_ratio_query: r}}}";
    let many = format!("version: prometheus/v1\nservice: x\nslos: [&s {slo}{}]\n", ", *s".repeat(9_000));
    assert!(refused(&many).contains("error[file-too-large]"));

    // A hundred objectives of each SLO share its long selectors.
    let long = "x".repeat(7_000);
    let metric =
        |name: &str| format!("{{metricSource: {{type: Prometheus, spec: {{query: '{name}{{a=\"{long}\"}}'}}}}}}");
    let ratio = format!("{{counter: true, good: {}, total: {}}}", metric("g"), metric("t"));
    let document = |objectives: usize| {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: a}}\nspec:\n  service: x\n  budgetingMethod: Occurrences\n  \
             indicator: {{spec: {{ratioMetric: {ratio}}}}}\n  objectives: [{}]\n---\n",
            vec!["{target: 0.9}"; objectives].join(", ")
        )
    };
    let text = refused(&document(100).repeat(6));
    assert!(text.contains("these SLOs hold too much"), "{text}");
    let text = refused(&document(101));
    assert!(text.contains("there are 101 objectives"), "{text}");
}

#[test]
fn what_no_slo_file_holds_is_refused() {
    let labels: String = (0..101).map(|number| format!("l{number}: x, ")).collect();
    let text = file("sloth").replace("labels: {owner:", &format!("labels: {{{labels}owner:"));
    assert!(refused(&text).contains("there are 104 labels"));
    let long = format!("error_ratio_query: '{}'", "x".repeat(8_200));
    let text = refused(&file("sloth").replace("error_ratio_query: 1", &format!("{long} #")));
    assert!(text.contains("error[invalid-promql]: the expression has 8200 bytes"), "{text}");
    // A ratio stands in the SLO file twice.
    let mut text = "version: prometheus/v1\nservice: x\nslos:\n".to_owned();
    for number in 0..150 {
        let query = format!("sum(rate(x{{a=\"{}\"}}[{{{{.window}}}}]))", "x".repeat(6_000));
        let _ = writeln!(text, "- {{name: s{number}, objective: 99, sli: {{raw: {{error_ratio_query: '{query}'}}}}}}");
    }
    assert!(refused(&text).contains("would be larger than 1 MiB"));
}

#[test]
fn odd_texts_are_written_so_that_they_read_the_same() {
    for odd in [
        "",
        " ",
        "a: b",
        "- x",
        "#",
        "x # y",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "@",
        "`",
        "'",
        "\"",
        "%",
        "null",
        "~",
        "yes",
        "1e3",
        "0x1f",
        "2026-01-01",
        "{{ $labels.slo }}",
        "a\nb",
        "a\n\nb\n",
        "  a\n b",
        "\ta",
        "a\\n",
        "é\u{2028}b",
        "---",
        "...",
        "a\r\nb",
        "[x]",
        "{x}",
        "?",
        "-",
        "=",
        "<<",
        "12:30",
        "trailing \n",
        "\u{7f}",
        "\u{feff}x",
    ] {
        let quoted = serde_json::to_string(odd).unwrap();
        let text = file("sloth-objects")
            .split("---")
            .next()
            .unwrap()
            .replace("name: OrdersFail", "name: OrdersFail\n        annotations: {odd: ODD}");
        let text = text.replace("objective: 99.9", "description: ODD\n      objective: 99.9").replace("ODD", &quoted);
        survives(text.as_bytes());
        let bench = Bench::new();
        bench.write("slo.yaml", &text);
        let finished = bench.run(&["import", "@/slo.yaml"]);
        if finished.code == Some(0) {
            bench.check(&finished.stdout);
        }
    }
}

#[test]
fn garbage_is_no_file() {
    let mut random = Random::new(11);
    for length in [0, 1, 2, 10, 100, 5_000] {
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        survives(&bytes);
    }
    for text in ["a", "[]", "{}", "---\n---\n", "version: {}", "version: [prometheus/v1]", "kind: List\nitems: {}"] {
        survives(text.as_bytes());
    }
}

/// What a mutation does to a text.
#[derive(Clone, Debug)]
enum Mutation {
    Delete(prop::sample::Index, usize),
    Insert(prop::sample::Index, String),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1..40_usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (index(), "[-{}\\[\\]:#&*!|>'\",%@`\n\t a-z0-9$.é]{1,8}").prop_map(|(at, text)| Mutation::Insert(at, text)),
        (index(), index(), 1..80_usize).prop_map(|(from, to, length)| Mutation::Copy(from, to, length)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    match mutation {
        Mutation::Delete(at, length) => {
            let at = at.index(bytes.len());
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Mutation::Insert(at, text) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, text.bytes());
        }
        Mutation::Copy(from, to, length) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let copied = bytes[from..(from + length).min(bytes.len())].to_vec();
            bytes.splice(to..to, copied);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_mutation_of_a_file_panics_or_makes_a_bad_one(
        which in 0..FILES.len(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let mut bytes = FILES[which].1.as_bytes().to_vec();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        survives(&bytes);
    }
}
