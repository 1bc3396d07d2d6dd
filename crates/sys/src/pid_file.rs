//! The file that names a running daemon: its pid in the first line, its port in the second.
//!
//! The daemon holds a record lock on it ([`crate::ofd`]), which the kernel releases when the process ends.
//! The lock, not the pid, shows whether the daemon is running: another process may have the pid by now.
//!
//! The file is replaced by rename(2), so that a reader sees the old lines or the new ones. The new file is
//! locked before it gets the name. So a process that holds the lock of the file with the name is the only
//! one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use crate::ofd::{self, LockRange, RecordLock};

/// The number of octets that are read of the file.
const MOST_OCTETS: u64 = 64;

/// The content of a pid file, and whether its daemon is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PidFileContent {
    /// The first line; `None` if it has no number, as for a moment while a daemon starts.
    pub pid: Option<Pid>,
    /// The second line.
    pub port: Option<u16>,
    /// Whether a process holds the lock. If not, the file was left behind by a daemon that was killed.
    pub held: bool,
}

/// Reads a pid file; `None` if there is none.
///
/// # Errors
///
/// What open(2), read(2) or fcntl(2) says.
pub fn read(path: &Path) -> io::Result<Option<PidFileContent>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    (&file).take(MOST_OCTETS).read_to_string(&mut text)?;
    let mut lines = text.lines();
    let number = lines.next().and_then(|line| line.trim().parse::<u32>().ok());
    let pid = number.and_then(|number| Pid::from_raw(number.try_into().ok()?));
    let port = lines.next().and_then(|line| line.trim().parse().ok());
    Ok(Some(PidFileContent { pid, port, held: ofd::is_held(&file, LockRange::All)? }))
}

/// A pid file that is locked by this process or by the one that forked it.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    locked: File,
    /// Whether another process holds it too and is responsible for removing it.
    shared: bool,
}

impl PidFile {
    /// Locks the file. Creates it and its folder if needed, and takes over a file that no process holds.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: another process holds it. Otherwise what open(2), mkdir(2) or fcntl(2) says.
    pub fn take(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent()
            && !folder.exists()
        {
            DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        loop {
            let file = options().create(true).truncate(false).open(path)?;
            if !ofd::set(&file, RecordLock::Write, LockRange::All)? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            // The locked file may have lost its name by now, because its holder replaced or removed it.
            if has_name(&file, path)? {
                file.set_len(0)?;
                return Ok(Self { path: path.to_owned(), locked: file, shared: false });
            }
        }
    }

    /// A file that another process has locked and shares; `locked` is its descriptor. After
    /// [`PidFile::write`] only this process holds it.
    pub fn inherited(path: PathBuf, locked: OwnedFd) -> Self {
        Self { path, locked: locked.into(), shared: true }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the pid of this process and the port.
    ///
    /// # Errors
    ///
    /// What open(2), write(2) or rename(2) says. The old lines remain then.
    pub fn write(&mut self, port: u16) -> io::Result<()> {
        let pid = rustix::process::getpid().as_raw_nonzero();
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        // Only the holder of the old file gets here, so such a file was left behind by a process that was
        // killed right here.
        let _ = std::fs::remove_file(&new);
        let mut file = options().create_new(true).open(&new)?;
        let written = file.write_all(format!("{pid}\n{port}\n").as_bytes()).and_then(|()| {
            if !ofd::set(&file, RecordLock::Write, LockRange::All)? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            std::fs::rename(&new, &self.path)
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        written?;
        self.locked = file;
        self.shared = false;
        Ok(())
    }

    /// Removes the file, unless another process has replaced it or shares it, and releases the lock.
    pub fn remove(self) {
        if !self.shared && has_name(&self.locked, &self.path).is_ok_and(|same| same) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.locked.as_fd()
    }
}

fn options() -> OpenOptions {
    let mut options = File::options();
    // A link in a folder where only root may write is a trap.
    options.read(true).write(true).mode(0o644).custom_flags(libc::O_NOFOLLOW | libc::O_NOCTTY);
    options
}

fn has_name(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Option<Pid> {
        Some(rustix::process::getpid())
    }

    #[test]
    fn one_holds_it_and_its_end_frees_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/x.pid");
        assert_eq!(read(&path).unwrap(), None);
        let mut first = PidFile::take(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Some(PidFileContent { pid: None, port: None, held: true }));
        first.write(110).unwrap();
        assert_eq!(PidFile::take(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        first.write(8110).unwrap();
        assert_eq!(PidFile::take(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(read(&path).unwrap(), Some(PidFileContent { pid: me(), port: Some(8110), held: true }));
        drop(first);
        assert_eq!(read(&path).unwrap(), Some(PidFileContent { pid: me(), port: Some(8110), held: false }));
        let second = PidFile::take(&path).unwrap();
        second.remove();
        assert_eq!(read(&path).unwrap(), None);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "files were left");
    }

    #[test]
    fn the_name_of_another_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        let first = PidFile::take(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = PidFile::take(&path).unwrap();
        first.remove();
        assert!(read(&path).unwrap().unwrap().held);
    }

    #[test]
    fn a_file_that_is_handed_over_is_held_without_a_pause() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        let mut first = PidFile::take(&path).unwrap();
        first.write(110).unwrap();
        let share = || PidFile::inherited(path.clone(), first.as_fd().try_clone_to_owned().unwrap());
        share().remove();
        assert!(read(&path).unwrap().unwrap().held, "a successor that failed must not change the pid file");
        let mut second = share();
        second.write(8110).unwrap();
        first.remove();
        assert_eq!(read(&path).unwrap(), Some(PidFileContent { pid: me(), port: Some(8110), held: true }));
        second.remove();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn what_stands_there_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        for text in ["", "-1\nx\n", "0\n\n", "99999999999999999999\n", "alpha"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                read(&path).unwrap(),
                Some(PidFileContent { pid: None, port: None, held: false }),
                "{text:?}"
            );
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(PidFile::take(&link).is_err());
    }

    #[test]
    fn of_many_that_want_it_at_once_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = &folder.path().join("x.pid");
        for round in 0..50 {
            let barrier = std::sync::Barrier::new(4);
            let held: Vec<_> = std::thread::scope(|scope| {
                let tries: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            PidFile::take(path).and_then(|mut file| file.write(1).map(|()| file)).ok()
                        })
                    })
                    .collect();
                tries.into_iter().filter_map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(held.len(), 1, "round {round}");
        }
    }
}
