//! The keys of the file, once: the reader knows from here which keys a mapping has, and the JSON Schema and the
//! reference are written from here.
//!
//! A key that is not in these tables is refused by the reader, so nothing can be read that is not documented.
//! What values mean for each other is for [`super::validate`]; no reading here.

mod file;
mod probe;
mod word;

pub use file::{
    ALERT, ALERTING, ALERTS, BUDGETING, BURN_ALERT, CHANGE, EVENTS, FILE, GATE, GAUGE, LATENCY, MAINTENANCE, OPTIONS,
    PAIR, QUERY, RATIO, RULES, SLI, SLO, TIMESLICES, UPLINK, WORKING_HOURS,
};
pub use probe::{
    BASIC_AUTH, CAPTURE, CHAIN, CHAIN_EXPECT, DNS, DNS_ANSWER, DNS_EXPECT, EXCHANGE, GRPC, HTTP, HTTP_EXPECT, ICMP,
    JOURNEY, OAUTH2, ONLY_WITHIN, PROBE, PROXY, SECRET, STEP, TCP, TEXT_RULES, TLS, VALUE_RULES,
};
pub use word::Word;

/// A mapping whose keys are known.
#[derive(Debug)]
pub struct Mapping {
    /// What it is called in the schema and the reference.
    pub name: &'static str,
    /// What it is for, in a sentence without a full stop.
    pub about: &'static str,
    /// Its keys, in the order in which people write them.
    pub keys: &'static [Key],
    /// Which keys go together.
    pub rules: &'static [Rule],
}

impl Mapping {
    /// The names of the keys.
    pub fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }
}

/// A key of a mapping.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether the mapping has no meaning without it.
    pub is_required: bool,
    /// What holds without it.
    pub absent: Absent,
    /// What it is for, in a sentence without a full stop.
    pub about: &'static str,
    /// A value, as a file would have it.
    pub example: &'static str,
}

/// What holds without a key.
#[derive(Clone, Copy, Debug)]
pub enum Absent {
    /// Nothing that needs words.
    Nothing,
    /// This value, as a file would have it.
    Value(&'static str),
    /// What these words say.
    Said(&'static str),
}

impl Key {
    const fn new(name: &'static str, shape: Shape, example: &'static str, about: &'static str) -> Self {
        Self { name, shape, is_required: false, absent: Absent::Nothing, about, example }
    }

    /// What it is for, and what holds without it.
    #[must_use]
    pub fn description(&self) -> String {
        match self.absent {
            Absent::Nothing => format!("{}.", self.about),
            Absent::Value(value) => format!("{}. Default: `{value}`.", self.about),
            Absent::Said(words) => format!("{}. Default: {words}.", self.about),
        }
    }

    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.absent = Absent::Value(value);
        self
    }

    const fn otherwise(mut self, words: &'static str) -> Self {
        self.absent = Absent::Said(words);
        self
    }
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One word or text.
    Word(Word),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list with at least one element.
    List(&'static Shape),
    /// A list.
    AnyList(&'static Shape),
    /// One element without brackets, or a list of them.
    OneOrMore(&'static Shape),
    /// A mapping whose keys are the file's own.
    Keyed(Word, &'static Shape),
    /// A mapping whose keys are known.
    Mapping(&'static Mapping),
    /// Any of these.
    Either(&'static [Shape]),
}

/// Which keys of a mapping go together.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Exactly one of these.
    OneOf(&'static [&'static str]),
    /// At most one of these.
    AtMostOne(&'static [&'static str]),
    /// At least one of these.
    AtLeastOne(&'static [&'static str]),
    /// Exactly two of these.
    TwoOf(&'static [&'static str]),
    /// All of these or none.
    Together(&'static [&'static str]),
    /// The keys of the second list only beside the key.
    Only(&'static str, &'static [&'static str]),
}

impl Rule {
    /// The rule in words.
    #[must_use]
    pub fn words(&self) -> String {
        let listed = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        match self {
            Self::OneOf(keys) => format!("Exactly one of {}.", listed(keys)),
            Self::AtMostOne(keys) => format!("At most one of {}.", listed(keys)),
            Self::AtLeastOne(keys) => format!("At least one of {}.", listed(keys)),
            Self::TwoOf(keys) => format!("Exactly two of {}.", listed(keys)),
            Self::Together(keys) => format!("All of {}, or none.", listed(keys)),
            Self::Only(key, keys) => format!("{} only beside `{key}`.", listed(keys)),
        }
    }
}
