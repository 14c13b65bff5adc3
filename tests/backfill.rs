//! `burndown backfill` against a real Prometheus.
