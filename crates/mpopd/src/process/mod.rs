//! Starts the process of a role: forks it, removes what it must not have, and confines it.

pub(crate) mod child;
pub(crate) mod sandbox;
#[cfg(test)]
mod sandbox_tests;
