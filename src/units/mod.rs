//! Quantities that people type: durations with a unit, objectives in percent, sizes, patterns, label and object
//! names.
//!
//! A value of one of these types is valid by construction; nothing downstream checks it again. This
//! module must not read files or know where in a file a value stood: its errors say only what is wrong
//! and what would be right, and [`crate::spec`] adds the place.

mod duration;
mod name;
mod objective;
mod pattern;
mod size;

pub use duration::{Duration, DurationError};
pub use name::{AlertName, AlertNameError, LabelName, LabelNameError, Name, NameError};
pub use objective::{Objective, ObjectiveError};
pub use pattern::{JsonPointer, JsonPointerError, Pattern, PatternError};
pub use size::{ByteSize, ByteSizeError};
