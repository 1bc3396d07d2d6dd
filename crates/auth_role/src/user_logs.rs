//! The users' own logs: which users have one, and its file.
//!
//! The files belong to their users, the folder does not. Only auth may create files there: it opens a user's
//! file and hands it to the maildrop process, which writes to it. So the next session finds a log that was
//! rotated.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use auth::UserName;
use config::Config;
use ipc::user_log::Detail;
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

/// The permissions of a log: only its user may read it.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The users who have their own log, and its folder.
#[derive(Debug, Default)]
pub struct UserLogs {
    /// `None` if no user has one.
    folder: Option<OwnedFd>,
    details: BTreeMap<String, Detail>,
}

impl UserLogs {
    /// Opens the folder, if any user has a log, and creates it if need be.
    ///
    /// # Errors
    ///
    /// The folder cannot be created or opened, or users other than the one that runs mpopd could place links
    /// there.
    pub fn open(config: &Config) -> Result<Self, UserLogsError> {
        let detail = |level: u8| if level > 1 { Detail::Commands } else { Detail::Sessions };
        let details: BTreeMap<_, _> =
            config.user_log.iter().map(|(user, level)| (user.clone(), detail(*level))).collect();
        let folder = match details.is_empty() {
            true => None,
            false => Some(open_folder(&config.user_log_dir)?),
        };
        Ok(Self { folder, details })
    }

    /// The folder, which auth processes must keep open.
    pub fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Opens a user's log, and creates it if need be; `None` for a user without a log.
    ///
    /// # Errors
    ///
    /// It cannot be created or opened, or a file of its name does not belong to the user.
    pub fn of(&self, user: &UserName, uid: u32, gid: u32) -> io::Result<Option<(Detail, OwnedFd)>> {
        let (Some(folder), Some(detail)) = (&self.folder, self.details.get(user.as_str())) else {
            return Ok(None);
        };
        open_log(folder, user.as_str(), uid, gid).map(|file| Some((*detail, file)))
    }
}

fn open_folder(path: &Path) -> Result<OwnedFd, UserLogsError> {
    let failed = |error: io::Error| UserLogsError::Folder { path: path.to_owned(), error };
    match std::fs::DirBuilder::new().mode(0o755).recursive(true).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let folder = File::from(folder);
    let about = folder.metadata().map_err(failed)?;
    let me = rustix::process::geteuid().as_raw();
    if about.uid() != me || about.mode() & 0o022 != 0 {
        return Err(UserLogsError::Permissions { path: path.to_owned(), uid: me });
    }
    Ok(folder.into())
}

fn open_log(folder: &OwnedFd, name: &str, uid: u32, gid: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags | OFlags::CREATE | OFlags::EXCL, PRIVATE) {
        Ok(file) => {
            if sys::identity::is_root() {
                rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            }
            Ok(file)
        }
        Err(Errno::EXIST) => {
            let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
            let about = file.metadata()?;
            // If the folder is used by other programs, too, their files must not be written to.
            if !about.is_file() || about.nlink() != 1 || about.uid() != uid {
                return Err(io::Error::other(format!(
                    "what is there is no file of uid {uid}; move it away or chown it"
                )));
            }
            Ok(file.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Why the folder of the users' own logs cannot be used: an error of the administrator.
#[derive(Debug)]
pub enum UserLogsError {
    /// It cannot be created or opened.
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Others could create or replace files in it.
    Permissions {
        /// The folder.
        path: PathBuf,
        /// The uid that must own it.
        uid: u32,
    },
}

impl fmt::Display for UserLogsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, error } => write!(f, "user_log_dir {}: {error}", path.display()),
            Self::Permissions { path, uid } => write!(
                f,
                "user_log_dir {}: must belong to uid {uid}, which runs mpopd, and be writable by nobody else; \
                 chown and chmod it",
                path.display()
            ),
        }
    }
}

impl std::error::Error for UserLogsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const LEVELS: [(&str, u8); 2] = [("alice", 1), ("bob", 2)];

    fn logs(path: &Path) -> Result<UserLogs, UserLogsError> {
        UserLogs::open(&Config {
            user_log_dir: path.to_owned(),
            user_log: LEVELS.map(|(user, level)| (user.to_owned(), level)).into(),
            ..Config::default()
        })
    }

    fn me() -> (u32, u32) {
        match sys::identity::is_root() {
            true => (4321, 4322),
            false => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        }
    }

    fn user(name: &str) -> UserName {
        UserName::try_from(name.as_bytes()).unwrap()
    }

    #[test]
    fn a_log_is_its_users_and_nobody_elses() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/logs");
        let logs = logs(&path).unwrap();
        let (uid, gid) = me();
        assert!(logs.of(&user("carol"), uid, gid).unwrap().is_none());
        assert_eq!(logs.of(&user("alice"), uid, gid).unwrap().unwrap().0, Detail::Sessions);
        assert_eq!(logs.of(&user("bob"), uid, gid).unwrap().unwrap().0, Detail::Commands);
        let about = std::fs::metadata(path.join("alice")).unwrap();
        assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (uid, gid, 0o600));
        assert!(logs.of(&user("alice"), uid, gid).is_ok(), "again");
        assert!(logs.of(&user("alice"), uid + 1, gid).is_err(), "another's");
    }

    #[test]
    fn what_is_no_log_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        let (uid, gid) = me();
        let logs = logs(top.path()).unwrap();
        std::os::unix::fs::symlink("/dev/null", top.path().join("alice")).unwrap();
        assert!(logs.of(&user("alice"), uid, gid).is_err(), "a link");
        std::fs::create_dir(top.path().join("bob")).unwrap();
        assert!(logs.of(&user("bob"), uid, gid).is_err(), "a folder");
        std::fs::remove_file(top.path().join("alice")).unwrap();
        logs.of(&user("alice"), uid, gid).unwrap();
        std::fs::hard_link(top.path().join("alice"), top.path().join("other")).unwrap();
        assert!(logs.of(&user("alice"), uid, gid).is_err(), "a file with two names");
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let top = tempfile::tempdir().unwrap();
        std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let failure = logs(top.path()).unwrap_err().to_string();
        assert!(failure.starts_with("user_log_dir ") && failure.contains("chmod"), "{failure}");
    }
}
