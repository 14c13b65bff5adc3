//! The demo as a new user meets it.
