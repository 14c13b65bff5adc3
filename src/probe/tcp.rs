//! TCP: a connection, and what is said over it line by line, in plain text or TLS or both in turn.
//!
//! What a target says may hold what was captured or sent in secret, so no detail shows it, only an excerpt that
//! somebody has to ask for.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::conclude::Limits;
use super::excerpt::Excerpt;
use super::net;
use super::outcome::{Outcome, Phase, Reason};
use super::progress::{Fault, Progress};
use super::reach::{Reach, Wire, secure};
use super::secret;
use super::tls::{Alpn, Client};
use crate::spec::model::{Expected, Group, SendPiece, TcpProbe, TlsSettings, Turn};

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

/// Holds one conversation, within `limits`.
pub(super) async fn run(reach: &Reach, probe: &TcpProbe, limits: Limits) -> Outcome {
    let (started, mut progress) = (Instant::now(), Progress::default());
    let attempt = limits.bound(attempt(reach, probe, &mut progress)).await;
    limits.conclude(started, progress, attempt, probe.within)
}

async fn attempt(reach: &Reach, probe: &TcpProbe, progress: &mut Progress) -> Result<(), Fault> {
    let script = prepare(reach, probe).await?;
    let stream = reach.connect(&probe.address, probe.ip, progress).await?;
    let mut conversation = Conversation {
        wire: Box::new(stream),
        unread: Vec::new(),
        is_over: false,
        received: 0,
        limit: probe.max_read_bytes,
        captures: Captures::default(),
    };
    if let Some(client) = &script.tls {
        conversation.wire = Box::new(secure(client, &probe.address, conversation.wire, progress).await?);
    }
    if !script.acts.is_empty() {
        progress.enter(Phase::Processing);
    }
    for (at, act) in script.acts.iter().enumerate() {
        let step = format!("step {}", at + 1);
        match act {
            Act::Expect(expected) => conversation.expect(expected, &step, progress).await?,
            Act::Send(words) => conversation.send(words).await?,
            Act::StartTls(client) => {
                conversation = conversation.start_tls(client, probe, &step, progress).await?;
                progress.enter(Phase::Processing);
            }
        }
        progress.note = None;
    }
    Ok(())
}

/// A conversation with its secrets and settings read.
struct Script<'a> {
    tls: Option<Client>,
    acts: Vec<Act<'a>>,
}

enum Act<'a> {
    Expect(&'a Expected),
    Send(Vec<Word<'a>>),
    StartTls(Client),
}

/// A piece of what is sent.
enum Word<'a> {
    Known(Vec<u8>),
    Captured(&'a Group),
}

/// Reads what this machine has to read, before the first phase: none of it is the target's doing.
async fn prepare<'a>(reach: &Reach, probe: &'a TcpProbe) -> Result<Script<'a>, Fault> {
    let client = |settings: &'a TlsSettings| reach.tls.client(settings, Alpn::NONE);
    let tls = match &probe.tls {
        Some(settings) => Some(client(settings).await?),
        None => None,
    };
    let mut acts = Vec::with_capacity(probe.exchange.len());
    for turn in &probe.exchange {
        acts.push(match turn {
            Turn::Expect(expected) => Act::Expect(expected),
            Turn::StartTls(settings) => Act::StartTls(client(settings).await?),
            Turn::Send(pieces) => {
                let mut words = Vec::with_capacity(pieces.len());
                for piece in pieces {
                    words.push(match piece {
                        SendPiece::Text(text) => Word::Known(text.clone().into_bytes()),
                        SendPiece::Secret(source) => Word::Known(secret::read(source).await?.into_bytes()),
                        SendPiece::Group(capture) => Word::Captured(capture),
                    });
                }
                Act::Send(words)
            }
        });
    }
    Ok(Script { tls, acts })
}

/// What groups of patterns matched so far. It counts as secret.
#[derive(Default)]
struct Captures {
    /// Of the last pattern that matched, by number.
    last: Vec<Vec<u8>>,
    by_name: BTreeMap<String, Vec<u8>>,
}

impl Captures {
    fn get(&self, capture: &Group) -> &[u8] {
        // A group that took no part in its match is empty, as in every language with such patterns.
        let found = match capture {
            Group::Number(number) => self.last.get(*number),
            Group::Name(name) => self.by_name.get(name),
        };
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

/// An open connection and what has come over it.
struct Conversation {
    wire: Box<dyn Wire>,
    /// What no pattern has taken yet.
    unread: Vec<u8>,
    /// Whether the target has closed its side.
    is_over: bool,
    /// How many bytes have come in all.
    received: u64,
    limit: u64,
    captures: Captures,
}

impl Conversation {
    /// Waits for what the target has to say.
    async fn expect(&mut self, expected: &Expected, step: &str, progress: &mut Progress) -> Result<(), Fault> {
        let mut others = 0_u64;
        loop {
            progress.note = Some(waiting(step, expected, others));
            if expected.lines {
                while let Some(line) = self.take_line() {
                    progress.excerpt = Some(Excerpt::around(&line, 0, 0));
                    if self.judge(&line, expected, step)?.is_some() {
                        return Ok(());
                    }
                    others += 1;
                    progress.note = Some(waiting(step, expected, others));
                }
            } else {
                let unread = std::mem::take(&mut self.unread);
                progress.excerpt = Some(Excerpt::around(&unread, 0, 0)).filter(|_| !unread.is_empty());
                match self.judge(&unread, expected, step)? {
                    Some(end) => {
                        self.unread = unread.get(end..).unwrap_or_default().to_vec();
                        return Ok(());
                    }
                    None => self.unread = unread,
                }
            }
            if self.is_over {
                return Err(closed(step, expected, self.received));
            }
            self.read(progress).await?;
        }
    }

    /// Holds what was said against a pattern: where the match ends, if there is one.
    fn judge(&mut self, said: &[u8], expected: &Expected, step: &str) -> Result<Option<usize>, Fault> {
        if let Some(not) = expected.not.as_ref().filter(|not| not.is_match(said)) {
            let detail = format!("{step} met what matches `{not}`, and waited for `{}`", expected.pattern);
            return Err(Fault::Target(Reason::Answer, detail));
        }
        let Some(found) = expected.pattern.captures(said) else { return Ok(None) };
        let bytes = |group: Option<regex::bytes::Match<'_>>| group.map(|group| group.as_bytes().to_vec());
        self.captures.last = found.iter().map(|group| bytes(group).unwrap_or_default()).collect();
        for name in expected.pattern.group_names() {
            self.captures.by_name.insert(name.to_owned(), bytes(found.name(name)).unwrap_or_default());
        }
        Ok(found.get(0).map(|whole| whole.end()))
    }

    /// The next line without its end; the last one needs none once the target has closed.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let line: Vec<u8> = match self.unread.iter().position(|byte| *byte == b'\n') {
            Some(end) => self.unread.drain(..=end).collect(),
            None if self.is_over && !self.unread.is_empty() => std::mem::take(&mut self.unread),
            None => return None,
        };
        let bare = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        Some(bare.unwrap_or(&line).to_vec())
    }

    /// Reads what comes next, or the end.
    async fn read(&mut self, progress: &Progress) -> Result<(), Fault> {
        let mut chunk = [0; CHUNK];
        let count = self.wire.read(&mut chunk).await.map_err(|error| net::broken(&error))?;
        if count == 0 {
            self.is_over = true;
            return Ok(());
        }
        progress.first_byte().note();
        self.received += count as u64;
        if self.received > self.limit {
            let detail = format!("the target said more than {} bytes", self.limit);
            return Err(Fault::Target(Reason::BodyTooLarge, detail));
        }
        self.unread.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }

    async fn send(&mut self, words: &[Word<'_>]) -> Result<(), Fault> {
        let said: Vec<u8> = words
            .iter()
            .flat_map(|word| match word {
                Word::Known(bytes) => bytes.as_slice(),
                Word::Captured(capture) => self.captures.get(capture),
            })
            .copied()
            .collect();
        self.wire.write_all(&said).await.map_err(|error| net::broken(&error))?;
        self.wire.flush().await.map_err(|error| net::broken(&error))
    }

    /// Speaks TLS from here on.
    async fn start_tls(
        self,
        client: &Client,
        probe: &TcpProbe,
        step: &str,
        progress: &mut Progress,
    ) -> Result<Self, Fault> {
        // Whatever came too early was not protected, and would be taken as if it had been (CVE-2011-0411).
        if !self.unread.is_empty() {
            let detail = format!("{step}: more was said than its answer before TLS began");
            return Err(Fault::Target(Reason::Protocol, detail));
        }
        progress.note = None;
        let wire = secure(client, &probe.address, self.wire, progress).await?;
        Ok(Self { wire: Box::new(wire), unread: Vec::new(), ..self })
    }
}

/// What a run is waiting for.
fn waiting(step: &str, expected: &Expected, others: u64) -> String {
    let pattern = &expected.pattern;
    match others {
        0 => format!("{step} waits for `{pattern}`"),
        1 => format!("{step} waits for `{pattern}`, and met another line"),
        _ => format!("{step} waits for `{pattern}`, and met {others} other lines"),
    }
}

fn closed(step: &str, expected: &Expected, received: u64) -> Fault {
    let pattern = &expected.pattern;
    if received == 0 {
        return Fault::Target(Reason::Protocol, format!("{step}: the connection closed before anything was said"));
    }
    Fault::Target(
        Reason::Answer,
        format!("{step}: the connection closed, and nothing that was left matches `{pattern}`"),
    )
}
