//! DNS messages: a question in bytes, and whether bytes that came answer it.
//!
//! Every reading is bounded by the message itself: pointers of names only go backwards, and counts that the
//! message could not hold are refused before anything is made of them.

use simple_dns::header_buffer as header;
use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question as Asked, RCODE, TYPE};

use crate::probe::progress::Fault;
use crate::probe::random;

/// The largest answer that is asked for by datagram, in bytes; larger ones are often lost (DNS Flag Day 2020).
const DATAGRAM_BYTES: u16 = 1232;

/// The fewest bytes of a question and of a record: a root name and the fixed fields.
const MIN_QUESTION: usize = 5;
const MIN_RECORD: usize = 11;

/// The length of a message's head in bytes.
const HEAD: usize = 12;

/// One question with the number that its answer must carry.
#[derive(Debug)]
pub(in crate::probe) struct Question {
    id: u16,
    name: Name<'static>,
    record: TYPE,
}

/// What bytes that came are to a question.
#[derive(Debug)]
pub(in crate::probe) enum Reading<'m> {
    /// Its answer.
    Answer(Packet<'m>),
    /// Something else, perhaps from somebody else.
    Other,
    /// Its answer by number, and unreadable.
    Garbage,
}

impl Question {
    /// A question for a name in ASCII, with a number that nobody can guess.
    ///
    /// # Errors
    ///
    /// A fault of the prober when the name does not fit into a message.
    pub(in crate::probe) fn new(name: &str, record: TYPE) -> Result<Self, Fault> {
        let id = u16::from_ne_bytes(random::bytes()?);
        let name = Name::new(name).map_err(|_| Fault::Prober(format!("`{name}` does not fit into a DNS message")))?;
        Ok(Self { id, name: name.into_owned(), record })
    }

    /// The question as a message. `extended` says that larger answers are welcome (EDNS, RFC 6891).
    ///
    /// # Errors
    ///
    /// A fault of the prober when the message cannot be written.
    pub(in crate::probe) fn message(&self, recursion: bool, extended: bool) -> Result<Vec<u8>, Fault> {
        let mut packet = Packet::new_query(self.id);
        if recursion {
            packet.set_flags(PacketFlag::RECURSION_DESIRED);
        }
        if extended {
            *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: DATAGRAM_BYTES, version: 0 });
        }
        packet.questions.push(Asked::new(self.name.clone(), self.record.into(), CLASS::IN.into(), false));
        packet.build_bytes_vec().map_err(|_| Fault::Prober("the DNS message cannot be written".to_owned()))
    }

    /// What a message is to this question. Names are compared without regard to case (RFC 1035, 2.3.3).
    pub(in crate::probe) fn read<'m>(&self, message: &'m [u8]) -> Reading<'m> {
        let is_answer = header::has_flags(message, PacketFlag::RESPONSE).unwrap_or(false);
        if message.len() < HEAD || !is_answer || header::id(message).ok() != Some(self.id) {
            return Reading::Other;
        }
        let Some(packet) = parse(message) else { return Reading::Garbage };
        if packet.opcode() != OPCODE::StandardQuery {
            return Reading::Other;
        }
        match packet.questions.as_slice() {
            [asked] if self.is(asked) => Reading::Answer(packet),
            // Who could not read the question cannot repeat it.
            [] if packet.rcode() != RCODE::NoError => Reading::Answer(packet),
            _ => Reading::Other,
        }
    }

    fn is(&self, asked: &Asked<'_>) -> bool {
        asked.qname == self.name && asked.qtype == QTYPE::TYPE(self.record) && asked.qclass == QCLASS::CLASS(CLASS::IN)
    }

    /// The records that answer the question, by way of its aliases.
    pub(in crate::probe) fn records<'p>(&self, packet: &'p Packet<'_>) -> Vec<&'p RData<'p>> {
        let mut owners: Vec<&Name<'_>> = vec![&self.name];
        // An alias may stand before or behind what it leads to; each pass follows at least one, or ends.
        for _ in &packet.answers {
            let next = packet.answers.iter().find_map(|record| match &record.rdata {
                RData::CNAME(target) if owners.last() == Some(&&record.name) => Some(&target.0),
                _ => None,
            });
            match next.filter(|next| self.record != TYPE::CNAME && !owners.contains(next)) {
                Some(next) => owners.push(next),
                None => break,
            }
        }
        let is_asked = |rdata: &RData<'_>| rdata.type_code() == self.record;
        let answers = packet.answers.iter();
        answers.filter(|record| is_asked(&record.rdata) && owners.contains(&&record.name)).map(|r| &r.rdata).collect()
    }
}

fn parse(message: &[u8]) -> Option<Packet<'_>> {
    let records = [header::answers(message), header::name_servers(message), header::additional_records(message)];
    let records: usize = records.into_iter().map(|count| count.map_or(0, usize::from)).sum();
    let questions = header::questions(message).map_or(0, usize::from);
    let least = HEAD + questions * MIN_QUESTION + records * MIN_RECORD;
    if least > message.len() {
        return None;
    }
    Packet::parse(message).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, CNAME};

    use super::*;

    fn question(name: &str) -> Question {
        Question::new(name, TYPE::A).expect("a question")
    }

    fn answer(question: &Question, asked: &str, records: &[(&str, RData<'static>)]) -> Vec<u8> {
        let mut packet = Packet::new_reply(question.id);
        let name = |text: &str| Name::new(text).expect("a name").into_owned();
        packet.questions.push(Asked::new(name(asked), TYPE::A.into(), CLASS::IN.into(), false));
        for (owner, rdata) in records {
            packet.answers.push(ResourceRecord::new(name(owner), CLASS::IN, 60, rdata.clone()));
        }
        packet.build_bytes_vec_compressed().expect("fits")
    }

    fn alias(to: &str) -> RData<'static> {
        RData::CNAME(CNAME(Name::new(to).expect("a name").into_owned()))
    }

    #[test]
    fn an_answer_has_the_number_and_the_question() {
        let asked = question("www.Example.com");
        assert!(matches!(asked.read(&answer(&asked, "WWW.example.COM", &[])), Reading::Answer(_)));
        assert!(matches!(asked.read(&answer(&asked, "example.com", &[])), Reading::Other));
        assert!(matches!(question("www.example.com").read(&[0; 5]), Reading::Other));
        let mut other = answer(&asked, "www.example.com", &[]);
        other[0] ^= 1;
        assert!(matches!(asked.read(&other), Reading::Other));
        let own = asked.message(true, true).expect("a message");
        assert!(matches!(asked.read(&own), Reading::Other), "a query is no answer");
    }

    #[test]
    fn aliases_are_followed_and_strangers_left_out() {
        let asked = question("www.example.com");
        let records = [
            ("cdn.example.net", RData::A(A { address: 1 })),
            ("www.example.com", alias("edge.example.net")),
            ("edge.example.net", alias("CDN.example.net")),
            ("stranger.example.org", RData::A(A { address: 2 })),
        ];
        let message = answer(&asked, "www.example.com", &records);
        let Reading::Answer(packet) = asked.read(&message) else { panic!("an answer") };
        assert_eq!(asked.records(&packet), [&RData::A(A { address: 1 })]);

        let circle = [("www.example.com", alias("b.example.com")), ("b.example.com", alias("www.example.com"))];
        let message = answer(&asked, "www.example.com", &circle);
        let Reading::Answer(packet) = asked.read(&message) else { panic!("an answer") };
        assert!(asked.records(&packet).is_empty());
    }

    #[test]
    fn names_that_point_at_themselves_are_garbage() {
        let asked = question("a.example");
        let mut message = answer(&asked, "a.example", &[]);
        message[7] = 1;
        let at = u8::try_from(message.len()).expect("short");
        message.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
        assert!(matches!(asked.read(&message), Reading::Garbage));
    }

    #[test]
    fn counts_beyond_the_message_are_garbage() {
        let asked = question("a.example");
        let mut message = answer(&asked, "a.example", &[]);
        message[6..8].copy_from_slice(&[0xff, 0xff]);
        assert!(matches!(asked.read(&message), Reading::Garbage));
    }

    proptest! {
        #[test]
        fn no_message_panics(tail in prop::collection::vec(any::<u8>(), 0..300), counts in any::<[u8; 8]>()) {
            let asked = question("a.example");
            let [high, low] = asked.id.to_be_bytes();
            let small = counts.map(|count| count % 3);
            for counts in [counts, small] {
                let message = [&[high, low, 0x81, 0x80], counts.as_slice(), tail.as_slice()].concat();
                let _ = asked.read(&message);
            }
        }
    }
}
