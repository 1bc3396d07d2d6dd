//! Fields of user lists and of what plugins print.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// Parses a number of digits only; `str::parse` alone would accept a sign.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(text).ok().filter(|text| text.bytes().all(|c| c.is_ascii_digit()))?;
    digits.parse().ok()
}

/// Parses an absolute path without `..` and control characters.
pub(super) fn absolute(text: &[u8]) -> Option<&Path> {
    let path = Path::new(OsStr::from_bytes(text));
    let control = text.iter().any(u8::is_ascii_control);
    let leads_elsewhere = path.components().any(|part| part == Component::ParentDir);
    (path.is_absolute() && !control && !leads_elsewhere).then_some(path)
}
