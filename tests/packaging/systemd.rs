//! The unit: clean and hardened as systemd sees it, and its command line run as an unprivileged user.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{run, text};
use crate::support::process::Process;
use crate::support::{http, port};

const UNIT: &str = "deploy/systemd/burndown.service";
const ENVIRONMENT: &str = "deploy/systemd/burndown.default";
const SLOS: &str = "deploy/debian/slos/burndown.yaml";

/// The user and the group that a service without a name of its own runs as here.
const NOBODY: u32 = 65534;

const SOON: Duration = Duration::from_secs(30);

/// What systemd says of the unit after a change, with the program in its place.
fn verified(change: impl Fn(String) -> String) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("burndown.service");
    fs::write(&path, change(text(UNIT)).replace("/usr/bin/burndown", env!("CARGO_BIN_EXE_burndown"))).unwrap();
    // The page is of the package, which is not installed here.
    let verify = ["verify", "--man=no"].map(AsRef::as_ref);
    let found = run("systemd-analyze", "systemd", verify.into_iter().chain([path.as_os_str()]));
    // Other units of this machine may be wrong as well.
    let lines = found.stderr.lines().filter(|line| line.contains("burndown.service"));
    (found.code == Some(0), lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn systemd_has_nothing_to_say_of_the_unit() {
    assert_eq!(verified(|unit| unit), (true, String::new()));
    for (right, wrong) in [
        ("ProtectClock=yes", "ProtectClocks=yes"),
        ("KillMode=mixed", "KillMode=both"),
        ("@system-service", "@system-services"),
        ("ExecReload=/bin/sh", "ExecReload=/bin/no-such-program"),
    ] {
        let (_, said) = verified(|unit| unit.replace(right, wrong));
        assert!(!said.is_empty(), "{wrong} is not found");
    }
}

/// Whether the exposure that systemd finds, in tenths, is at most this.
fn is_exposed_less_than(unit: &str, tenths: u32) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("burndown.service");
    fs::write(&path, unit).unwrap();
    let arguments = ["security".into(), "--offline=true".into(), "--no-pager".into(), format!("--threshold={tenths}")];
    let found = run("systemd-analyze", "systemd", arguments.iter().map(AsRef::as_ref).chain([path.as_os_str()]));
    assert!(found.stdout.contains("Overall exposure level"), "{}", found.stderr);
    found.code == Some(0)
}

#[test]
fn the_exposure_of_the_unit_stays_under_2() {
    let unit = text(UNIT);
    assert!(is_exposed_less_than(&unit, 19));
    let without = |setting: &str| unit.lines().filter(|line| !line.starts_with(setting)).collect::<Vec<_>>().join("\n");
    assert!(!is_exposed_less_than(&without("CapabilityBoundingSet="), 19));
}

/// The value of a setting of the unit.
fn setting(name: &str) -> String {
    let unit = text(UNIT);
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.next().unwrap_or_else(|| panic!("the unit has no {name}")).to_owned()
}

/// The options that an environment file has in a line `ARGS="…"` that starts with this.
fn options(start: &str) -> Vec<String> {
    let environment = text(ENVIRONMENT);
    let line =
        environment.lines().find_map(|line| line.strip_prefix(start)?.strip_prefix("ARGS=\"")?.strip_suffix('"'));
    let line = line.unwrap_or_else(|| panic!("{ENVIRONMENT} has no line `{start}ARGS=`"));
    line.split_whitespace().map(str::to_owned).collect()
}

/// The service as systemd starts it, but with other places.
struct Unit {
    process: Process,
    manager: UnixDatagram,
    directory: TempDir,
    address: SocketAddr,
}

impl Unit {
    /// Starts what the unit starts, with these options from the environment file, as a user without any right.
    fn start(options: &[String]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        open(directory.path(), 0o755);
        fs::copy(env!("CARGO_BIN_EXE_burndown"), place("burndown")).unwrap();
        for name in ["slos", "state"] {
            fs::create_dir(place(name)).unwrap();
        }
        let address = port::free();
        fs::write(place("slos/burndown.yaml"), text(SLOS).replace("127.0.0.1:9799", &address.to_string())).unwrap();
        fs::write(place("web.yaml"), "").unwrap();
        let manager = UnixDatagram::bind(place("notify")).unwrap();
        manager.set_read_timeout(Some(SOON)).unwrap();
        open(&place("notify"), 0o777);
        let words = command_line(options, directory.path());
        let mut command = as_nobody(&place("state"));
        // The port is this test's; whoever says where to listen gets a line of its own.
        command.args(words).args(["--web.listen-address", &address.to_string()]).env_clear();
        command
            .env("STATE_DIRECTORY", place("state"))
            .env("NOTIFY_SOCKET", place("notify"))
            .env("WATCHDOG_USEC", "400000");
        let process = Process::start(&mut command, "util-linux");
        Self { process, manager, directory, address }
    }

    /// The next message for the service manager that is not for its watchdog.
    fn hear(&self) -> String {
        loop {
            let message = self.hear_any();
            if message != "WATCHDOG=1\n" {
                return message;
            }
        }
    }

    fn hear_any(&self) -> String {
        let mut message = [0; 4096];
        let length = self.manager.recv(&mut message).unwrap_or_else(|error| panic!("{error}\n{}", self.process.log()));
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    fn slos(&self) -> PathBuf {
        self.directory.path().join("slos/burndown.yaml")
    }
}

/// The words of `ExecStart=`, with `$ARGS` as systemd splits it and its places below `root`.
fn command_line(options: &[String], root: &Path) -> Vec<String> {
    let line = setting("ExecStart");
    let words = line.split_whitespace().flat_map(|word| match word {
        "$ARGS" => options.to_vec(),
        word => vec![word.to_owned()],
    });
    let below = |word: String| {
        let word = word.replace("/usr/bin/burndown", &root.join("burndown").to_string_lossy());
        word.replace("/etc/burndown", &root.to_string_lossy()).replace("0.0.0.0:9799", "127.0.0.1:0")
    };
    words.map(below).collect()
}

/// A command that runs as somebody who may do nothing but write to `state`, if root runs the tests; else as
/// whoever does.
fn as_nobody(state: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--no-new-privs", "--inh-caps=-all"]);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(state, Some(NOBODY), Some(NOBODY)).unwrap();
        command.args(["--bounding-set=-all", "--clear-groups"]);
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]);
    }
    command
}

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_command_line_of_the_unit_runs_without_any_right() {
    let mut unit = Unit::start(&options(""));
    assert_eq!(unit.hear(), "READY=1\nSTATUS=running probes\n");
    let status = fs::read_to_string(format!("/proc/{}/status", unit.process.id())).unwrap();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((line("CapEff:").as_str(), line("NoNewPrivs:").as_str()), ("0000000000000000", "1"));
    if rustix::process::geteuid().is_root() {
        assert!(line("Uid:").starts_with(&NOBODY.to_string()), "{status}");
    }
    // The SLO of the package is about the service itself, and holds.
    let series = "slo_probe_successes_total{slo_service=\"burndown\",probe=\"self\"} ";
    let successes = |text: &str| text.lines().find_map(|line| line.strip_prefix(series)?.parse::<f64>().ok());
    let address = unit.address;
    unit.process.wait_until("an answer", SOON, || http::get(address, "/metrics", &[]).ok());
    let answer = http::get(address, "/metrics", &[]).unwrap();
    assert!(successes(&answer.body).is_some(), "{}", answer.body);
    assert!(fs::read_dir(unit.directory.path().join("state")).unwrap().count() > 0, "no history was written");
}

#[test]
fn the_options_that_the_environment_file_proposes_exist() {
    let proposed = options("# ");
    assert!(proposed.iter().any(|option| option.starts_with("--web.config.file=")), "{proposed:?}");
    let mut unit = Unit::start(&proposed);
    assert!(unit.hear().starts_with("READY=1\n"));
    drop(unit);
    unit = Unit::start(&["--web.frobnicate".to_owned()]);
    assert_eq!(unit.process.wait(SOON).code(), Some(2), "an option that does not exist would not be noticed");
}

#[test]
fn the_service_manager_hears_of_reloads_the_end_and_that_all_is_well() {
    let mut unit = Unit::start(&[]);
    assert_eq!(unit.hear(), "READY=1\nSTATUS=running probes\n");
    assert!(setting("ExecReload").contains("kill -HUP $MAINPID "));
    let reload = |unit: &Unit| {
        unit.process.signal(Signal::HUP);
        let reloading = unit.hear();
        let moment = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
        assert!(moment.is_some_and(|moment| moment.parse::<u64>().is_ok_and(|moment| moment > 0)), "{reloading}");
        unit.hear()
    };
    assert_eq!(reload(&unit), "READY=1\nSTATUS=running probes\n");
    let good = fs::read_to_string(unit.slos()).unwrap();
    fs::write(unit.slos(), "version: 3\n").unwrap();
    let answer = reload(&unit);
    assert!(answer.starts_with("READY=1\nSTATUS=the files cannot be used"), "{answer}");
    fs::write(unit.slos(), good).unwrap();
    assert_eq!(reload(&unit), "READY=1\nSTATUS=running probes\n");
    let reassured = (0..3).all(|_| unit.hear_any() == "WATCHDOG=1\n");
    assert!(reassured, "the watchdog hears nothing");
    unit.process.signal(Signal::TERM);
    assert_eq!(unit.hear(), "STOPPING=1\n");
    assert_eq!(unit.process.wait(SOON).code(), Some(0), "{}", unit.process.tail());
}

/// Whether the reload of the unit says that files like these can be used. Its signal goes to nobody.
fn is_reload_accepted(slos: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("slos.yaml"), slos).unwrap();
    let reload = setting("ExecReload");
    let script = reload.strip_prefix("/bin/sh -c '").and_then(|rest| rest.strip_suffix('\'')).expect("a script");
    let script = script
        .replace("kill -HUP $MAINPID", "kill -0 $$")
        .replace("/usr/bin/burndown", env!("CARGO_BIN_EXE_burndown"))
        .replace("/etc/burndown/slos", &directory.path().to_string_lossy());
    let found = run("sh", "dash", ["-c", &script]);
    // The service says what is wrong by itself.
    assert_eq!(found.stdout, "");
    found.code == Some(0)
}

#[test]
fn a_reload_of_broken_files_is_a_failure() {
    assert!(is_reload_accepted(&text(SLOS)));
    assert!(!is_reload_accepted(&text(SLOS).replace("interval: 30s", "interval: often")));
}

/// The first line of the log of a service that was told that this is the journal; a shell replaces it.
fn first_line_in(journal: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("slos.yaml"), text(SLOS)).unwrap();
    let script = format!("export JOURNAL_STREAM={journal}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_burndown"), "serve", "slos.yaml"]);
    command.args(["--storage.path=none", "--web.listen-address=127.0.0.1:0"]).current_dir(directory.path());
    let mut process = Process::start(&mut command, "dash");
    process.wait_for_line("a line", SOON, |line| line.contains(" INFO ").then(|| line.to_owned()))
}

#[test]
fn the_journal_hears_priorities_and_keeps_the_time_itself() {
    let line = first_line_in("$(stat --dereference --format=%d:%i /dev/stderr)");
    assert!(line.starts_with("<6> INFO burndown::"), "{line}");
    // Somebody else's journal, as when standard error was redirected.
    let line = first_line_in("1:1");
    assert!(line.starts_with("20") && line.contains("Z  INFO burndown::"), "{line}");
}

#[test]
fn the_unit_waits_as_long_as_a_stop_may_take() {
    let patience = setting("TimeoutStopSec").trim_end_matches('s').parse().map(Duration::from_secs).unwrap();
    let grace = burndown::probe::Grace::default();
    assert!(patience > grace.runs + grace.cleanup + Duration::from_secs(5), "{patience:?} for {grace:?}");
    assert_eq!(setting("Type"), "notify");
    assert_eq!((setting("DynamicUser"), setting("StateDirectory")), ("yes".to_owned(), "burndown".to_owned()));
}
