//! mpopd.conf of mpopd 2.x and of Mail::POP3 3.x, converted to the settings of today.
//!
//! Both programs were written in Perl, and so were their configurations: assignments in 2.x, a hash with subs
//! in 3.x. This module reads them without running them. A value that only Perl could compute, and a setting
//! without a counterpart today, becomes a comment that begins with `CHECK` and names the old line.
//! [`config::parse`] accepts the result.
//!
//! `tokens.rs` and `quotes.rs` read Perl, `entries.rs` finds the settings in it, `convert.rs` decides what
//! becomes of each, and `write.rs` puts the new file together.

use std::path::Path;

use config::{Fault, MAX_FILE_OCTETS};

use super::write::Imported;
use super::{convert, entries, write};

/// Reads an old configuration. `file` appears only in messages and in the first line of the new file.
///
/// # Errors
///
/// The file is larger than [`MAX_FILE_OCTETS`], or a quoted text or bracket in it is never closed.
pub(crate) fn import(file: &Path, octets: &[u8]) -> Result<Imported, Fault> {
    if u64::try_from(octets.len()).is_ok_and(|length| length <= MAX_FILE_OCTETS) {
        // Files of that time are in Latin-1, whose octets are the first characters of Unicode.
        let text = match str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().copied().map(char::from).collect(),
        };
        let old = entries::read(file, &text)?;
        return Ok(write::written(file, &convert::converted(&old)));
    }
    Err(Fault::of_file(file, format!("the file has more than {MAX_FILE_OCTETS} octets")))
}
