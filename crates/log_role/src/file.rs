//! The log file: whole lines, appended.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use logging::append;

/// The mode of a log file that is made: names of users are for the administrators' group at most.
const MODE: u32 = 0o640;

pub(crate) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    /// Whole lines that are not written yet.
    kept: Vec<u8>,
}

impl LogFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, kept: Vec::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where whole lines are added.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.kept
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The next write opens the file anew.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// Writes what is kept, as far as there is room. No half line stays in the file. What is not written is
    /// kept.
    ///
    /// # Errors
    ///
    /// Why the file cannot be opened or takes nothing more.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let opened = OpenOptions::new().append(true).create(true).mode(MODE).open(&self.path)?;
                empty.insert(opened)
            }
        };
        if self.kept.is_empty() {
            return Ok(());
        }
        let written = append(file, &self.kept)?;
        self.kept.drain(..written);
        if self.kept.is_empty() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn lines_are_appended_and_a_file_that_was_renamed_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::new(path.clone());
        let add = |log: &mut LogFile, text: &[u8]| {
            log.room().extend_from_slice(text);
            log.write().unwrap();
        };
        add(&mut log, b"one\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
        std::fs::rename(&path, &old).unwrap();
        add(&mut log, b"two\n");
        log.close();
        add(&mut log, b"three\n");
        assert_eq!(std::fs::read(&old).unwrap(), b"one\ntwo\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"three\n");
    }

    #[test]
    fn what_finds_no_room_is_kept() {
        let mut log = LogFile::new("/dev/full".into());
        log.room().extend_from_slice(b"one\n");
        assert!(log.write().is_err());
        assert_eq!(log.kept(), 4);
        let mut log = LogFile::new("/nonexistent/log".into());
        log.room().extend_from_slice(b"one\n");
        assert_eq!(log.write().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(log.kept(), 4);
    }
}
