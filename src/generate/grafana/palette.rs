//! Colours, once, so that each means the same on every page. No panel says anything by colour alone: numbers, mapped
//! words and legends say it too.

/// All is well: budget left, gate open.
pub(super) const GOOD: &str = "green";
/// It is getting low or slow.
pub(super) const LOW: &str = "orange";
/// Spent, closed, failed, firing.
pub(super) const SPENT: &str = "red";
/// Nobody knows.
pub(super) const UNKNOWN: &str = "#8e8e8e";
/// A measurement that is neither good nor bad in itself.
pub(super) const PLAIN: &str = "blue";
/// A line that something is held against.
pub(super) const GUIDE: &str = "purple";
/// A deployment.
pub(super) const DEPLOYMENT: &str = "light-blue";
