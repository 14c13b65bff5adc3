//! From a name to addresses: this machine's hosts file and its DNS servers, asked anew for every run.
//!
//! A lookup is a future like any other: it holds no thread, and dropping it ends it, so that names which nobody
//! answers cost those who ask for them and nobody else. It follows resolv.conf(5) with the files `hosts` and
//! `dns`; other sources of the C library (`nsswitch.conf`: mDNS, LDAP) are not asked.

mod files;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{PacketFlag, RCODE, TYPE};
use url::{Host, Url};

use self::files::{Config, Files};
use super::dns::{Question, Reading, by_datagram, over_connection};
use super::net;
use super::outcome::Reason;
use super::progress::{Fault, FirstByte};
use crate::spec::model::IpFamily;

/// How much longer the other family's addresses are waited for once one family's are known. A server that never
/// answers for one of them would otherwise hold up every run (RFC 8305, section 3).
const LATECOMER: Duration = Duration::from_millis(250);

/// Looks names up.
#[derive(Debug)]
pub struct Resolver {
    files: Files,
}

/// What became of one question.
#[derive(Debug)]
enum Answer {
    /// Addresses; none when the name exists and has none of this family.
    Found(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// The servers answered and did not say.
    Failed(String),
    /// No server answered.
    Silent(String),
}

impl Resolver {
    /// The resolver of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self::of_files(PathBuf::from("/etc/resolv.conf"), PathBuf::from("/etc/hosts"))
    }

    /// A resolver that follows other files of the same kinds. A server may have a port: `nameserver [192.0.2.1]:5353`.
    #[must_use]
    pub fn of_files(resolv_conf: PathBuf, hosts: PathBuf) -> Self {
        Self { files: Files::new(resolv_conf, hosts) }
    }

    /// The addresses of a URL's host, in the order in which they are to be tried.
    ///
    /// # Errors
    ///
    /// Those of [`Self::lookup`].
    pub(super) async fn of_url(&self, url: &Url, family: IpFamily) -> Result<Vec<SocketAddr>, Fault> {
        let host = url.host().ok_or_else(|| Fault::Prober("the URL has no host".to_owned()))?;
        self.lookup(&host, url.port_or_known_default().unwrap_or_default(), family).await
    }

    /// The addresses of a host, in the order in which they are to be tried; an IP literal is its own.
    ///
    /// # Errors
    ///
    /// [`Reason::Resolve`] when the name has no address that counts, or nobody says which.
    pub(super) async fn lookup<T>(&self, host: &Host<T>, port: u16, family: IpFamily) -> Result<Vec<SocketAddr>, Fault>
    where
        T: AsRef<str>,
    {
        let (name, found) = match host {
            Host::Ipv4(address) => (address.to_string(), vec![IpAddr::from(*address)]),
            Host::Ipv6(address) => (address.to_string(), vec![IpAddr::from(*address)]),
            Host::Domain(name) => (name.as_ref().to_owned(), self.name(name.as_ref(), family).await?),
        };
        let ordered = in_order(found, family);
        if ordered.is_empty() {
            let kind = match family {
                IpFamily::V4 => "IPv4 address",
                IpFamily::V6 => "IPv6 address",
                _ => "address",
            };
            return Err(Fault::Target(Reason::Resolve, format!("`{name}` has no {kind}")));
        }
        Ok(ordered.into_iter().map(|address| (address, port).into()).collect())
    }

    async fn name(&self, name: &str, family: IpFamily) -> Result<Vec<IpAddr>, Fault> {
        let config = self.files.config().map_err(|error| {
            Fault::Prober(format!("the files that say how names are looked up cannot be read: {error}"))
        })?;
        let bare = name.trim_end_matches('.');
        if let Some(addresses) = config.host(bare) {
            return Ok(addresses.to_vec());
        }
        if let Some(known) = special(bare) {
            return known.ok_or_else(|| failed(name, "there is no such name"));
        }
        let mut last = Answer::NoName;
        for candidate in candidates(name, &config) {
            match addresses(&config, &candidate, family).await? {
                Answer::Found(addresses) if !addresses.is_empty() => return Ok(addresses),
                silent @ Answer::Silent(_) => {
                    last = silent;
                    break;
                }
                Answer::NoName if !matches!(last, Answer::NoName) => {}
                other => last = other,
            }
        }
        match last {
            Answer::Found(_) => Ok(Vec::new()),
            Answer::NoName => Err(failed(name, "there is no such name")),
            Answer::Failed(why) | Answer::Silent(why) => Err(failed(name, &why)),
        }
    }
}

fn failed(name: &str, why: &str) -> Fault {
    Fault::Target(Reason::Resolve, format!("`{name}`: {why}"))
}

/// What names mean that no server is to be asked for (RFC 6761): their addresses, or that there are none.
fn special(name: &str) -> Option<Option<Vec<IpAddr>>> {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "localhost" => Some(Some(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()])),
        "invalid" => Some(None),
        _ => None,
    }
}

/// The full names that a name may stand for, in the order in which they are asked for.
fn candidates(name: &str, config: &Config) -> Vec<String> {
    if let Some(absolute) = name.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let searched =
        config.search.iter().map(|domain| if domain.is_empty() { name.to_owned() } else { format!("{name}.{domain}") });
    let itself = std::iter::once(name.to_owned());
    if name.matches('.').count() >= config.ndots {
        itself.chain(searched).collect()
    } else {
        searched.chain(itself).collect()
    }
}

/// The addresses of a full name, of the families that count.
async fn addresses(config: &Config, name: &str, family: IpFamily) -> Result<Answer, Fault> {
    let ask = |record| ask(config, name, record);
    match family {
        IpFamily::V4 => return ask(TYPE::A).await,
        IpFamily::V6 => return ask(TYPE::AAAA).await,
        IpFamily::Any | IpFamily::PreferV4 | IpFamily::PreferV6 => {}
    }
    let (mut four, mut six) = (pin!(ask(TYPE::A)), pin!(ask(TYPE::AAAA)));
    let (first, second) = tokio::select! {
        first = &mut four => { let first = first?; let second = latecomer(&first, six).await?; (first, second) }
        first = &mut six => { let first = first?; let second = latecomer(&first, four).await?; (first, second) }
    };
    Ok(together(first, second))
}

/// The second answer, which is waited for only a little if the first one has addresses.
async fn latecomer(first: &Answer, second: impl Future<Output = Result<Answer, Fault>>) -> Result<Answer, Fault> {
    if !matches!(first, Answer::Found(addresses) if !addresses.is_empty()) {
        return second.await;
    }
    let none = || Ok(Answer::Silent("no answer in time".to_owned()));
    tokio::time::timeout(LATECOMER, second).await.unwrap_or_else(|_| none())
}

/// What the answers for two families say of a name.
fn together(first: Answer, second: Answer) -> Answer {
    match (first, second) {
        (Answer::Found(mut all), Answer::Found(more)) => {
            all.extend(more);
            Answer::Found(all)
        }
        (Answer::Found(some), _) | (_, Answer::Found(some)) if !some.is_empty() => Answer::Found(some),
        (silent @ Answer::Silent(_), _) | (_, silent @ Answer::Silent(_)) => silent,
        (failed @ Answer::Failed(_), _) | (_, failed @ Answer::Failed(_)) => failed,
        (found @ Answer::Found(_), _) | (_, found @ Answer::Found(_)) => found,
        (Answer::NoName, Answer::NoName) => Answer::NoName,
    }
}

/// Asks the servers in turn until one says.
async fn ask(config: &Config, name: &str, record: TYPE) -> Result<Answer, Fault> {
    let mut last = Answer::Silent("no server is known".to_owned());
    for _ in 0..config.attempts {
        for server in &config.servers {
            last = match tokio::time::timeout(config.timeout, ask_one(*server, name, record)).await {
                Ok(Ok(said @ (Answer::Found(_) | Answer::NoName))) => return Ok(said),
                Ok(Ok(other)) => other,
                Ok(Err(Fault::Target(_, why))) => Answer::Silent(why),
                Ok(Err(own)) => return Err(own),
                Err(_) => Answer::Silent(format!("the server {server} does not answer")),
            };
        }
    }
    Ok(last)
}

async fn ask_one(server: SocketAddr, name: &str, record: TYPE) -> Result<Answer, Fault> {
    let question = Question::new(name, record)?;
    let message = question.message(true, false)?;
    let datagram = by_datagram(server, &question, &message, &mut None).await?;
    let answer = match question.read(&datagram) {
        Reading::Answer(packet) if packet.has_flags(PacketFlag::TRUNCATION) => {
            let mut stream = net::connect(&[server]).await?;
            over_connection(&mut stream, &question, &message, &FirstByte::default()).await?
        }
        _ => datagram,
    };
    let Reading::Answer(packet) = question.read(&answer) else {
        return Ok(Answer::Failed(format!("the server {server} answers something else")));
    };
    Ok(match packet.rcode() {
        RCODE::NoError => Answer::Found(question.records(&packet).into_iter().filter_map(address).collect()),
        RCODE::NameError => Answer::NoName,
        code => Answer::Failed(format!("the server {server} answers {}", super::dns::rcode(code).as_str())),
    })
}

fn address(record: &RData<'_>) -> Option<IpAddr> {
    match record {
        RData::A(four) => Some(Ipv4Addr::from_bits(four.address).into()),
        RData::AAAA(six) => Some(Ipv6Addr::from_bits(six.address).into()),
        _ => None,
    }
}

/// The addresses that count, in the order in which they are tried.
fn in_order(found: Vec<IpAddr>, family: IpFamily) -> Vec<IpAddr> {
    let (four, six): (Vec<IpAddr>, Vec<IpAddr>) = found.into_iter().partition(IpAddr::is_ipv4);
    match family {
        IpFamily::V4 => four,
        IpFamily::V6 => six,
        IpFamily::PreferV4 => [four, six].concat(),
        IpFamily::PreferV6 => [six, four].concat(),
        // RFC 8305, section 4: the families in turn.
        IpFamily::Any => {
            let (mut four, mut six) = (four.into_iter(), six.into_iter());
            let turns = std::iter::from_fn(|| match (six.next(), four.next()) {
                (None, None) => None,
                turn => Some([turn.0, turn.1]),
            });
            turns.flatten().flatten().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_ordered_or_left_out() {
        let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"].map(|text| text.parse().expect("an address"));
        let order =
            |family| in_order(all.to_vec(), family).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(order(IpFamily::Any), "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3");
        assert_eq!(order(IpFamily::PreferV4), "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1");
        assert_eq!(order(IpFamily::PreferV6), "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3");
        assert_eq!(order(IpFamily::V4), "192.0.2.1 192.0.2.2 192.0.2.3");
        assert_eq!(order(IpFamily::V6), "2001:db8::1");
    }

    #[test]
    fn special_names_need_no_server() {
        assert_eq!(special("LocalHost").expect("known").expect("addresses").len(), 2);
        assert_eq!(special("shop.localhost").expect("known").expect("addresses").len(), 2);
        assert_eq!(special("x.invalid"), Some(None));
        assert_eq!(special("example.com"), None);
    }
}
