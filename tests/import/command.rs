//! `burndown import` itself: where it writes, what it refuses, how it ends.

use std::fs;

use super::{Bench, assert_good, file};
use crate::support::burndown::command;

#[test]
fn each_service_is_a_file_of_its_own() {
    let bench = Bench::new();
    bench.write("a.yaml", file("sloth"));
    bench.write("b.yaml", file("pyrra"));
    let to_stdout = bench.run(&["import", "@/a.yaml", "@/b.yaml"]);
    assert_eq!(to_stdout.code, Some(2), "{}", to_stdout.stderr);
    assert!(to_stdout.stdout.is_empty() && to_stdout.stderr.contains("`--output DIR`"), "{}", to_stdout.stderr);

    let finished = bench.run(&["import", "@/a.yaml", "@/b.yaml", "--output", "@/out"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout, "wrote out/bakery.yaml\nwrote out/shops.yaml\n");
    assert_good(&bench.path("out"), "");
}

#[test]
fn nothing_that_is_there_is_replaced_unasked() {
    let bench = Bench::new();
    bench.write("a.yaml", file("sloth"));
    bench.write("b.yaml", file("pyrra"));
    let both = ["import", "@/a.yaml", "@/b.yaml", "-o", "@/out"];
    fs::create_dir(bench.path("out")).unwrap();
    bench.write("out/shops.yaml", "mine");
    let refused = bench.run(&both);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("out/shops.yaml is there already"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(bench.path("out/shops.yaml")).unwrap(), "mine");
    assert!(!bench.path("out/bakery.yaml").exists(), "half of the files were written");

    let forced = bench.run(&[both.as_slice(), &["--force"]].concat());
    assert_eq!(forced.code, Some(0), "{}", forced.stderr);
    assert_eq!(forced.stdout, "wrote out/bakery.yaml\nreplaced out/shops.yaml\n");
    let again = bench.run(&both);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "unchanged out/bakery.yaml\nunchanged out/shops.yaml\n"));
}

#[test]
fn strict_takes_a_warning_for_an_error_and_writes_nothing() {
    let bench = Bench::new();
    bench.write("slo.yaml", file("sloth"));
    assert_eq!(bench.run(&["import", "@/slo.yaml"]).code, Some(0));
    let strict = bench.run(&["import", "--strict", "@/slo.yaml", "-o", "@/out"]);
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(strict.stderr.contains("error[import-renamed]"), "{}", strict.stderr);
    assert!(strict.stderr.ends_with("nothing was written, since `--strict` takes every warning for an error\n"));
    assert!(strict.stdout.is_empty() && !bench.path("out").exists());
    // Notes are no warnings.
    bench.write("quiet.yaml", file("sloth-objects").split("    - name: loaves").next().unwrap());
    assert_eq!(bench.run(&["import", "--strict", "@/quiet.yaml"]).code, Some(0));
}

#[test]
fn what_can_be_imported_is_written_beside_what_cannot() {
    let bench = Bench::new();
    bench.write("slo.yaml", file("sloth-bad"));
    let finished = bench.run(&["import", "@/slo.yaml", "-o", "@/out"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert_good(&bench.path("out/my-bakery.yaml"), "");
}

#[test]
fn what_check_would_refuse_for_its_mathematics_is_not_written() {
    let bench = Bench::new();
    bench.write("slo.yaml", &file("pyrra").replace("window: 4w", "window: 1h"));
    let finished = bench.run(&["import", "@/slo.yaml"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stdout.is_empty() && finished.stderr.contains("error[no-page-pair]"), "{}", finished.stderr);
}

#[test]
fn standard_input_is_a_file_too() {
    let bench = Bench::new();
    let path = bench.write("slo.yaml", file("openslo"));
    let mut command = command(["import", "-"]);
    let output = command.stdin(fs::File::open(path).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("# From <stdin>:25:9 (OpenSLO v1).\n"));
}

#[test]
fn unreadable_files_are_a_mistake_of_the_caller() {
    let bench = Bench::new();
    bench.write("slo.yaml", file("sloth"));
    let finished = bench.run(&["import", "@/slo.yaml", "@/none.yaml"]);
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stdout.is_empty() && finished.stderr.contains("file-unreadable"), "{}", finished.stderr);
}

#[test]
fn the_service_and_the_window_can_be_given() {
    let bench = Bench::new();
    bench.write("a.yaml", file("sloth"));
    bench.write("b.yaml", file("pyrra"));
    let finished = bench.run(&["import", "@/a.yaml", "@/b.yaml", "--service", "town", "--window", "28d"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("service: town\n") && finished.stdout.contains("window: 28d\n"));
    assert!(finished.stdout.contains("window: 4w\n"), "a window of its own was replaced");
    bench.check(&finished.stdout);
    assert_eq!(bench.run(&["import", "@/a.yaml", "--service", "two words"]).code, Some(2));
}

#[test]
fn services_that_only_differ_where_names_cannot_stay_two() {
    let bench = Bench::new();
    let named = |service: &str| {
        file("sloth-objects").split("---").next().unwrap().replace("service: bakery", &format!("service: {service}"))
    };
    bench.write("slo.yaml", &format!("{}---\n{}", named("our bakery"), named("our.bakery")));
    let finished = bench.run(&["import", "@/slo.yaml", "-o", "@/out"]);
    assert_eq!(finished.stdout, "wrote out/our-bakery.yaml\nwrote out/our-bakery-2.yaml\n", "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("warning[import-renamed]: the service").count(), 2, "{}", finished.stderr);
    assert_good(&bench.path("out"), "");
}
