//! mpopd.conf of mpopd 2.x and of Mail::POP3 3.x, as the settings of today: `mpopdctl import`.
//!
//! Both were Perl programs: assignments in 2.x, a hash with subs in 3.x. They are read here without being run. What
//! cannot be told without running them, and what has no counterpart today, becomes a comment that begins with
//! `CHECK` and names the old line. The result is a file that [`crate::parse`] accepts.
//!
//! `tokens.rs` and `quotes.rs` read Perl, `entries.rs` finds the settings in it, `convert.rs` says what becomes of each,
//! `write.rs` puts the new file together.

mod convert;
mod entries;
mod quotes;
mod tokens;
mod write;

use std::path::Path;

use crate::fault::Fault;
use crate::file::MAX_FILE_OCTETS;

/// An old configuration in the new form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The new file.
    pub toml: String,
    /// How many of its comments begin with `CHECK`: each is for a person.
    pub checks: usize,
}

/// Reads an old configuration; `file` only stands in messages and in the new file's first line.
///
/// # Errors
/// The file is larger than [`MAX_FILE_OCTETS`], or a quoted text or bracket in it is never closed.
pub fn import(file: &Path, octets: &[u8]) -> Result<Imported, Fault> {
    if octets.len() as u64 > MAX_FILE_OCTETS {
        return Err(Fault::of_file(file, format!("the file has more than {MAX_FILE_OCTETS} octets")));
    }
    // Files of that time are in Latin-1, whose octets are the first characters of Unicode.
    let text = match str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().copied().map(char::from).collect(),
    };
    let old = entries::read(file, &text)?;
    Ok(write::written(file, &convert::converted(&old)))
}

#[cfg(test)]
mod tests;
