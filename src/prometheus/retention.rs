//! How long a server keeps samples.

use super::{Client, Error};
use crate::units::Duration;

/// The flag that sets it.
pub const RETENTION_FLAG: &str = "storage.tsdb.retention.time";

/// How long the server keeps samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retention {
    /// This long.
    For(Duration),
    /// Longer than any window.
    Forever,
    /// It does not say, or keeps samples up to a size.
    Unknown(String),
}

impl Retention {
    /// Asks for it: what the running server says, else its flag.
    pub(super) async fn of(client: &Client) -> Result<Self, Error> {
        if let Some(info) = offered(client.runtime_info().await)?
            && !info.storage_retention.is_empty()
        {
            return Ok(Self::read(&info.storage_retention));
        }
        let flag = offered(client.flags().await)?.and_then(|flags| flags.get(RETENTION_FLAG).cloned());
        Ok(match flag.as_deref() {
            None | Some("" | "0s") => Self::Unknown("it does not say how long it keeps samples".to_owned()),
            Some(text) => Self::read(text),
        })
    }

    /// Reads `15d`, `15d or 10GiB`, `1y`.
    fn read(text: &str) -> Self {
        let parts = || text.split(" or ").map(str::trim);
        if let Some(time) = parts().find_map(|part| part.parse::<Duration>().ok()).filter(|time| !time.is_zero()) {
            return Self::For(time);
        }
        // A year is a unit that files of SLOs do not have, and longer than any window.
        if parts().any(|part| part.split_once('y').is_some_and(|(years, _)| years.parse::<u32>().is_ok())) {
            return Self::Forever;
        }
        Self::Unknown(format!("it keeps samples up to a size, {text}"))
    }
}

/// An answer, or nothing where the server does not offer that question.
fn offered<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_about_the_question() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_read() {
        for (text, days) in [("15d", 15), ("15d or 10GiB", 15), ("2w", 14), ("360h", 15)] {
            let Retention::For(time) = Retention::read(text) else { panic!("{text}") };
            assert_eq!(time, Duration::from_days(days), "{text}");
        }
        assert!(matches!(Retention::read("100y"), Retention::Forever));
        assert!(matches!(Retention::read("1y6d or 10GiB"), Retention::Forever));
        assert!(matches!(Retention::read("10GiB"), Retention::Unknown(_)));
    }
}
