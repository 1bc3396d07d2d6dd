//! The bounds of texts on both channels of `mpopd-directory`.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::open::PathOctets;

/// The longest domain or host name, in octets.
pub const MOST_DOMAIN: usize = 255;
/// The longest stored password, in octets.
pub const MOST_STORED: usize = 8192;
/// The longest reason for a failure, in octets.
pub const MOST_WHY: usize = 1024;
/// The longest text of a setting, in octets.
pub const MOST_SETTING: usize = 8192;
/// The longest path, in octets (`PATH_MAX` with its NUL).
const MOST_PATH: usize = 4095;

/// Checks the length of a text, in octets.
pub(super) fn within(text: &[u8], most: usize, or: &'static str) -> Result<(), &'static str> {
    if text.len() <= most { Ok(()) } else { Err(or) }
}

/// Checks that a path is absolute, has no NUL and is not too long.
pub(super) fn absolute(path: &PathOctets, or: &'static str) -> Result<(), &'static str> {
    let path = PathBuf::from(path.clone());
    let octets = path.as_os_str().as_bytes();
    let good = path.is_absolute() && octets.len() <= MOST_PATH && !octets.contains(&0);
    if good { Ok(()) } else { Err(or) }
}
