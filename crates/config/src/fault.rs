//! Errors in files, with their place.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error in a file of the administrator. Displays as `FILE:LINE: KEY: what is wrong`.
///
/// Warnings have the same form; they are in lists of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1; `None` if the error is in no line (an unreadable file, a missing setting).
    pub line: Option<usize>,
    /// The setting with its table (`tls.minimum`), or the user name; `None` if the line has neither.
    pub key: Option<String>,
    /// What is wrong, and what to do about it.
    pub what: String,
}

impl Fault {
    /// An error of the file as a whole.
    pub fn of_file(file: &Path, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, key: None, what: what.into() }
    }

    /// An error of a line, counted from 1.
    pub fn of_line(file: &Path, line: usize, what: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::of_file(file, what) }
    }

    /// The same error with the name of its setting or user.
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if let Some(key) = &self.key {
            write!(f, " {key}:")?;
        }
        write!(f, " {}", self.what)
    }
}

/// All errors of a file, in the order of the lines. Displays as one line for each. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// `Ok` if the list is empty.
    ///
    /// # Errors
    ///
    /// The errors, sorted by line; those in no line come first.
    pub fn none_in(mut found: Vec<Fault>) -> Result<(), Self> {
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|fault| fault.line);
        Err(Self(found))
    }

    /// The errors, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            let end_of_last = if nth == 0 { "" } else { "\n" };
            write!(f, "{end_of_last}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_file_line_and_key() {
        let fault = Fault::of_line(Path::new("/etc/m.conf"), 3, "too big").key("port");
        assert_eq!(fault.to_string(), "/etc/m.conf:3: port: too big");
        assert_eq!(Fault::of_file(Path::new("m"), "not there").to_string(), "m: not there");
    }

    #[test]
    fn faults_come_in_the_order_of_the_lines() {
        let at = |line| Fault::of_line(Path::new("m"), line, "bad");
        let faults = Faults::none_in(vec![at(7), at(2)]).unwrap_err();
        assert_eq!(faults.to_string(), "m:2: bad\nm:7: bad");
    }
}
