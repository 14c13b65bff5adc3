//! What this machine says of names: `/etc/resolv.conf` and `/etc/hosts`, as of now.
//!
//! Both are small local files; they are looked at again at most once a second, and read again when they have
//! changed. A missing file means what it means to the C library.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How long the files are taken to be unchanged.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How much of a file is read, in bytes. A list of blocked hosts may be long.
const MAX_BYTES: u64 = 16 << 20;

/// How many servers are asked and how many domains are searched at most (the C library asks three).
const MAX_SERVERS: usize = 3;
const MAX_SEARCH: usize = 32;

/// The port of DNS.
const PORT: u16 = 53;

/// What the files say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// The servers to ask, in order.
    pub(super) servers: Vec<SocketAddr>,
    /// The domains that a short name may be in.
    pub(super) search: Vec<String>,
    /// A name with this many dots is tried as it is first.
    pub(super) ndots: usize,
    /// How long one server may stay silent.
    pub(super) timeout: Duration,
    /// How many times all servers are asked.
    pub(super) attempts: u32,
    /// The addresses of names in lower case.
    hosts: BTreeMap<String, Vec<IpAddr>>,
}

impl Config {
    /// The addresses that the hosts file gives a name.
    pub(super) fn host(&self, name: &str) -> Option<&[IpAddr]> {
        self.hosts.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }

    fn parse(resolv: &str, hosts: &str) -> Self {
        let mut config = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            hosts: parse_hosts(hosts),
        };
        for line in resolv.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => config.servers.extend(words.next().and_then(server)),
                // The last of these lines counts, whichever it is.
                Some("search" | "domain") => config.search = words.take(MAX_SEARCH).map(domain).collect(),
                Some("options") => words.for_each(|option| config.option(option)),
                _ => {}
            }
        }
        config.servers.truncate(MAX_SERVERS);
        if config.servers.is_empty() {
            config.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        config
    }

    fn option(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        // The bounds are those of resolv.conf(5).
        match name {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }
}

/// `192.0.2.53`, or with a port as OpenBSD writes it: `[192.0.2.53]:5353`.
fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some((address, PORT).into());
    }
    let (address, port) = word.strip_prefix('[')?.split_once("]:")?;
    Some((address.parse::<IpAddr>().ok()?, port.parse().ok()?).into())
}

fn domain(word: &str) -> String {
    word.trim_end_matches('.').to_owned()
}

fn parse_hosts(text: &str) -> BTreeMap<String, Vec<IpAddr>> {
    let mut hosts: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
        for name in words {
            let addresses = hosts.entry(name.to_ascii_lowercase()).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    hosts
}

/// The files, and what they said when they were last read.
#[derive(Debug)]
pub(super) struct Files {
    resolv: PathBuf,
    hosts: PathBuf,
    read: Mutex<Option<LastRead>>,
}

#[derive(Debug)]
struct LastRead {
    looked_at: Instant,
    stamps: [Stamp; 2],
    config: Arc<Config>,
}

/// What tells one state of a file from another; nothing for a file that is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Files {
    pub(super) fn new(resolv: PathBuf, hosts: PathBuf) -> Self {
        Self { resolv, hosts, read: Mutex::new(None) }
    }

    /// What the files say now.
    ///
    /// # Errors
    ///
    /// Those of reading them, but for a file that is not there.
    pub(super) fn config(&self) -> io::Result<Arc<Config>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = read.as_ref().filter(|last| last.looked_at.elapsed() < TRUSTED_FOR) {
            return Ok(Arc::clone(&last.config));
        }
        let stamps = [stamp(&self.resolv)?, stamp(&self.hosts)?];
        let config = match read.as_ref().filter(|last| last.stamps == stamps) {
            Some(last) => Arc::clone(&last.config),
            None => Arc::new(Config::parse(&text(&self.resolv)?, &text(&self.hosts)?)),
        };
        *read = Some(LastRead { looked_at: Instant::now(), stamps, config: Arc::clone(&config) });
        Ok(config)
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.modified()?, metadata.len()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(path: &Path) -> io::Result<String> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_servers_domains_and_options() {
        let config = Config::parse(
            "# a comment\nnameserver 192.0.2.1\nnameserver 2001:db8::1 ; second\nnameserver [192.0.2.3]:5353\n\
             nameserver 192.0.2.4\ndomain old.example\nsearch a.example. b.example\noptions ndots:5 timeout:2 attempts:99 rotate\n",
            "",
        );
        let servers: Vec<String> = config.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:5353"]);
        assert_eq!(config.search, ["a.example", "b.example"]);
        assert_eq!((config.ndots, config.timeout, config.attempts), (5, Duration::from_secs(2), 5));
    }

    #[test]
    fn an_empty_file_asks_this_machine() {
        let config = Config::parse("nameserver none\n", "");
        assert_eq!(config.servers, [SocketAddr::from(([127, 0, 0, 1], 53))]);
        assert_eq!((config.ndots, config.timeout, config.attempts), (1, Duration::from_secs(5), 2));
    }

    #[test]
    fn reads_hosts_without_regard_to_case() {
        let config = Config::parse("", "127.0.0.1 localhost Local # this\n::1 localhost\nnonsense x\n");
        let found = |name| config.host(name).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found("LOCALHOST"), Some(vec!["127.0.0.1".to_owned(), "::1".to_owned()]));
        assert_eq!(found("local"), Some(vec!["127.0.0.1".to_owned()]));
        assert_eq!(found("this"), None);
        assert_eq!(found("x"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn changed_files_are_read_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let resolv = directory.path().join("resolv.conf");
        let files = Files::new(resolv.clone(), directory.path().join("hosts"));
        assert_eq!(files.config().expect("reads").search, [""; 0]);
        fs::write(&resolv, "search a.example\n").expect("writes");
        assert_eq!(files.config().expect("reads").search, [""; 0], "within the second");
        tokio::time::sleep(TRUSTED_FOR).await;
        assert_eq!(files.config().expect("reads").search, ["a.example"]);
        fs::remove_file(&resolv).expect("removes");
        tokio::time::sleep(TRUSTED_FOR).await;
        assert_eq!(files.config().expect("reads").search, [""; 0]);
    }
}
