//! The ids of a login and of an opened maildrop.

use serde::{Deserialize, Serialize};

/// The id of a login attempt. The session role creates it, and auth and maildrop pass it on, so that the
/// reply of either finds its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LoginId {
    /// The number of the session process, counted from the first one. A restarted process must not take the
    /// replies for its predecessor.
    pub generation: u32,
    /// Counted within the process.
    pub number: u64,
}

/// The right to an opened maildrop, issued by auth. It cannot be guessed, and is valid only on the channel of
/// the maildrop process that got it from auth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket([u8; 16]);

impl Ticket {
    /// A new ticket from the kernel's random numbers.
    ///
    /// # Errors
    ///
    /// The kernel gives none (getrandom(2)): no login is possible then.
    pub fn issue() -> std::io::Result<Self> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).map_err(std::io::Error::other)?;
        Ok(Self(octets))
    }
}

/// Not its value: a reader of the log must not be able to use it.
impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(..)")
    }
}
