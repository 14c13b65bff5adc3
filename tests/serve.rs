//! The probe service: scheduling, counters, signals.
