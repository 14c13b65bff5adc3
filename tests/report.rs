//! The report of a week: what it says of fixed histories, in every form, from every source.

mod fixture;
mod forms;
mod numbers;
mod sources;
