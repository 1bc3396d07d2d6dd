//! Auth ↔ supervisor: auth needs to speak to the maildrop process of a uid, which only the
//! supervisor can fork.

use serde::{Deserialize, Serialize};

use crate::wire::Message;

/// "I need the maildrop process of this user."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hire {
    /// The maildrop's owner; never 0.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// The process that auth knew before and that answers no more.
    pub instead_of: Option<WorkerId>,
}

impl Message for Hire {
    fn check(&self) -> Result<(), &'static str> {
        if self.uid == 0 {
            return Err("root owns no maildrop session");
        }
        // setresuid(2) and setresgid(2) take this number for "leave it as it is": the process would stay root's.
        if self.uid == u32::MAX || self.gid == u32::MAX {
            return Err("4294967295 is no uid and no gid");
        }
        Ok(())
    }
}

/// One maildrop process, counted from the supervisor's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u64);

/// The supervisor's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hired {
    /// The descriptor beside this message takes [`crate::open::Open`] orders for that process.
    Ready(WorkerId),
    /// No process could be had; the supervisor has logged why.
    Failed,
}

impl Message for Hired {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    #[test]
    fn both_survive_and_what_would_stay_root_is_refused() {
        round_trip(&Hire { uid: 1000, gid: 8, instead_of: Some(WorkerId(4)) });
        round_trip(&Hired::Ready(WorkerId(u64::MAX)));
        round_trip(&Hired::Failed);
        for (uid, gid) in [(0, 0), (u32::MAX, 8), (1000, u32::MAX)] {
            assert!(encode(&Hire { uid, gid, instead_of: None }).is_err(), "{uid}, {gid}");
        }
    }
}
