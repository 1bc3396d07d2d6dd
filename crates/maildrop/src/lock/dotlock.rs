//! Dotlocks: the file `MBOX.lock`, whose existence is the lock.
//!
//! The file is made by link(2), which is atomic on NFS, too (open(2), `O_EXCL`). Its content is `PID:HOST`,
//! which Dovecot and liblockfile also read. A lock is stale if nobody has refreshed it for long enough, or if
//! its process on this host is gone.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};

use super::failure::Busy;
use super::mail_group::MailGroup;
use crate::disk::{Disk, retry, write_all_at};
use crate::notice::Notice;

/// How often a held dotlock is refreshed. The least patient program known, Dovecot, waits for 120 seconds.
const REFRESH: Duration = Duration::from_secs(20);

/// What is needed to make and break dotlocks.
pub(super) struct DotlockMaker<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) group: Option<&'a dyn MailGroup>,
    pub(super) host: &'a str,
    pub(super) stale: Duration,
    pub(super) notify: &'a dyn Fn(&Notice),
}

/// The result of one try.
pub(super) enum DotlockAttempt<'a> {
    Taken(Dotlock<'a>),
    Busy(Busy),
    /// A stale lock of another program was removed. Others that found it stale may be about to remove it,
    /// too, so the next try must wait a while.
    Broken(Busy),
}

/// A held dotlock. Dropping it removes the file.
pub(super) struct Dotlock<'a> {
    maker: DotlockMaker<'a>,
    directory: File,
    path: PathBuf,
    name: OsString,
    file: File,
    refreshed: Cell<Instant>,
}

impl<'a> DotlockMaker<'a> {
    /// Tries once to take the dotlock of the mailbox `mbox`.
    pub(super) fn take(self, mbox: &Path) -> io::Result<DotlockAttempt<'a>> {
        let mut name = mbox.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(".lock");
        let path = mbox.with_file_name(&name);
        let parent = match mbox.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = File::from(rustix::fs::open(parent, flags, Mode::empty())?);

        // The clock of the file system, which may differ from ours: the time of a file that was just made.
        let mine = unique_name();
        let file = self.as_group(|| self.disk.create(directory.as_fd(), Path::new(&mine)))?;
        let made = self.link(&directory, &mine, &name, &file);
        let now = rustix::fs::fstat(&file);
        let unlinked = self.as_group(|| self.disk.unlink(directory.as_fd(), Path::new(&mine)));
        if made? {
            let lock =
                Dotlock { maker: self, directory, path, name, file, refreshed: Cell::new(Instant::now()) };
            unlinked?;
            return Ok(DotlockAttempt::Taken(lock));
        }
        self.examine(&directory, &path, &name, &now?)
    }

    /// Fills the file `mine` and gives it the lock's name. Returns `false` if that name is taken.
    fn link(&self, directory: &File, mine: &OsStr, name: &OsStr, file: &File) -> io::Result<bool> {
        let content = format!("{}:{}", std::process::id(), self.host);
        match write_all_at(self.disk, file, content.as_bytes(), 0) {
            // An empty lock locks as well. It must be possible to remove mail on a full disk.
            Err(error) if is_full(&error) => {}
            written => written?,
        }
        let answer = self.as_group(|| self.disk.link(directory.as_fd(), Path::new(mine), Path::new(name)));
        // An NFS server's reply may be lost. The number of links tells whether the call succeeded.
        let linked = rustix::fs::fstat(file)?.st_nlink == 2;
        match answer {
            _ if linked => Ok(true),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(false),
        }
    }

    /// Looks at the lock that is in the way, and breaks it if it is stale.
    fn examine(
        &self,
        directory: &File,
        path: &Path,
        name: &OsStr,
        now: &Stat,
    ) -> io::Result<DotlockAttempt<'a>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(held) => held,
            Err(rustix::io::Errno::NOENT) => {
                return Ok(DotlockAttempt::Busy(Busy::new(path, "was locked a moment ago")));
            }
            Err(errno) => return Err(errno.into()),
        };
        let age = Duration::from_secs(u64::try_from(now.st_mtime - held.st_mtime).unwrap_or(0));
        // Not every program makes its lock readable. Then only the age counts.
        let holder = rustix::fs::openat(directory, name, flags, Mode::empty())
            .ok()
            .and_then(|fd| Holder::read(&File::from(fd)));
        let orphan = holder.as_ref().filter(|holder| holder.is_gone(self.host));
        let busy = Busy::new(
            path,
            match &holder {
                Some(Holder { pid, host: Some(host) }) => format!("held by process {pid} on {host}"),
                Some(Holder { pid, host: None }) => format!("held by process {pid}"),
                None => "held by another program".to_owned(),
            },
        );
        if orphan.is_none() && age < self.stale {
            return Ok(DotlockAttempt::Busy(busy));
        }
        if self.remove_stale(directory, name, &held)? {
            (self.notify)(&match orphan {
                Some(holder) => Notice::BrokeOrphanedLock { path: path.to_owned(), pid: holder.pid },
                None => Notice::BrokeOldLock { path: path.to_owned(), age },
            });
        }
        Ok(DotlockAttempt::Broken(busy))
    }

    /// Removes the lock `stale`, but not another one that may have taken its place meanwhile.
    fn remove_stale(&self, directory: &File, name: &OsStr, stale: &Stat) -> io::Result<bool> {
        let aside = unique_name();
        let (dir, name, aside) = (directory.as_fd(), Path::new(name), Path::new(&aside));
        match self.as_group(|| self.disk.rename(dir, name, aside)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            answer => answer?,
        }
        let moved = rustix::fs::statat(dir, aside, AtFlags::SYMLINK_NOFOLLOW)?;
        let same =
            (moved.st_dev, moved.st_ino, moved.st_mtime) == (stale.st_dev, stale.st_ino, stale.st_mtime);
        if !same {
            // This lock is alive, so it is put back. If yet another lock has been made, both programs believe
            // that they hold the lock. The same happens whenever a stale lock is broken carelessly.
            let _ = self.as_group(|| self.disk.link(dir, aside, name));
        }
        self.as_group(|| self.disk.unlink(dir, aside))?;
        Ok(same)
    }

    /// Runs one operation, with the rights of the mail group if there is one.
    fn as_group<T>(&self, mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let Some(group) = self.group else { return retry(operation) };
        let mut answer = None;
        group.during(&mut || answer = Some(retry(&mut operation)))?;
        answer.unwrap_or_else(|| Err(io::Error::other("the mail group's rights were not used")))
    }
}

impl Dotlock<'_> {
    /// Refreshes the lock if it is time. Returns `false` if another program has removed it.
    pub(super) fn refresh(&self) -> io::Result<bool> {
        if self.refreshed.get().elapsed() >= REFRESH {
            self.refreshed.set(Instant::now());
            retry(|| self.maker.disk.touch(&self.file, true))?;
        }
        self.is_held()
    }

    /// Whether the lock's name still belongs to our file.
    pub(super) fn is_held(&self) -> io::Result<bool> {
        let ours = rustix::fs::fstat(&self.file)?;
        match rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok((there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Where the lock lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Dotlock<'_> {
    fn drop(&mut self) {
        // Another program's lock is not ours to remove. A lock that is left behind stops all delivery until
        // it is stale, so a failure is worth a second try.
        for _ in 0..2 {
            if !self.is_held().unwrap_or(false) {
                break;
            }
            let name = Path::new(&self.name);
            let _ = self.maker.as_group(|| self.maker.disk.unlink(self.directory.as_fd(), name));
        }
    }
}

/// The process that made a lock, according to its content.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    pid: u32,
    host: Option<String>,
}

impl Holder {
    fn read(file: &File) -> Option<Self> {
        if !rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(file).ok()?.st_mode).is_file() {
            return None;
        }
        let mut content = [0; 300];
        let length = file.read_at(&mut content, 0).ok()?;
        Self::parse(content.get(..length)?)
    }

    /// `PID` or `PID:HOST`, with white space around it. procmail writes `0`, which is no process.
    fn parse(content: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?.trim();
        let (pid, host) = match text.split_once(':') {
            Some((pid, host)) => (pid, Some(host.trim().to_owned())),
            None => (text, None),
        };
        let pid = pid.trim().parse().ok().filter(|&pid| pid > 0)?;
        Some(Self { pid, host })
    }

    /// Whether it was a process on this host that no longer exists. A number without a host may belong to a
    /// process on another host, so it proves nothing.
    fn is_gone(&self, host: &str) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        self.host.as_deref() == Some(host)
            && pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A file name that no other process or thread uses.
fn unique_name() -> OsString {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    OsString::from(format!(".mpopd-{}-{number}-{:x}.lock", std::process::id(), now.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Kernel;
    use rustix::fs::{Timespec, Timestamps};
    use std::fs;
    use std::sync::Mutex;

    const HOST: &str = "this-host";

    struct TestFolder {
        folder: tempfile::TempDir,
        notices: Mutex<Vec<String>>,
    }

    impl TestFolder {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), notices: Mutex::default() }
        }

        fn mbox(&self) -> PathBuf {
            self.folder.path().join("alice")
        }

        fn lock(&self) -> PathBuf {
            self.folder.path().join("alice.lock")
        }

        fn take<'a>(&'a self, notify: &'a dyn Fn(&Notice)) -> DotlockAttempt<'a> {
            let stale = Duration::from_secs(300);
            DotlockMaker { disk: &Kernel, group: None, host: HOST, stale, notify }.take(&self.mbox()).unwrap()
        }

        fn files(&self) -> usize {
            fs::read_dir(self.folder.path()).unwrap().count()
        }
    }

    fn make_old(path: &Path) {
        let old = Timespec { tv_sec: 1_000_000, tv_nsec: 0 };
        let times = Timestamps { last_access: old, last_modification: old };
        rustix::fs::futimens(File::open(path).unwrap(), &times).unwrap();
    }

    #[test]
    fn held_until_dropped_and_nothing_left_behind() {
        let place = TestFolder::new();
        let DotlockAttempt::Taken(lock) = place.take(&|_| ()) else { panic!("not taken") };
        assert_eq!(fs::read_to_string(place.lock()).unwrap(), format!("{}:{HOST}", std::process::id()));
        assert!(matches!(place.take(&|_| ()), DotlockAttempt::Busy(_)));
        assert_eq!(place.files(), 1);
        drop(lock);
        assert_eq!(place.files(), 0);
    }

    #[test]
    fn an_old_lock_is_broken_and_then_taken() {
        let place = TestFolder::new();
        fs::write(place.lock(), "0").unwrap();
        let notify = |notice: &Notice| place.notices.lock().unwrap().push(notice.to_string());
        assert!(matches!(place.take(&notify), DotlockAttempt::Busy(_)));
        make_old(&place.lock());
        assert!(matches!(place.take(&notify), DotlockAttempt::Broken(_)));
        assert!(matches!(place.take(&notify), DotlockAttempt::Taken(_)));
        let notices = place.notices.lock().unwrap();
        assert!(notices.len() == 1 && notices[0].contains("untouched"), "{notices:?}");
        drop(notices);
        assert_eq!(place.files(), 0);
    }

    #[test]
    fn the_lock_of_a_dead_process_of_this_host_only_is_broken() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for (content, broken) in [
            (format!("{}:{HOST}", child.id()), true),
            (format!("{}:{HOST}\n", child.id()), true),
            (format!("{}:other-host", child.id()), false),
            (format!("{}", child.id()), false),
            (format!("{}:{HOST}", std::process::id()), false),
            (format!("0:{HOST}"), false),
            ("garbage".to_owned(), false),
        ] {
            let place = TestFolder::new();
            fs::write(place.lock(), &content).unwrap();
            assert_eq!(matches!(place.take(&|_| ()), DotlockAttempt::Broken(_)), broken, "{content}");
            assert_eq!(place.files(), usize::from(!broken), "{content}");
        }
    }

    #[test]
    fn a_lock_made_in_place_of_the_stale_one_survives() {
        let place = TestFolder::new();
        fs::write(place.lock(), "1:elsewhere").unwrap();
        let judged = rustix::fs::stat(place.lock()).unwrap();
        fs::write(place.folder.path().join("new"), "2:elsewhere").unwrap();
        fs::rename(place.folder.path().join("new"), place.lock()).unwrap();
        let directory = File::open(place.folder.path()).unwrap();
        let maker = DotlockMaker {
            disk: &Kernel,
            group: None,
            host: HOST,
            stale: Duration::from_secs(300),
            notify: &|_| (),
        };
        assert!(!maker.remove_stale(&directory, OsStr::new("alice.lock"), &judged).unwrap());
        assert_eq!(fs::read_to_string(place.lock()).unwrap(), "2:elsewhere");
        assert_eq!(place.files(), 1);
    }

    #[test]
    fn a_lock_broken_by_others_is_known_to_be_lost_and_theirs_is_left_alone() {
        let place = TestFolder::new();
        let DotlockAttempt::Taken(lock) = place.take(&|_| ()) else { panic!("not taken") };
        assert!(lock.refresh().unwrap());
        fs::remove_file(place.lock()).unwrap();
        fs::write(place.lock(), "theirs").unwrap();
        assert!(!lock.refresh().unwrap());
        drop(lock);
        assert_eq!(fs::read_to_string(place.lock()).unwrap(), "theirs");
    }

    #[test]
    fn no_directory_is_an_error() {
        let maker = DotlockMaker {
            disk: &Kernel,
            group: None,
            host: HOST,
            stale: Duration::from_secs(300),
            notify: &|_| (),
        };
        assert!(maker.take(Path::new("/nonexistent/alice")).is_err());
    }
}
