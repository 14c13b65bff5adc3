//! The Dockerfile: what it copies is there and suffices, both images say the same, and their command line runs.
//!
//! No image is built here. `make static` builds the static program and runs it with nothing but itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{run, run_python, text};
use crate::house::root;
use crate::support::port;
use crate::support::process::Process;

const DOCKERFILE: &str = "deploy/container/Dockerfile";

/// The images that people run.
pub(super) const TARGETS: [&str; 2] = ["static", "tools"];

const SOON: Duration = Duration::from_secs(30);

/// An instruction of a Dockerfile: its word and the rest.
type Instruction = (String, String);

/// The instructions of every stage, by its name; those before the first stage have none.
pub(super) fn stages(dockerfile: &str) -> BTreeMap<String, Vec<Instruction>> {
    let lines = dockerfile.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stages = BTreeMap::<String, Vec<Instruction>>::new();
    let mut name = String::new();
    for line in joined.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').expect("an instruction has a word and more");
        if word == "FROM" {
            name = rest.split_once(" AS ").expect("every stage has a name").1.to_owned();
        }
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        stages.entry(name.clone()).or_default().push((word.to_owned(), rest));
    }
    stages
}

/// The one instruction of a stage with this word.
fn only(stage: &[Instruction], word: &str) -> String {
    let mut found = stage.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.clone());
    let first = found.next().unwrap_or_else(|| panic!("no {word} in {stage:?}"));
    assert_eq!(found.next(), None, "{word} is there twice");
    first
}

/// The words of an instruction that is written as a JSON array.
fn words(stage: &[Instruction], word: &str) -> Vec<String> {
    let rest = only(stage, word);
    let array = &rest[rest.find('[').expect("an array: no shell")..];
    serde_json::from_str(array).unwrap_or_else(|error| panic!("{word} {array}: {error}"))
}

/// The words that a container of the image `target` starts with, before those that it is given.
pub(super) fn entry_point(target: &str) -> Vec<String> {
    words(&stages(&text(DOCKERFILE))[target], "ENTRYPOINT")
}

#[test]
fn both_images_say_the_same_and_run_as_nobody() {
    let stages = stages(&text(DOCKERFILE));
    let said = |target: &str| stages[target].iter().filter(|(word, _)| word != "FROM").cloned().collect::<Vec<_>>();
    assert_eq!(said("static"), said("tools"));
    assert_eq!(stages["static"][0].1, "scratch AS static");
    for target in TARGETS {
        let stage = &stages[target];
        let user = only(stage, "USER");
        let ids: Vec<u32> =
            user.split(':').map(|id| id.parse().expect("a number, which Kubernetes can check")).collect();
        assert!(ids.len() == 2 && ids.iter().all(|id| *id >= 1000), "{user}");
        let state = only(stage, "VOLUME");
        assert_eq!(only(stage, "ENV"), format!("STATE_DIRECTORY={state}"));
        assert!(stages["build"].iter().any(|(_, rest)| rest.contains(&format!("chown {user} /root-directory{state}"))));
        assert!(stage.iter().all(|(word, _)| word != "RUN"), "nothing is run in {target}");
    }
}

#[test]
fn every_base_is_pinned() {
    let stages = stages(&text(DOCKERFILE));
    let defaults: BTreeMap<&str, &str> =
        stages[""].iter().filter(|(word, _)| word == "ARG").filter_map(|(_, rest)| rest.split_once('=')).collect();
    let mut bases = 0;
    for stage in stages.values().filter(|stage| stage[0].0 == "FROM") {
        let mut base = stage[0].1.split(' ').next().unwrap().to_owned();
        for (name, value) in &defaults {
            base = base.replace(&format!("${{{name}}}"), value);
        }
        let is_exact = base.split_once(':').is_some_and(|(_, tag)| tag.bytes().filter(u8::is_ascii_digit).count() >= 5);
        assert!(base == "scratch" || is_exact, "{base} may be another one tomorrow");
        bases += 1;
    }
    assert_eq!(bases, 3);
    // The compiler is at least as new as the manifest asks for.
    let manifest = text("Cargo.toml");
    let asked = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"')).unwrap();
    let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap();
    assert!(minor(defaults["RUST"]) >= minor(asked), "{} builds no edition of {asked}", defaults["RUST"]);
}

/// What the build stage copies from the repository: from where, and to where below its working directory.
fn copied() -> Vec<(String, String)> {
    let stages = stages(&text(DOCKERFILE));
    let copies = stages["build"].iter().filter(|(word, rest)| word == "COPY" && !rest.starts_with("--from"));
    let pairs = copies.flat_map(|(_, rest)| {
        let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
        let to = words.pop().expect("a destination");
        words.into_iter().map(move |from| {
            let to = if to == "./" { from.clone() } else { to.clone() };
            (from, to)
        })
    });
    pairs.collect()
}

#[test]
fn what_is_copied_suffices_for_the_build() {
    let ignore = text(".dockerignore");
    let allowed: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*"), "everything would be sent to the builder");
    let directory = tempfile::tempdir().unwrap();
    for (from, to) in copied() {
        assert!(allowed.contains(&from.as_str()), ".dockerignore keeps {from} out");
        let place = directory.path().join(to);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(root().join(&from), place).unwrap_or_else(|error| panic!("{from}: {error}"));
        assert!(root().join(&from).exists(), "{from} is not there");
    }
    // Asks for every target that the manifest names, and fetches nothing: whoever runs tests has all of it.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let reads_manifest = |directory: &Path| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["fetch", "--offline", "--locked", "--target", &host]).current_dir(directory);
        let output = cargo.output().expect("cargo runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (understood, said) = reads_manifest(directory.path());
    assert!(understood, "cargo cannot read the manifest among what is copied\n{said}");
    for (file, included) in included() {
        assert!(
            directory.path().join(&included).exists(),
            "{file} includes {}, which is not copied",
            included.display()
        );
    }
    fs::remove_file(directory.path().join("benches")).unwrap();
    assert!(!reads_manifest(directory.path()).0, "what is missing would not be noticed");
}

/// Every file that the source includes, with the file that does.
fn included() -> Vec<(String, PathBuf)> {
    let sources = run("git", "git", ["-C", &root().to_string_lossy(), "ls-files", "src"]).stdout;
    let mut included = Vec::new();
    for source in sources.lines().filter(|path| path.ends_with(".rs")) {
        for rest in text(source).split("include_str!(\"").skip(1) {
            let path = Path::new(source).parent().unwrap().join(rest.split('"').next().unwrap());
            included.push((source.to_owned(), path));
        }
    }
    assert!(included.len() > 4, "{included:?}");
    included
}

#[test]
fn the_command_line_and_the_health_check_of_the_image_run() {
    let stage = &stages(&text(DOCKERFILE))["static"];
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    fs::create_dir(place("slos")).unwrap();
    let address = port::free();
    fs::write(place("slos/self.yaml"), text("deploy/debian/slos/burndown.yaml")).unwrap();
    let mapped = |word: &String| {
        let word = word.replace("/usr/bin/burndown", env!("CARGO_BIN_EXE_burndown"));
        word.replace("/etc/burndown/slos", &place("slos").to_string_lossy())
            .replace("0.0.0.0:9799", &address.to_string())
    };
    let words = |name: &str| words(stage, name).iter().map(mapped).collect::<Vec<_>>();
    let (program, command, health) = (words("ENTRYPOINT"), words("CMD"), words("HEALTHCHECK"));
    let port = only(stage, "EXPOSE");
    assert!(self::words(stage, "CMD").iter().any(|word| word.ends_with(&format!(":{port}"))));
    assert_eq!(health[..2], [program[0].clone(), "health".to_owned()]);
    let is_healthy = || {
        let mut check = Command::new(&health[0]);
        // The port is this test's, and that of the service is what the command asks by itself.
        check.args(&health[1..]).args(["--server", &format!("http://{address}/")]).env_clear();
        check.output().expect("runs").status.code()
    };
    assert_eq!(is_healthy(), Some(1));
    let mut service = Command::new(&program[0]);
    service.args(&program[1..]).args(command).env_clear().env("STATE_DIRECTORY", place("state"));
    let mut process = Process::start(&mut service, "this repository");
    process.wait_until("health", SOON, || (is_healthy() == Some(0)).then_some(()));
    let help = run(env!("CARGO_BIN_EXE_burndown"), "this repository", ["health", "--help"]).stdout;
    assert!(help.contains(&format!("http://127.0.0.1:{port}/")), "{help}");
}

#[test]
fn hadolint_has_nothing_to_say() {
    let hadolint = |file: &Path| run_python("hadolint", [file]);
    let found = hadolint(&root().join(DOCKERFILE));
    assert_eq!((found.code, found.stdout.as_str()), (Some(0), ""));
    let wrong = tempfile::NamedTempFile::new().unwrap();
    fs::write(wrong.path(), "FROM debian\nRUN apt-get install curl\n").unwrap();
    assert_eq!(hadolint(wrong.path()).code, Some(1));
}

#[test]
fn a_dockerfile_is_read_as_its_builder_does() {
    let stages = stages(
        "ARG A=1\n# no\nFROM x:${A} AS one\nRUN a \\\n# within\n && b\nFROM scratch AS two\nCMD [\"c\", \"d\"]\n",
    );
    assert_eq!(stages["one"][1], ("RUN".to_owned(), "a && b".to_owned()));
    assert_eq!(words(&stages["two"], "CMD"), ["c", "d"]);
    assert_eq!(stages[""], [("ARG".to_owned(), "A=1".to_owned())]);
}
