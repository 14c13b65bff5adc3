//! Real servers and programs for the tests, each on a port of its own and stopped when dropped.
pub(crate) mod target;
