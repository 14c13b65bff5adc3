//! What a request wants to see, from its query; the same words make the links that lead there.

use super::mood::Mood;
use crate::standing::model::SloState;

/// The longest text that is looked for, in characters.
const LONGEST: usize = 200;

/// What a request wants to see. It chooses among what is there; nothing in it is looked up anywhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Words that all have to stand in the names, the description or the labels, whatever the case of their letters.
    pub(super) text: String,
    /// The name of a service, or all of them.
    pub(super) service: String,
    /// What is the matter, or anything.
    pub(super) mood: Option<Mood>,
}

impl Filter {
    /// Reads the keys `q`, `service` and `state`; others mean nothing, nor does a state that is none.
    pub(super) fn read(query: &str) -> Self {
        let mut filter = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "q" => filter.text = value.chars().take(LONGEST).collect(),
                "service" => filter.service = value.into_owned(),
                "state" => filter.mood = Mood::ALL.into_iter().find(|mood| mood.class() == value),
                _ => {}
            }
        }
        filter
    }

    /// The value of the key `state`.
    pub(super) fn state(&self) -> &'static str {
        self.mood.map_or("", Mood::class)
    }

    /// Whether everything is wanted.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether service and text fit; what is the matter is counted apart.
    pub(super) fn fits(&self, state: &SloState) -> bool {
        if !self.service.is_empty() && self.service != state.service {
            return false;
        }
        let words: Vec<String> = self.text.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return true;
        }
        let mut said = format!("{}/{} {}", state.service, state.slo, state.description.as_deref().unwrap_or_default());
        for (name, value) in &state.group {
            said.push_str(&format!(" {name}={value}"));
        }
        let said = said.to_lowercase();
        words.iter().all(|word| said.contains(word))
    }

    /// The address of the board with this filter, but with another mood.
    pub(super) fn address(&self, mood: Option<Mood>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let values = [("state", mood.map_or("", Mood::class)), ("service", &self.service), ("q", &self.text)];
        for (key, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(key, value);
        }
        let query = query.finish();
        if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_can_be_written_again() {
        let filter = Filter::read("q=%3Cb%3E+%26+%C3%A9&service=shop&state=closed&x=1");
        assert_eq!(
            (filter.text.as_str(), filter.service.as_str(), filter.mood),
            ("<b> & é", "shop", Some(Mood::Closed))
        );
        assert_eq!(Filter::read(filter.address(filter.mood).trim_start_matches("/?")), filter);
        assert_eq!(filter.address(None), "/?service=shop&q=%3Cb%3E+%26+%C3%A9");
        assert_eq!((Filter::default().address(None).as_str(), Filter::read("state=nonsense").is_empty()), ("/", true));
        assert_eq!(Filter::read(&format!("q={}", "é".repeat(300))).text.chars().count(), LONGEST);
    }
}
