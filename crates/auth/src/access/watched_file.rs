//! A file of rules that is read again when it changes. After a change with errors, the rules from before stay
//! in force.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use config::{Fault, Faults, check_permissions};

use crate::file_version::FileVersion;

/// The largest file of rules, in octets.
const MAX_OCTETS: u64 = 1 << 20;

/// Parses a file's octets; the path is for error messages.
type ParseRules<T> = fn(&Path, &[u8]) -> Result<T, Faults>;

/// The content of a file, as it was when it was last valid.
pub(super) struct WatchedFile<T> {
    path: PathBuf,
    parse: ParseRules<T>,
    value: T,
    /// The version of the file at the last attempt to read it, if it existed.
    tried: Option<FileVersion>,
    /// Whether a later change of the file is sure to change its version.
    settled: bool,
    /// The errors of the last attempt, which were reported.
    reported: Option<Faults>,
}

impl<T> WatchedFile<T> {
    /// Reads the file at an absolute path.
    ///
    /// # Errors
    ///
    /// All errors in it.
    pub(super) fn open(path: &Path, parse: ParseRules<T>) -> Result<Self, Faults> {
        let began = SystemTime::now();
        let (text, stamp) = read(path)?;
        let value = parse(path, &text)?;
        let settled = stamp.is_settled(began);
        Ok(Self { path: path.to_owned(), parse, value, tried: Some(stamp), settled, reported: None })
    }

    /// The content in force now. New errors are added to `remarks`.
    pub(super) fn current(&mut self, remarks: &mut Vec<Fault>) -> &T {
        let now = fs::metadata(&self.path).ok().map(|metadata| FileVersion::of(&metadata));
        if !self.settled || now != self.tried {
            self.tried = now;
            self.settled = now.is_none_or(|stamp| stamp.is_settled(SystemTime::now()));
            match read(&self.path).map_err(Faults::from).and_then(|(text, _)| (self.parse)(&self.path, &text))
            {
                Ok(value) => {
                    self.value = value;
                    self.reported = None;
                }
                Err(faults) if self.reported.as_ref() == Some(&faults) => {}
                Err(faults) => {
                    let still = "the rules that were read before stay in force";
                    remarks.push(Fault::of_file(&self.path, still));
                    remarks.extend(faults.iter().cloned());
                    self.reported = Some(faults);
                }
            }
        }
        &self.value
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, FileVersion), Fault> {
    let fault = |what: String| Fault::of_file(path, what);
    let cannot_read = |error: std::io::Error| fault(format!("cannot read the rules: {error}"));
    // Checked before it is opened: opening a FIFO would wait for its writer.
    if !fs::metadata(path).map_err(cannot_read)?.is_file() {
        return Err(fault("cannot read the rules: not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    const NOT_ROOT: u32 = u32::MAX;
    check_permissions(path, &metadata, if sys::identity::is_root() { 0 } else { NOT_ROOT })?;
    let mut text = Vec::new();
    file.take(MAX_OCTETS + 1).read_to_end(&mut text).map_err(cannot_read)?;
    if u64::try_from(text.len()).is_ok_and(|octets| octets > MAX_OCTETS) {
        return Err(fault(format!("the file has more than {MAX_OCTETS} octets")));
    }
    Ok((text, FileVersion::of(&metadata)))
}
