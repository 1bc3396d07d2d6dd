//! When each maildrop was last opened, for `login_delay` (RFC 2449, section 6.5).
//!
//! Each has an empty file in its owner's state folder, whose modification time is that of the last login: so
//! all generations know it, and it outlives them. It is named after the maildrop's path, so another spelling
//! of the user's name does not help.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

/// The folder of the files, in the owner's state folder.
const FOLDER: &str = "login";

/// The last logins of one owner's maildrops.
pub struct LastLogins {
    folder: File,
    delay: Duration,
}

impl LastLogins {
    /// The last logins in the owner's state folder.
    ///
    /// # Errors
    ///
    /// What mkdirat(2) or openat(2) reports.
    pub fn in_folder(state: BorrowedFd<'_>, delay: Duration) -> io::Result<Self> {
        match rustix::fs::mkdirat(state, FOLDER, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = File::from(rustix::fs::openat(state, FOLDER, flags, Mode::empty())?);
        Ok(Self { folder, delay })
    }

    /// Whether the last login at the maildrop at `path` was less than the delay before `now`. A last login
    /// after `now` does not count: the clock has been set back.
    ///
    /// # Errors
    ///
    /// What fstatat(2) reports.
    pub fn too_soon(&self, path: &Path, now: SystemTime) -> io::Result<bool> {
        let stat = match rustix::fs::statat(&self.folder, name_of(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        };
        let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
        let last = SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(stat.st_mtime_nsec);
        Ok(now.duration_since(last).is_ok_and(|since| since < self.delay))
    }

    /// Notes a login at the maildrop at `path` now.
    ///
    /// # Errors
    ///
    /// What openat(2) or futimens(2) reports.
    pub fn note(&self, path: &Path) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, name_of(path), flags, Mode::RUSR | Mode::WUSR)?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        Ok(rustix::fs::futimens(file, &Timestamps { last_access: now, last_modification: now })?)
    }
}

fn name_of(path: &Path) -> String {
    blake3::hash(path.as_os_str().as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    const DELAY: Duration = Duration::from_secs(300);

    #[test]
    fn a_login_is_remembered_for_its_maildrop_and_by_everybody() {
        let state = tempfile::tempdir().unwrap();
        let folder = File::open(state.path()).unwrap();
        let open = || LastLogins::in_folder(folder.as_fd(), DELAY).unwrap();
        let (alice, bob) = (Path::new("/var/mail/alice"), Path::new("/var/mail/bob"));
        assert!(!open().too_soon(alice, SystemTime::now()).unwrap());
        open().note(alice).unwrap();
        let noted = SystemTime::now();
        let (here, later) = (open(), open());
        assert!(here.too_soon(alice, noted).unwrap() && later.too_soon(alice, noted).unwrap());
        assert!(!here.too_soon(bob, noted).unwrap());
        assert!(here.too_soon(alice, noted + DELAY - Duration::from_secs(2)).unwrap());
        assert!(!here.too_soon(alice, noted + DELAY).unwrap());
        // A login begins the delay anew.
        let file = File::options().write(true).open(state.path().join(FOLDER).join(name_of(alice))).unwrap();
        file.set_modified(noted - DELAY).unwrap();
        assert!(!here.too_soon(alice, noted).unwrap());
        here.note(alice).unwrap();
        assert!(here.too_soon(alice, SystemTime::now()).unwrap());
        assert_eq!(std::fs::read_dir(state.path().join(FOLDER)).unwrap().count(), 1, "one file a maildrop");
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_out() {
        let state = tempfile::tempdir().unwrap();
        let logins = LastLogins::in_folder(File::open(state.path()).unwrap().as_fd(), DELAY).unwrap();
        let alice = Path::new("/var/mail/alice");
        logins.note(alice).unwrap();
        assert!(!logins.too_soon(alice, SystemTime::now() - DELAY).unwrap());
    }
}
