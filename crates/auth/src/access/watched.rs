//! A file of rules that is read again when it changes, and that stays in force as it was when the change is a fault.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use config::{Fault, Faults, check_permissions};

use crate::stamp::Stamp;

/// The largest file of rules, in octets.
const MAX_OCTETS: u64 = 1 << 20;

/// Makes rules of a file's octets.
type Parse<T> = fn(&Path, &[u8]) -> Result<T, Faults>;

/// What a file says, or said before somebody broke it.
pub(super) struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    value: T,
    /// What the file was when it was last tried, if it was there.
    tried: Option<Stamp>,
    /// Whether a later change of the file is sure to change that.
    settled: bool,
    /// The last fault, as it was told.
    said: Option<Faults>,
}

impl<T> Watched<T> {
    /// Reads the file at an absolute path.
    ///
    /// # Errors
    /// All its faults.
    pub(super) fn open(path: &Path, parse: Parse<T>) -> Result<Self, Faults> {
        let began = SystemTime::now();
        let (text, stamp) = read(path)?;
        let value = parse(path, &text)?;
        let settled = stamp.is_settled(began);
        Ok(Self { path: path.to_owned(), parse, value, tried: Some(stamp), settled, said: None })
    }

    /// What is in force now. A new fault is added to `remarks`.
    pub(super) fn current(&mut self, remarks: &mut Vec<Fault>) -> &T {
        let now = fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        if !self.settled || now != self.tried {
            self.tried = now;
            self.settled = now.is_none_or(|stamp| stamp.is_settled(SystemTime::now()));
            match read(&self.path).map_err(Faults::from).and_then(|(text, _)| (self.parse)(&self.path, &text))
            {
                Ok(value) => {
                    self.value = value;
                    self.said = None;
                }
                Err(faults) if self.said.as_ref() == Some(&faults) => {}
                Err(faults) => {
                    let still = "the rules that were read before stay in force";
                    remarks.push(Fault::of_file(&self.path, still));
                    remarks.extend(faults.iter().cloned());
                    self.said = Some(faults);
                }
            }
        }
        &self.value
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, Stamp), Fault> {
    let fault = |what: String| Fault::of_file(path, what);
    let cannot_read = |error: std::io::Error| fault(format!("cannot read the rules: {error}"));
    // Before it is opened: to open a FIFO would wait for its writer.
    if !fs::metadata(path).map_err(cannot_read)?.is_file() {
        return Err(fault("cannot read the rules: not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    const NOT_ROOT: u32 = u32::MAX;
    check_permissions(path, &metadata, if sys::identity::is_root() { 0 } else { NOT_ROOT })?;
    let mut text = Vec::new();
    file.take(MAX_OCTETS + 1).read_to_end(&mut text).map_err(cannot_read)?;
    if text.len() as u64 > MAX_OCTETS {
        return Err(fault(format!("the file has more than {MAX_OCTETS} octets")));
    }
    Ok((text, Stamp::of(&metadata)))
}
