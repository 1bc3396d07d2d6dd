//! How every role comes into being: forked, stripped of what it must not have, and confined.

pub(crate) mod child;
pub(crate) mod sandbox;
#[cfg(test)]
mod sandbox_tests;
