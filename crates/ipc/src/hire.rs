//! Auth ↔ supervisor: auth needs the maildrop process of a uid, and only the supervisor can fork it.

use serde::{Deserialize, Serialize};

use crate::open::PathOctets;
use crate::wire::ChannelMessage;

/// The most folders of [`FileAccess::Folders`]: the folder of a mailbox, and the one that a link to it leads
/// to.
pub const MOST_FOLDERS: usize = 2;

/// The request for a maildrop process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HireRequest {
    /// Which process is needed.
    pub worker: WorkerIdentity,
    /// The process that auth knew before and that no longer answers.
    pub instead_of: Option<WorkerId>,
}

/// As whom a maildrop process runs. There is one process for each identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerIdentity {
    /// The owner of the maildrops; never 0.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// Which files of the owner the process can open.
    pub access: FileAccess,
}

/// The files that a maildrop process can open, where the kernel can enforce it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileAccess {
    /// Files in the mail folders of the configuration.
    Roots,
    /// Files in the mail folders of the configuration and in these folders.
    Folders(Vec<PathOctets>),
    /// Every file that the owner can open.
    Anything,
}

impl ChannelMessage for HireRequest {
    fn check(&self) -> Result<(), &'static str> {
        let WorkerIdentity { uid, gid, access } = &self.worker;
        if *uid == 0 {
            return Err("root owns no maildrop session");
        }
        // setresuid(2) and setresgid(2) take this number for "leave it as it is": the process would stay
        // root.
        if *uid == u32::MAX || *gid == u32::MAX {
            return Err("4294967295 is no uid and no gid");
        }
        match access {
            FileAccess::Folders(folders) if folders.len() > MOST_FOLDERS => Err("too many folders"),
            _ => Ok(()),
        }
    }
}

/// The number of a maildrop process, counted from the start of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u64);

/// The reply of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hired {
    /// The descriptor of this message is the channel for [`crate::open::OpenRequest`]s to that process.
    Ready(WorkerId),
    /// The process could not be started; the supervisor has logged why.
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
