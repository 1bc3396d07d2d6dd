//! Restricts a process to some files, and denies ports and signals (landlock(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use rustix::fs::{Mode, OFlags};

/// The version of the interface that this module uses.
const KNOWN: ABI = ABI::V6;
/// The same as a number.
pub(super) const WHOLE: u32 = 6;

/// A file that stays accessible, or a folder with everything below it.
#[derive(Debug, Clone)]
pub struct Grant<'a> {
    /// The file or folder.
    pub target: GrantTarget<'a>,
    /// What may be done with it.
    pub rights: Rights,
}

/// A file or folder to grant access to.
#[derive(Debug, Clone)]
pub enum GrantTarget<'a> {
    /// The one at this path, links followed. It is left out if the process cannot open it.
    Path(PathBuf),
    /// This open one.
    Open(BorrowedFd<'a>),
}

/// What may be done below a folder, as far as the permissions of the files allow. Never granted: executing;
/// creating links, devices and sockets; controlling devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Reading.
    Read,
    /// Reading, listing, writing, creating and removing files.
    Files,
    /// The same, and creating and removing folders.
    FilesAndFolders,
}

/// Restricts the process to these files. It can neither bind nor connect to a TCP port, nor send a signal to
/// a process outside or connect to its abstract socket. Open descriptors stay usable. The process also gives
/// up gaining rights by exec (`PR_SET_NO_NEW_PRIVS`). It must have one thread.
///
/// An older kernel enforces the part of this that it supports, and one without landlock nothing: see
/// `Support`.
///
/// # Errors
///
/// What landlock_create_ruleset(2), landlock_add_rule(2) or landlock_restrict_self(2) says.
pub fn confine(grants: &[Grant<'_>]) -> io::Result<()> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(KNOWN)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create);
    let mut ruleset = ruleset.map_err(io::Error::other)?;
    for Grant { target, rights } in grants {
        let opened = match target {
            GrantTarget::Path(path) => {
                match rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
                    Ok(opened) => Some(opened),
                    Err(_) => continue,
                }
            }
            GrantTarget::Open(_) => None,
        };
        let at = match (&opened, target) {
            (Some(opened), _) => opened.as_fd(),
            (None, GrantTarget::Open(at)) => *at,
            (None, GrantTarget::Path(_)) => continue,
        };
        ruleset = ruleset.add_rule(PathBeneath::new(at, rights.access())).map_err(io::Error::other)?;
    }
    ruleset.restrict_self().map(drop).map_err(io::Error::other)
}

impl Rights {
    fn access(self) -> BitFlags<AccessFs> {
        let files = AccessFs::ReadFile
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::ReadDir
            | AccessFs::MakeReg
            | AccessFs::RemoveFile;
        match self {
            Self::Read => AccessFs::ReadFile.into(),
            Self::Files => files,
            Self::FilesAndFolders => files | AccessFs::MakeDir | AccessFs::RemoveDir,
        }
    }
}
