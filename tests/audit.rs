//! Overrides, corrections and planned maintenance: who may make them, what they do, and that nothing of it is silent.

mod agree;
mod made;
mod maintenance;
mod net;
mod rules;
