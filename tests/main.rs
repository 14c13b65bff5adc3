//! The one test binary: behaviour against the compiled program and against real peers.

#![allow(missing_docs)]

mod check;
mod demo;
mod end_to_end;
mod generate;
mod house;
mod serve;
mod support;
