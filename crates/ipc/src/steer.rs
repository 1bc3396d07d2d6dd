//! Supervisor → session.

use serde::{Deserialize, Serialize};

use crate::wire::Message;

/// What the supervisor tells the session role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSession {
    /// The descriptor beside this message is the channel to a new maildrop process.
    Maildrop,
    /// Tell every client `-ERR [SYS/TEMP]`, close all connections and end. A QUIT that is being
    /// carried out is waited for.
    ShutDown,
}

impl Message for ToSession {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::round_trip;

    #[test]
    fn both_survive() {
        round_trip(&ToSession::Maildrop);
        round_trip(&ToSession::ShutDown);
    }
}
