//! What comes of files of every format, word for word, and what is said of them.

use super::{Bench, FILES, file};

fn pin(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../golden/import",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}

/// Imports a file and pins everything that comes of it.
#[track_caller]
fn imported(name: &str, code: i32) -> String {
    let bench = Bench::new();
    bench.write("slo.yaml", file(name));
    let finished = bench.run(&["import", "@/slo.yaml"]);
    assert_eq!(finished.code, Some(code), "{}", finished.stderr);
    let text = format!("exit {code}\n--- stdout\n{}--- stderr\n{}", finished.stdout, finished.stderr);
    pin(name, &text);
    if !finished.stdout.is_empty() {
        bench.check(&finished.stdout);
    }
    finished.stdout
}

#[test]
fn good_files_are_imported_whole() {
    for name in ["sloth", "sloth-objects", "pyrra", "openslo"] {
        imported(name, 0);
    }
}

#[test]
fn bad_files_say_everything_that_cannot_be_imported() {
    for name in ["sloth-bad", "pyrra-bad", "openslo-bad", "openslo-alpha", "burndown"] {
        imported(name, 1);
    }
}

#[test]
fn every_slo_of_a_good_file_is_there() {
    for (name, slos) in [("sloth", 5), ("sloth-objects", 3), ("pyrra", 5), ("openslo", 8)] {
        let text = imported(name, 0);
        assert_eq!(text.matches("  - name: ").count(), slos, "{name}");
    }
}

#[test]
fn the_same_file_gives_the_same_text_again() {
    for (name, text) in FILES {
        let bench = Bench::new();
        bench.write("slo.yaml", text);
        let [one, other] = [(); 2].map(|()| bench.run(&["import", "@/slo.yaml"]));
        assert_eq!((one.code, one.stdout, one.stderr), (other.code, other.stdout, other.stderr), "{name}");
    }
}

#[test]
fn a_secret_of_a_source_is_never_shown() {
    let bench = Bench::new();
    // Something else is to be said of its line, which is quoted.
    bench.write(
        "slo.yaml",
        "{apiVersion: openslo/v1, kind: DataSource, oops: 1, spec: {connectionDetails: {token: hunter2}}}",
    );
    let finished = bench.run(&["import", "@/slo.yaml"]);
    assert!(finished.stderr.contains("oops") && finished.stderr.contains("token: *******"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
}
