//! A piece of what a target or command said, for whoever asks for it: never in a log, an error or a detail.

use std::fmt;

/// The longest excerpt, in bytes of what was said.
pub(super) const MAX_BYTES: usize = 1024;

/// At most 1 KiB of a body or output. It may hold anything, secrets too, so it is only shown where somebody asks for
/// it with [`Excerpt::open`].
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    bytes: Box<[u8]>,
    /// Whether something stood before it.
    starts_late: bool,
    /// Whether something stood after it.
    ends_early: bool,
}

impl Excerpt {
    /// The piece of `text` around the bytes from `start` to `end`: around a match, or at the beginning or end.
    pub(super) fn around(text: &[u8], start: usize, end: usize) -> Self {
        let shown = end.saturating_sub(start).min(MAX_BYTES);
        let before = (MAX_BYTES - shown) / 2;
        let from = start.saturating_sub(before).min(text.len().saturating_sub(MAX_BYTES));
        let to = text.len().min(from + MAX_BYTES);
        Self {
            bytes: text.get(from..to).unwrap_or_default().into(),
            starts_late: from > 0,
            ends_early: to < text.len(),
        }
    }

    /// The text, with control characters escaped so that a terminal stays as it is, and `…` where something is left
    /// out.
    #[must_use]
    pub fn open(&self) -> String {
        let mut text = String::from(if self.starts_late { "…" } else { "" });
        for character in String::from_utf8_lossy(&self.bytes).chars() {
            match character {
                '\n' | '\t' => text.push(character),
                '\r' => {}
                character if character.is_control() || is_invisible(character) => {
                    text.extend(character.escape_unicode())
                }
                character => text.push(character),
            }
        }
        text.push_str(if self.ends_early { "…" } else { "" });
        text
    }
}

/// Characters that change the direction or look of others.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_bounded_and_harmless() {
        let text = [vec![b'a'; 5_000], b"needle".to_vec(), vec![b'b'; 5_000]].concat();
        let around = Excerpt::around(&text, 5_000, 5_006).open();
        assert!(around.contains("aneedleb") && around.starts_with('…') && around.ends_with('…'), "{around}");
        assert_eq!(around.chars().count(), MAX_BYTES + 2);
        assert!(Excerpt::around(&text, 0, 0).open().starts_with("aaa"));
        assert!(Excerpt::around(&text, text.len(), text.len()).open().ends_with("bbb"));
        assert_eq!(Excerpt::around(&text, 0, text.len()).open().chars().count(), MAX_BYTES + 1);
        assert_eq!(Excerpt::around(b"a\x1b[31mb\r\n\xff", 0, 0).open(), "a\\u{1b}[31mb\n\u{fffd}");
        assert_eq!(format!("{:?}", Excerpt::around(b"s3cret", 0, 0)), "[redacted]");
    }
}
