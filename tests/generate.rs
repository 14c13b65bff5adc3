//! Generated rules and proofs against promtool.
