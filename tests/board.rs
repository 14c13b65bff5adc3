//! The board in a real browser: what it says, how it looks, and how it behaves while somebody looks at it.

mod filter;
mod hostile;
mod live;
mod looks;
mod pages;
mod pictures;
mod spoken;
mod tiles;
mod wall;
