//! Reading files that contain passwords.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// Reads a file of passwords of at most `most` octets.
///
/// # Errors
///
/// It cannot be read, is no regular file, or is larger.
pub(super) fn read_file(path: &Path, most: u64) -> io::Result<(Zeroizing<Vec<u8>>, Metadata)> {
    // Checked before it is opened: opening a FIFO would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > most {
        return Err(io::Error::other(format!("it has more than {most} octets")));
    }
    let expected = usize::try_from(metadata.len()).map_err(io::Error::other)?;
    Ok((read_whole(file, expected)?, metadata))
}

fn read_whole(mut file: File, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    // Allocated in full at the start: a vector that grows leaves copies of passwords behind.
    let mut text = Zeroizing::new(vec![0; expected + 1]);
    let mut filled = 0;
    while let Some(room) = text.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(octets) => filled += octets,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled > expected {
        return Err(io::Error::other("it grew while it was read"));
    }
    text.truncate(filled);
    Ok(text)
}
