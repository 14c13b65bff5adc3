//! Where the history is if nobody says it.

use std::ffi::OsString;
use std::path::PathBuf;

/// The usual directory of the history on this machine, for this user.
pub(super) fn usual_place() -> Option<PathBuf> {
    place(|name| std::env::var_os(name))
}

/// Where systemd says that a service keeps its state, or else the XDG base directory specification. Neither is used
/// unless it is an absolute path.
fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // With several directories in it, systemd separates them by colons.
    let first = |path: PathBuf| path.to_str().and_then(|text| text.split(':').next().map(PathBuf::from));
    let of_unit = absolute("STATE_DIRECTORY").and_then(first);
    let of_user = || absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    of_unit.or_else(|| Some(of_user()?.join("burndown")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_place_is_that_of_the_unit_or_the_user() {
        let found = |set: &[(&str, &str)]| {
            let of = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
            place(of).map(|path| path.display().to_string())
        };
        let place = |set: &[(&str, &str)]| found(set).unwrap_or_default();
        let home = ("HOME", "/users/ann");
        assert_eq!(place(&[("STATE_DIRECTORY", "/var/lib/burndown:/var/lib/other"), home]), "/var/lib/burndown");
        assert_eq!(place(&[("XDG_STATE_HOME", "/state"), home]), "/state/burndown");
        assert_eq!(place(&[("XDG_STATE_HOME", "state"), home]), "/users/ann/.local/state/burndown");
        assert_eq!(place(&[("HOME", "")]), "");
        assert_eq!(place(&[]), "");
    }
}
