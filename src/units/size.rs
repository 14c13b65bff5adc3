//! A number of bytes, written with a binary unit (`1MiB`).

use std::fmt;
use std::str::FromStr;

/// Units with their length in bytes, largest first.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// The largest size that is accepted: one gibibyte.
const MAX_BYTES: u64 = 1 << 30;

/// A number of bytes, from one byte to one gibibyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByteSizeError {
    /// A bare number such as `4096`.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// Not a whole number with one of the units.
    #[error("`{0}` is not a size")]
    Malformed(String),
    /// Nothing, or more than one gibibyte.
    #[error("a size of `{0}` is out of range")]
    OutOfRange(String),
}

impl ByteSizeError {
    /// What would be right, as one line of help.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoUnit(number) => format!("write `{number}B` for bytes or `{number}KiB` for 1024 bytes each"),
            Self::Malformed(_) => "write a whole number of `B`, `KiB`, `MiB` or `GiB`, as in `1MiB`".to_owned(),
            Self::OutOfRange(_) => "write a size from `1B` to `1GiB`".to_owned(),
        }
    }
}

impl ByteSize {
    /// 64 kibibytes.
    pub const KIB_64: Self = Self(64 << 10);

    /// One mebibyte.
    pub const MIB: Self = Self(1 << 20);

    /// The size in bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number(text) {
            return Err(ByteSizeError::NoUnit(text.to_owned()));
        }
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(name, bytes)| Some((text.strip_suffix(name)?, *bytes)))
            .filter(|(digits, _)| is_number(digits))
            .ok_or_else(|| ByteSizeError::Malformed(text.to_owned()))?;
        let bytes = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
        match bytes {
            Some(bytes @ 1..=MAX_BYTES) => Ok(Self(bytes)),
            _ => Err(ByteSizeError::OutOfRange(text.to_owned())),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, bytes)| self.0.is_multiple_of(*bytes));
        let (name, bytes) = unit.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_with_a_unit() {
        for (text, bytes) in [("1B", 1), ("64KiB", 65_536), ("1MiB", 1_048_576), ("1GiB", 1_073_741_824)] {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.as_bytes(), size.to_string().as_str()), (bytes, text));
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        use ByteSizeError as E;
        assert_eq!("4096".parse::<ByteSize>(), Err(E::NoUnit("4096".into())));
        for text in ["", "B", "1MB", "1.5MiB", "-1B", "1 MiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(E::Malformed(text.into())), "{text}");
        }
        for text in ["0B", "2GiB", "99999999999999999999B", "99999999999999GiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(E::OutOfRange(text.into())), "{text}");
        }
    }
}
