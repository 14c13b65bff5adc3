//! The past of an SLO.
