//! Appends to a log file so that it holds whole lines only.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};

/// Appends whole lines to a file that was opened for appending, as far as there is room: no half line stays
/// in it. Returns the number of octets written.
///
/// # Errors
///
/// Why nothing was written.
pub fn append(file: &mut File, lines: &[u8]) -> io::Result<usize> {
    let written = file.write(lines)?;
    if written == lines.len() {
        return Ok(written);
    }
    let whole = lines.iter().take(written).rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    let half = u64::try_from(written - whole).unwrap_or(u64::MAX);
    take_back(file, half)?;
    Ok(whole)
}

/// Removes the last octets that were written, unless another process has appended more since.
fn take_back(file: &mut File, octets: u64) -> io::Result<()> {
    let end = file.stream_position()?;
    if octets > 0 && file.metadata()?.len() == end {
        file.set_len(end.saturating_sub(octets))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn half_a_line_is_taken_back_unless_another_wrote_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        take_back(&mut file, 2).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        file.write_all(b"tw").unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"other\n").unwrap();
        take_back(&mut file, 2).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwother\n");
    }
}
