//! The folder of the users' own logs: who has one, and its file.
//!
//! The files belong to their users, the folder does not: auth, which alone may make files there, opens a user's
//! file and hands it to the maildrop process, which writes. So a log that was rotated is found by the next session.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use auth::UserName;
use config::Config;
use ipc::user_log::Detail;
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

/// Only its user reads such a log.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Who has a log of their own, and where.
#[derive(Debug, Default)]
pub struct UserLogs {
    /// `None` when nobody has one.
    folder: Option<OwnedFd>,
    details: BTreeMap<String, Detail>,
}

impl UserLogs {
    /// Opens the folder if anybody has a log, making it first if need be.
    ///
    /// # Errors
    ///
    /// It cannot be made, or others than whoever runs mpopd could put links there.
    pub fn open(config: &Config) -> Result<UserLogs, String> {
        let detail = |level: u8| if level > 1 { Detail::Commands } else { Detail::Sessions };
        let details: BTreeMap<_, _> =
            config.user_log.iter().map(|(user, level)| (user.clone(), detail(*level))).collect();
        let folder = match details.is_empty() {
            true => None,
            false => {
                let path = &config.user_log_dir;
                Some(open_folder(path).map_err(|error| format!("user_log_dir {}: {error}", path.display()))?)
            }
        };
        Ok(UserLogs { folder, details })
    }

    /// The folder, for whoever opens logs.
    pub fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Opens a user's log, making it first if need be; `None` for a user who has none.
    ///
    /// # Errors
    ///
    /// It cannot be made, or what has its name is not the user's.
    pub fn of(&self, user: &UserName, uid: u32, gid: u32) -> io::Result<Option<(Detail, OwnedFd)>> {
        let (Some(folder), Some(detail)) = (&self.folder, self.details.get(user.as_str())) else {
            return Ok(None);
        };
        open_log(folder, user.as_str(), uid, gid).map(|file| Some((*detail, file)))
    }
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    match std::fs::DirBuilder::new().mode(0o755).recursive(true).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let about = folder.metadata()?;
    let me = rustix::process::geteuid().as_raw();
    if about.uid() != me || about.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!(
            "must belong to uid {me}, which runs mpopd, and be writable by nobody else; chown and chmod it"
        )));
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
            // Never a file that some other program has there, should the folder be one that others use, too.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const LEVELS: [(&str, u8); 2] = [("alice", 1), ("bob", 2)];

    fn logs(path: &Path) -> Result<UserLogs, String> {
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
        let failure = logs(top.path()).unwrap_err();
        assert!(failure.starts_with("user_log_dir ") && failure.contains("chmod"), "{failure}");
    }
}
