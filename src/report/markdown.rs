//! The report as Markdown, as GitHub and its kin read it. Text from elsewhere can neither mark anything up nor end a cell.

use super::document::{Document, Head, Mood, Part, Row, Section, Table};
use super::model::Report;

/// The report as Markdown.
#[must_use]
pub fn render(report: &Report) -> String {
    let document = Document::of(report);
    let mut blocks = vec![format!("# {}", plain(&document.title)), plain(&document.period)];
    let point = |point: &super::document::Point| format!("- {} {}", sign(point.mood), plain(&point.text));
    blocks.push(document.points.iter().map(point).collect::<Vec<_>>().join("\n"));
    blocks.push(table(&document.table));
    for section in &document.sections {
        blocks.extend(of_section(section));
    }
    if let Some(quiet) = &document.quiet {
        blocks.push("## Nothing happened".to_owned());
        blocks.push(plain(quiet));
    }
    blocks.join("\n\n") + "\n"
}

fn of_section(section: &Section) -> Vec<String> {
    let mut blocks = vec![format!("## {}", plain(&section.name))];
    blocks.extend(section.description.as_ref().map(|text| format!("*{}*", plain(text))));
    blocks.push(section.lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n"));
    blocks.extend(section.parts.iter().flat_map(part));
    blocks
}

fn part(part: &Part) -> Vec<String> {
    let mut blocks = vec![format!("### {}", part.heading)];
    blocks.extend(part.table.as_ref().map(table));
    let list: Vec<String> = part.list.iter().map(|text| format!("- {}", plain(text))).collect();
    blocks.extend((!list.is_empty()).then(|| list.join("\n")));
    blocks.extend(part.note.as_ref().map(|text| plain(text)));
    blocks
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let head = line(table.heads.iter().map(|head| head.text.to_owned()).collect());
    let rule = |head: &Head| if head.is_number { "---:" } else { "---" }.to_owned();
    let row = |row: &Row| {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| plain(cell)).collect();
        // Bold is for what somebody has to do something about.
        if row.mood == Mood::Closed
            && let Some(first) = cells.first_mut()
        {
            *first = format!("**{first}**");
        }
        line(cells)
    };
    let rows = table.rows.iter().map(row);
    [head, line(table.heads.iter().map(rule).collect())].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// A sign that stands for a mood, with the words that follow it.
const fn sign(mood: Mood) -> &'static str {
    match mood {
        Mood::Closed => "\u{26d4}",
        Mood::Low => "\u{26a0}\u{fe0f}",
        Mood::Unknown => "\u{2754}",
        Mood::Good => "\u{2705}",
    }
}

/// Text that means nothing but itself, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '$' => plain.extend(['\\', c]),
            '&' => plain.push_str("&amp;"),
            // Nobody is called, and nothing becomes a link by itself.
            '@' => plain.push_str("&#64;"),
            c if c.is_control() || is_turning(c) => plain.push(char::REPLACEMENT_CHARACTER),
            c => plain.push(c),
        }
    }
    plain.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
}

/// Whether a character turns the direction of the text around it.
pub(super) const fn is_turning(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_means_nothing_but_itself() {
        for (text, written) in [
            ("app-availability 99.9 %", "app-availability 99.9 %"),
            ("**bold** _it_ `code`", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\`"),
            ("a|b\nc", "a\\|b\u{fffd}c"),
            ("[x](http://h) ![y](z)", "\\[x\\](http:&#47;&#47;h) !\\[y\\](z)"),
            ("<script>&amp;", "\\<script\\>&amp;amp;"),
            ("@all \u{202e}#1 www.h", "&#64;all \u{fffd}\\#1 www&#46;h"),
        ] {
            assert_eq!(plain(text), written);
        }
    }
}
