//! A temporary folder for a test.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::is_root;

/// A temporary folder that every uid may enter. It is removed with the test.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mpopd-test-").tempdir().expect("a temporary folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))
            .expect("chmod of the temporary folder");
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new folder below, with these permission bits.
    pub(crate) fn folder(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod of a folder");
        path
    }

    /// A new file below.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    }
}

/// Gives `path` and everything below it to `owner`, as uid and gid. Without root, nothing changes.
pub(crate) fn give(path: &Path, owner: u32) {
    if !is_root() {
        return;
    }
    chown(path, Some(owner), Some(owner)).expect("chown");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give(&entry.expect("a folder entry").path(), owner);
        }
    }
}
