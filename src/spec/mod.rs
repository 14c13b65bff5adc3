//! The only place that reads SLO files: text → raw → validated model.
pub mod model;
