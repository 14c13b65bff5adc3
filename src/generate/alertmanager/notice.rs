//! What Alertmanager tells people: templates for titles and texts, which the reader's receivers name.

use std::path::PathBuf;

use url::Url;

use crate::generate::yaml::HEADER;
use crate::generate::{Artifact, Kind};
use crate::names::label;

/// The templates, with names in capitals in place of labels and of the board's address.
const TEMPLATES: &str = include_str!("notice.tmpl");

/// Where the templates are, as seen from the configuration.
pub(super) const PATH: &str = "templates/burndown.tmpl";

/// The file of templates. What stands outside of definitions is never shown, so that it begins like every generated file.
pub(super) fn artifact(board: Option<&Url>) -> Artifact {
    let board = board.map(|url| url.as_str().trim_end_matches('/')).unwrap_or_default();
    let names = [
        ("LONG_WINDOW", label::LONG_WINDOW),
        ("SEVERITY", label::SEVERITY),
        ("SERVICE", label::SERVICE),
        ("SLO", label::SLO),
        ("BOARD", board),
    ];
    let (_, definitions) = TEMPLATES.split_once("\n\n").unwrap_or_default();
    let text = names.into_iter().fold(definitions.to_owned(), |text, (name, value)| text.replace(name, value));
    Artifact { path: PathBuf::from(Kind::Alertmanager.directory()).join(PATH), text: format!("{HEADER}\n{text}") }
}
