//! Every command and file of the documentation, in the order in which a reader meets them, in a directory of its own.
//!
//! Pages speak of `127.0.0.1:9799`, of a Prometheus on `localhost:9090`, an Alertmanager on `localhost:9093`, and of a shop that is
//! probed; here these are real servers on free ports of this machine.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::blocks::{self, Block, Wish};
use super::schema::takes_what_the_reader_takes;
use crate::house::root;
use crate::support::listener::{Listener, Reply};
use crate::support::port;
use crate::support::process::Process;

/// How long one command may take, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many blocks are not run, each with its reason in the page. A new one needs a reason that holds.
const EXCEPTIONS: usize = 7;

/// The pages of the guide, in the order in which they are read: one walk.
const GUIDE: [&str; 10] = [
    "docs/guide/01-first-probe.md",
    "docs/guide/02-objective-and-budget.md",
    "docs/guide/03-rules-into-prometheus.md",
    "docs/guide/04-alerts.md",
    "docs/guide/05-dashboards.md",
    "docs/guide/06-journeys-and-secrets.md",
    "docs/guide/07-metrics-you-have.md",
    "docs/guide/08-gate.md",
    "docs/guide/09-changes.md",
    "docs/guide/10-monday-review.md",
];

/// Pages that stand alone.
const PAGES: [&str; 2] = ["README.md", "docs/operations.md"];

/// A place in which pages come true.
struct Stage {
    directory: TempDir,
    /// What pages say, and what is meant here.
    words: Vec<(&'static str, String)>,
    ports: Vec<(&'static str, SocketAddr)>,
    running: Vec<Process>,
    _shop: Listener,
}

impl Stage {
    fn new() -> Self {
        let shop = Listener::start(|_| Reply::text(200, "<h1>Welcome</h1>"), |_| {});
        let directory = tempfile::tempdir().unwrap();
        for name in ["examples", "Makefile"] {
            symlink(root().join(name), directory.path().join(name)).unwrap();
        }
        let ports =
            vec![("burndown", port::free()), ("prometheus", port::free()), ("prometheus-alertmanager", port::free())];
        let spoken = ["127.0.0.1:9799", "localhost:9090", "localhost:9093"];
        let mut words: Vec<_> =
            spoken.into_iter().zip(&ports).map(|(said, (_, meant))| (said, meant.to_string())).collect();
        words.push(("https://shop.example.com", format!("http://{}", shop.address())));
        Self { directory, words, ports, running: Vec::new(), _shop: shop }
    }

    fn meant(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (said, meant)| text.replace(said, meant))
    }

    fn said(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (said, meant)| text.replace(meant, said))
    }

    /// A shell that knows the compiled program, and nothing of the reader's own settings.
    fn shell(&self, typed: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_burndown")).parent().unwrap();
        let path = std::env::join_paths(
            [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &self.meant(typed)]).current_dir(self.directory.path());
        command.env_clear().env("PATH", path.unwrap()).env("HOME", self.directory.path()).env("LC_ALL", "C.UTF-8");
        command
    }

    fn play(&mut self, block: &Block) {
        match &block.wish {
            Wish::File(name) => self.write(block, name),
            Wish::Part(part) => check_part(&block.place, part, &block.body),
            Wish::Start => self.start(block),
            Wish::Run { exits, patiently } => self.run(block, exits, *patiently),
            Wish::Except(_) => {}
            Wish::Show => assert!(!block.body.contains("$ "), "{}: commands are shown and not run", block.place),
        }
    }

    fn write(&self, block: &Block, name: &str) {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.meant(&block.body)).unwrap();
        if name.ends_with(".yaml") && block.body.contains("version: burndown/v1") {
            takes_what_the_reader_takes(&block.place, &block.body);
            let (code, answer) = self.answer(&format!("burndown check --strict {name}"));
            assert_eq!(code, Some(0), "{}:\n{answer}", block.place);
        }
    }

    fn start(&mut self, block: &Block) {
        let commands = blocks::commands(&block.body);
        let [command] = commands.as_slice() else { panic!("{}: one command is started at a time", block.place) };
        let program = command.typed.split(' ').next().unwrap();
        let address = self.ports.iter().find(|(name, _)| *name == program);
        let (_, address) = *address.unwrap_or_else(|| panic!("{}: nobody knows where {program} listens", block.place));
        let mut typed = format!("exec {}", command.typed);
        // Its usual port may be taken on this machine.
        if program == "burndown" && !typed.contains("--web.listen-address") {
            typed.push_str(&format!(" --web.listen-address {address}"));
        }
        let mut process = Process::start(&mut self.shell(&typed), "bash");
        process.wait_until("a listening port", PATIENCE, || TcpStream::connect(address).ok());
        self.running.push(process);
    }

    fn run(&self, block: &Block, exits: &[i32], patiently: bool) {
        let commands = blocks::commands(&block.body);
        for command in commands {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let (code, answer) = self.answer(&command.typed);
                let is_as_shown = command.answer.as_deref().is_none_or(|shown| blocks::is_as_shown(shown, &answer));
                if code.is_some_and(|code| exits.contains(&code)) && is_as_shown {
                    break;
                }
                if !patiently || Instant::now() > deadline {
                    panic!("{}: {}\nended with {code:?} and said\n{answer}", block.place, command.typed);
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        }
    }

    /// How a command ends, and all that it says, in the words of the pages.
    fn answer(&self, typed: &str) -> (Option<i32>, String) {
        let mut process = Process::start(&mut self.shell(typed), "bash");
        let code = process.wait(PATIENCE).code();
        (code, self.said(&process.log()))
    }
}

/// Checks a part of an SLO file: each of its keys if they exclude each other, else all of them at once.
fn check_part(place: &str, part: &str, body: &str) {
    let items = items(body);
    let mut keys: Vec<&str> = items.iter().filter_map(|item| item.split(':').next()).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let texts = if keys.len() == count { vec![body.to_owned()] } else { items };
    for text in texts {
        let part_of =
            |value: Value| -> Value { around(part, value).unwrap_or_else(|| panic!("{place}: what is a {part}?")) };
        let value: Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
        takes_what_the_reader_takes(place, &part_of(value).to_string());
    }
}

/// The lines of a mapping, by its keys.
fn items(body: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in body.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match found.last_mut() {
            Some(last) if line.starts_with(' ') => last.push_str(&format!("{line}\n")),
            _ => found.push(format!("{line}\n")),
        }
    }
    found
}

/// A whole file around a part of one.
fn around(part: &str, value: Value) -> Option<Value> {
    let with = |mut usual: Value, value: &Value| -> Value {
        let Some(object) = usual.as_object_mut() else { return usual };
        object.extend(value.as_object().cloned().unwrap_or_default());
        usual
    };
    let ratio = json!({"ratio": {"error": "job:errors:ratio"}});
    let http = json!({"url": "https://shop.example.com/"});
    let (mut probe, mut slo) = (json!({"name": "app", "interval": "1m"}), json!({"name": "up", "objective": 99}));
    let mut file = Map::new();
    match part {
        "probe" => probe = with(probe, &value),
        "slo" => slo = with(slo, &value),
        "file" => file = value.as_object().cloned().unwrap_or_default(),
        _ => return None,
    }
    if part != "probe"
        || !["http", "tcp", "tls", "dns", "icmp", "grpc", "journey"].iter().any(|kind| probe.get(kind).is_some())
    {
        probe["http"] = http;
    }
    if slo.get("sli").is_none() {
        slo["sli"] = ratio;
    }
    let usual = json!({"version": "burndown/v1", "service": "shop", "probes": [probe], "slos": [slo]});
    Some(with(usual, &Value::Object(file)))
}

fn page(path: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    blocks::of(path, &text)
}

fn walk(pages: &[&str]) {
    let mut stage = Stage::new();
    let blocks: Vec<Block> = pages.iter().flat_map(|path| page(path)).collect();
    assert!(!blocks.is_empty(), "{pages:?} show nothing");
    blocks.iter().for_each(|block| stage.play(block));
}

#[test]
fn the_guide_can_be_walked() {
    walk(&GUIDE);
}

#[test]
fn pages_that_stand_alone_are_true() {
    PAGES.iter().for_each(|page| walk(&[page]));
}

#[test]
fn every_page_is_walked_and_every_exception_counted() {
    let written = super::links::pages().into_iter().filter(|path| !path.starts_with("docs/reference/"));
    let mut exceptions = 0;
    for path in written {
        let blocks = page(&path);
        exceptions += blocks.iter().filter(|block| matches!(block.wish, Wish::Except(_))).count();
        let is_walked = GUIDE.iter().chain(&PAGES).any(|page| *page == path);
        assert!(is_walked || blocks.is_empty(), "{path} shows something, and no test runs it");
    }
    assert_eq!(exceptions, EXCEPTIONS);
}

#[test]
fn what_is_not_true_is_found() {
    let block = |wish: Wish, body: &str| Block { place: "here".into(), wish, body: body.to_owned() };
    let fails = |wish: Wish, body: &str| {
        let block = block(wish, body);
        std::panic::catch_unwind(move || Stage::new().play(&block)).is_err()
    };
    let run = |exit| Wish::Run { exits: vec![exit], patiently: false };
    assert!(!fails(run(0), "$ echo a\na\n$ true\n"));
    assert!(fails(run(0), "$ echo a\nb\n"));
    assert!(fails(run(0), "$ burndown frobnicate\n"));
    assert!(fails(run(0), "$ false\n$ true\n"));
    assert!(!fails(run(3), "$ exit 3\n$ exit 3\n"));
    assert!(fails(run(3), "$ exit 3\n$ true\n"));
    assert!(fails(Wish::Show, "$ burndown demo\n"));
    assert!(fails(Wish::File("slo.yaml".into()), "version: burndown/v1\nservice: shop\nslo: []\n"));
    assert!(!fails(Wish::Part("slo".into()), "sli: {ratio: {error: a}}\nsli: {ratio: {error: b}}\n"));
    assert!(fails(Wish::Part("slo".into()), "sli: {ratio: {error: a}}\nsli: {ratio: {errors: b}}\n"));
    assert!(fails(Wish::Part("probe".into()), "http: {url: 'https://a.example.com/', expct: {}}\n"));
}
