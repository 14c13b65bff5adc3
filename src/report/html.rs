//! The report as one HTML file that needs nothing else: it prints, follows light and dark, and asks no server for anything.

use askama::Template;

use super::document::Document;
use super::model::Report;
use crate::standing::PALETTE;

/// What the page of a server may load: the style that stands in it, and nothing else.
pub const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same in a file, where nothing can be said of frames.
const POLICY_OF_A_FILE: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The style of a report, behind the colours that it shares with the board.
const STYLE: &str = include_str!("report.css");

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    document: Document,
    palette: &'static str,
    style: &'static str,
    policy: &'static str,
    version: &'static str,
    /// Where the board is, for a page of a server.
    board: Option<&'static str>,
}

/// The report as HTML. `board` is the path of the board for a page of a server.
///
/// # Errors
/// Never, but for a failing allocator.
pub fn render(report: &Report, board: Option<&'static str>) -> Result<String, askama::Error> {
    let page = Page {
        document: Document::of(report),
        palette: PALETTE,
        style: STYLE,
        policy: POLICY_OF_A_FILE,
        version: env!("CARGO_PKG_VERSION"),
        board,
    };
    let text = page.render()?;
    // What would turn the direction of a line is shown and not obeyed.
    Ok(text.replace(super::markdown::is_turning, "\u{fffd}"))
}
