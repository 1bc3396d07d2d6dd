//! The state folder (session locks, journals, indexes) and the spool (mailboxes split into messages). In
//! both, each uid has a folder of its own.
//!
//! The folder itself belongs to the supervisor's user and no other user can enter it, so a user's own
//! programs cannot reach even that user's folder by name. The maildrop process gets a descriptor.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::SettingError;

const PRIVATE: Mode = Mode::RWXU;

/// The opened state folder, or the spool.
pub(crate) struct StateDir {
    folder: OwnedFd,
    /// Whether the folders below belong to their uids: true when the supervisor is root.
    owned_by_users: bool,
}

impl StateDir {
    /// Opens the folder that this setting names, and makes it first if it does not exist.
    ///
    /// # Errors
    ///
    /// It cannot be made, or another user owns it.
    pub(crate) fn open(setting: &'static str, path: &Path) -> Result<Self, SettingError> {
        open_private(path)
            .map(|folder| Self { folder, owned_by_users: sys::identity::is_root() })
            .map_err(|error| SettingError::at(setting, path, error))
    }

    /// The folder of one uid. It is made if it does not exist.
    ///
    /// # Errors
    ///
    /// Errors of mkdirat(2), openat(2) or fchown(2).
    pub(crate) fn folder_of(&self, uid: u32, gid: u32) -> io::Result<OwnedFd> {
        let name = uid.to_string();
        match rustix::fs::mkdirat(&self.folder, &name, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(&self.folder, &name, flags, Mode::empty())?;
        if self.owned_by_users && rustix::fs::fstat(&folder)?.st_uid != uid {
            let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            rustix::fs::chownat(&folder, "", owner, group, AtFlags::EMPTY_PATH)?;
        }
        Ok(folder)
    }
}

/// Where `mpopd try` keeps its state: always the same place for the same user, so that two of them see each
/// other's session locks.
pub(crate) fn for_try() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(runtime) if runtime.is_absolute() && runtime.is_dir() && uid != 0 => runtime.join("mpopd"),
        _ => std::env::temp_dir().join(format!("mpopd-{uid}")),
    }
}

fn open_private(path: &Path) -> io::Result<OwnedFd> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)?;
        }
        Err(error) => return Err(error),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty())?;
    let about = std::fs::File::from(folder.try_clone()?).metadata()?;
    let me = rustix::process::geteuid().as_raw();
    if about.uid() != me {
        return Err(io::Error::other(format!(
            "belongs to uid {}, not to uid {me} that runs mpopd; move it away or chown it",
            about.uid()
        )));
    }
    if about.mode() & 0o077 != 0 {
        rustix::fs::fchmod(&folder, PRIVATE)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_made_private_and_each_uid_gets_its_own() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/b");
        let state = StateDir::open("state_dir", &path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let (uid, gid) = match sys::identity::is_root() {
            true => (4321, 4322),
            false => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        };
        state.folder_of(uid, gid).unwrap();
        state.folder_of(uid, gid).unwrap();
        let about = std::fs::metadata(path.join(uid.to_string())).unwrap();
        assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (uid, gid, 0o700));
    }

    #[test]
    fn an_open_folder_is_closed_to_others_and_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("open");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        StateDir::open("state_dir", &path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let failure = StateDir::open("state_dir", &link).err().unwrap().to_string();
        assert!(failure.contains("link"), "{failure}");
    }
}
