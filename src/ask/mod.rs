//! Whether a live Prometheus suits a plan.
