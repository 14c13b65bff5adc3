//! The embedded history on a clock of the test.
