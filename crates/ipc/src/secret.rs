//! Octets that are wiped when they are dropped, and never shown.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A password or another secret that must not stay in memory or reach a log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretOctets(#[serde(with = "serde_bytes")] Vec<u8>);

impl SecretOctets {
    /// Takes over the octets; the caller must not keep a copy.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// The octets themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretOctets {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for SecretOctets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("******")
    }
}
