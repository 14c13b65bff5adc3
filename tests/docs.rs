//! The documentation holds: the schema is the reader's, references are current, and what is shown runs.

mod blocks;
mod links;
mod reference;
mod schema;
mod walk;
mod written;

pub(crate) use schema::{refuses_what_the_reader_refuses, takes_what_the_reader_takes};
