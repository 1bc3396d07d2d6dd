//! Auth ↔ supervisor: auth needs to speak to the maildrop process of a uid, which only the
//! supervisor can fork.

use serde::{Deserialize, Serialize};

use crate::open::PathOctets;
use crate::wire::ChannelMessage;

/// The most folders of [`FileAccess::Folders`]: that of a mailbox, and that where a link to it leads.
pub const MOST_FOLDERS: usize = 2;

/// "I need the maildrop process of this user."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HireRequest {
    /// What the process is for.
    pub worker: WorkerIdentity,
    /// The process that auth knew before and that answers no more.
    pub instead_of: Option<WorkerId>,
}

/// What a maildrop process is for: there is one for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerIdentity {
    /// The maildrops' owner; never 0.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// What the process opens of all that is the owner's.
    pub access: FileAccess,
}

/// Which files a maildrop process can open at all, where the kernel can see to that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileAccess {
    /// Those in the folders of mail that the configuration names.
    Roots,
    /// Those in these folders as well.
    Folders(Vec<PathOctets>),
    /// All that the owner can.
    Anything,
}

impl ChannelMessage for HireRequest {
    fn check(&self) -> Result<(), &'static str> {
        let WorkerIdentity { uid, gid, access } = &self.worker;
        if *uid == 0 {
            return Err("root owns no maildrop session");
        }
        // setresuid(2) and setresgid(2) take this number for "leave it as it is": the process would stay root's.
        if *uid == u32::MAX || *gid == u32::MAX {
            return Err("4294967295 is no uid and no gid");
        }
        match access {
            FileAccess::Folders(folders) if folders.len() > MOST_FOLDERS => Err("too many folders"),
            _ => Ok(()),
        }
    }
}

/// One maildrop process, counted from the supervisor's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u64);

/// The supervisor's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hired {
    /// The descriptor beside this message takes [`crate::open::OpenRequest`] orders for that process.
    Ready(WorkerId),
    /// No process could be had; the supervisor has logged why.
    Failed,
}

impl ChannelMessage for Hired {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};
    use std::path::Path;

    #[test]
    fn both_survive_and_what_would_stay_root_is_refused() {
        let hire = |uid, gid, access| HireRequest {
            worker: WorkerIdentity { uid, gid, access },
            instead_of: Some(WorkerId(4)),
        };
        let folders = |number| FileAccess::Folders(vec![Path::new("/home/alice/Maildir").into(); number]);
        round_trip(&hire(1000, 8, FileAccess::Roots));
        round_trip(&hire(1000, 8, FileAccess::Anything));
        round_trip(&hire(1000, 8, folders(MOST_FOLDERS)));
        round_trip(&Hired::Ready(WorkerId(u64::MAX)));
        round_trip(&Hired::Failed);
        for (uid, gid) in [(0, 0), (u32::MAX, 8), (1000, u32::MAX)] {
            assert!(encode(&hire(uid, gid, FileAccess::Roots)).is_err(), "{uid}, {gid}");
        }
        assert!(encode(&hire(1000, 8, folders(MOST_FOLDERS + 1))).is_err());
    }
}
