//! The files of the project, read once.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Every file by its path below the top of the project, with `/` between folders. Files that are not UTF-8
/// have an empty text.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the tree that this crate belongs to.
    ///
    /// # Errors
    ///
    /// A folder or file cannot be read.
    pub fn of_this_project() -> io::Result<Self> {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    /// Reads all files below `top`, except build folders and version control.
    ///
    /// # Errors
    ///
    /// A folder or file cannot be read.
    pub fn read(top: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(top, "")?;
        Ok(tree)
    }

    /// A made-up tree.
    #[must_use]
    pub fn made_of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned()));
        Self { files: files.collect() }
    }

    /// The text of a file, if there is one of that path.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// All files with their texts, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Whether a file or a folder has that path.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&inside))
    }

    /// The folders of our crates, such as `crates/pop3`.
    #[must_use]
    pub fn crate_folders(&self) -> Vec<&str> {
        let manifests = self.files.keys().filter_map(|path| path.strip_suffix("/Cargo.toml"));
        manifests.filter(|folder| folder.starts_with("crates/") && folder.matches('/').count() == 1).collect()
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_foreign(&entry.path(), name) {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.files.insert(path, String::from_utf8(fs::read(entry.path())?).unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// Whether a folder is no part of the sources: version control, an editor's folder, or a build folder. Cargo
/// marks a build folder only if it creates it itself, and `.ci/run` creates `target` first.
fn is_foreign(folder: &Path, name: &str) -> bool {
    let hidden = name.starts_with('.') && ![".ci", ".github"].contains(&name);
    hidden || name == "target" || folder.join("CACHEDIR.TAG").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_folders_are_left_out_even_without_cargos_mark() {
        let foreign = |name| is_foreign(&Path::new("/nonexistent").join(name), name);
        assert!(foreign("target") && foreign(".git") && foreign(".vscode"));
        assert!(!foreign("crates") && !foreign(".ci") && !foreign(".github"));
    }
}
