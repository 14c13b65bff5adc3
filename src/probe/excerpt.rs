//! A few characters of what a target said, so that a detail of a verdict can show them.
//!
//! Only for what cannot echo a secret. Control characters are escaped, so that no log and no terminal takes
//! them for its own.

/// The most characters that are shown.
const MAX_CHARS: usize = 80;

/// The beginning of what a target said, in back quotes.
pub(super) fn excerpt(said: &[u8]) -> String {
    // A character takes at most four bytes; one more character says whether there is more.
    let start = said.get(..4 * (MAX_CHARS + 1)).unwrap_or(said);
    let text = String::from_utf8_lossy(start);
    let mut shown: String = text.chars().take(MAX_CHARS).flat_map(escaped).collect();
    if text.chars().count() > MAX_CHARS || start.len() < said.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let is_plain =
        !c.is_control() && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = is_plain.then_some(c);
    let code = (!is_plain).then(|| c.escape_default());
    plain.into_iter().chain(code.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_short_and_harmless() {
        assert_eq!(excerpt(b"220 hello"), "`220 hello`");
        assert_eq!(excerpt(b"a\x1b[31m\r\n"), "`a\\u{1b}[31m\\r\\n`");
        assert_eq!(excerpt("a\u{202e}b".as_bytes()), "`a\\u{202e}b`");
        assert_eq!(excerpt(b"\xff"), "`\u{fffd}`");
        let long = excerpt(&[b'x'; 10_000]);
        assert_eq!(long.chars().count(), MAX_CHARS + 3);
        assert!(long.ends_with("x…`"));
    }
}
