//! The Debian package: what its metadata names is there, and what the unit names is in it.
//!
//! The package itself is built, checked and installed by `make deb`, which takes a release build.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{run, text};
use crate::house::root;
use crate::support::burndown;

/// What `cargo deb` reads.
fn metadata() -> Value {
    manifest()["metadata"]["deb"].clone()
}

/// What cargo says of this package.
fn manifest() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"]).current_dir(root());
    let output = cargo.output().expect("cargo runs");
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    all["packages"][0].clone()
}

/// From where and to where the package takes its files.
fn assets(metadata: &Value) -> Vec<(String, String)> {
    let assets = metadata["assets"].as_array().expect("assets");
    let word = |asset: &Value, at: usize| asset[at].as_str().expect("a path").to_owned();
    assets.iter().map(|asset| (word(asset, 0), word(asset, 1))).collect()
}

/// The files that a path with at most one star in its last part names.
fn named(directory: &Path, pattern: &str) -> Vec<String> {
    let (parent, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let (start, end) = name.split_once('*').unwrap_or((name, ""));
    let entries = fs::read_dir(directory.join(parent)).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(
            |found| if name.contains('*') { found.starts_with(start) && found.ends_with(end) } else { found == name },
        )
        .collect()
}

/// Where an asset lies once it is installed, for each of its files.
fn installed(files: &[String], to: &str) -> Vec<String> {
    files.iter().map(|file| if to.ends_with('/') { format!("/{to}{file}") } else { format!("/{to}") }).collect()
}

/// Every file of the package, with what `scripts/package-files` writes of the program.
fn package() -> Vec<String> {
    let metadata = metadata();
    let written = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_burndown");
    let directory = written.path().join("package");
    let script = root().join("scripts/package-files");
    let made = run(&script.to_string_lossy(), "this repository", [program.as_ref(), directory.as_os_str()]);
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    let mut package = Vec::new();
    for (from, to) in assets(&metadata) {
        let files = match from.strip_prefix("target/package/") {
            Some(below) => named(&directory, below),
            None if from == "target/release/burndown" => vec!["burndown".to_owned()],
            None => named(root(), &from),
        };
        assert!(!files.is_empty(), "{from} names nothing");
        package.extend(installed(&files, &to));
    }
    assert_notices(&directory);
    let changelog =
        metadata["changelog"].as_str().and_then(|path| path.strip_prefix("target/package/")).expect("a path");
    let changelog = fs::read_to_string(directory.join(changelog)).expect("a changelog");
    assert!(changelog.starts_with(concat!("burndown (", env!("CARGO_PKG_VERSION"), "-1) ")), "{changelog}");
    let maintainer = metadata["maintainer"].as_str().expect("a maintainer");
    assert!(changelog.contains(&format!("\n -- {maintainer}  ")), "{changelog}");
    package
}

/// The licences of what the program holds are among what was written.
fn assert_notices(directory: &Path) {
    let mut notices = String::new();
    let file = fs::File::open(directory.join("THIRD-PARTY.gz")).expect("the licences");
    flate2::read::GzDecoder::new(file).read_to_string(&mut notices).expect("text");
    for part in ["\nrustls 0.23.", "\nrusqlite 0.", "Permission is hereby granted, free of charge", "Apache License"] {
        assert!(notices.contains(part), "no `{part}` in the licences");
    }
    let texts = notices.matches("Permission is hereby granted").count();
    assert!(texts > 20, "{texts} texts of the MIT licence, which all name somebody else");
    assert!(!notices.contains("\nproptest 1."), "what only tests use is not in the program");
}

#[test]
fn what_the_unit_names_is_in_the_package() {
    let package = package();
    let unit = text("deploy/systemd/burndown.service");
    let setting = |name: &str| {
        let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("the unit has no {name}"))
    };
    let program = setting("ExecStart").split(' ').next().unwrap().to_owned();
    let slos = setting("ExecStart").rsplit(' ').next().unwrap().to_owned();
    let environment = setting("EnvironmentFile").trim_start_matches('-').to_owned();
    let page = setting("Documentation").strip_prefix("man:").and_then(|page| page.strip_suffix("(1)")).unwrap();
    let page = format!("/usr/share/man/man1/{page}.1");
    for wanted in [&program, &environment, &page] {
        assert!(package.contains(wanted), "{wanted} is not among {package:?}");
    }
    assert!(package.iter().any(|path| path.starts_with(&format!("{slos}/")) && path.ends_with(".yaml")), "{package:?}");
    let metadata = metadata();
    let units = Path::new(metadata["systemd-units"]["unit-scripts"].as_str().expect("a directory"));
    assert!(root().join(units).join("burndown.service").exists());
    let licence = text(metadata["license-file"][0].as_str().expect("a path"));
    assert!(licence.starts_with("Format: ") && licence.contains("License: Apache-2.0"), "{licence}");
    let scripts = Path::new(metadata["maintainer-scripts"].as_str().expect("a directory"));
    let script = fs::read_to_string(root().join(scripts).join("postrm")).unwrap();
    // Without this line, nothing would be said to systemd.
    assert!(script.lines().any(|line| line == "#DEBHELPER#"), "{script}");
    assert!(run("sh", "dash", ["-n".as_ref(), root().join(scripts).join("postrm").as_os_str()]).code == Some(0));
}

#[test]
fn the_short_description_is_one_line() {
    let description = manifest()["description"].as_str().expect("a description").to_owned();
    // `cargo deb` breaks a longer one, and Debian takes what follows for the long description.
    assert!(!description.is_empty() && description.chars().count() < 80, "{description}");
}

#[test]
fn the_slo_file_of_the_package_has_no_problem() {
    let path = root().join("deploy/debian/slos");
    let checked = burndown::run(["check".as_ref(), path.as_os_str(), "--strict".as_ref()]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
}

#[test]
fn a_path_that_names_nothing_is_found() {
    assert_eq!(named(root(), "deploy/debian/no-such-file"), [""; 0]);
    assert_eq!(named(root(), "LICENSE"), ["LICENSE"]);
    assert!(named(root(), "examples/*.yaml").contains(&"quickstart.yaml".to_owned()));
    assert_eq!(installed(&["a".into()], "etc/x"), ["/etc/x"]);
}
