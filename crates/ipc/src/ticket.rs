//! The names by which the roles speak of one login and of one opened maildrop.

use serde::{Deserialize, Serialize};

/// One login attempt: made by the session role, carried through auth and maildrop, so that the
/// answer finds its connection whoever gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LoginId {
    /// Which session process asked, counted from its first start: a successor must not take the
    /// answers meant for its predecessor.
    pub generation: u32,
    /// Counted within the process.
    pub number: u64,
}

/// The right to one opened maildrop, issued by auth. It cannot be guessed, and it is good only on
/// the channel of the maildrop process that auth gave it to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket([u8; 16]);

impl Ticket {
    /// A new ticket from the kernel's random numbers.
    ///
    /// # Errors
    ///
    /// When the kernel gives none (getrandom(2)): no login is possible then.
    pub fn issue() -> std::io::Result<Self> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).map_err(std::io::Error::other)?;
        Ok(Self(octets))
    }
}

/// Not its value: who reads a log must not be able to use it.
impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(..)")
    }
}
