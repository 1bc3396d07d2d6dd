//! The memory of other processes, as /proc shows it to root.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use memchr::memmem;

/// Whether this text is anywhere in the memory of the process with this id. One that has ended holds nothing.
///
/// # Panics
///
/// Its memory may not be read.
pub(crate) fn holds(pid: u32, text: &[u8]) -> bool {
    /// Octets to read at a time. Pieces overlap, in case the text lies across their border.
    const PIECE: usize = 1 << 20;
    let memory = match File::open(format!("/proc/{pid}/mem")) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => return false,
        opened => opened.expect("its memory"),
    };
    let mut read = 0;
    let mut buffer = vec![0; PIECE];
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the parts of its memory");
    let found = maps.lines().any(|line| {
        let mut fields = line.split(' ');
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { return false };
        let Some((first, last)) = range.split_once('-') else { return false };
        let [mut at, end] = [first, last].map(|text| u64::from_str_radix(text, 16).expect("an address"));
        // Read-only memory comes from files.
        while rights.starts_with("rw") && at < end {
            let length = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
            // Parts that belong to the kernel cannot be read.
            let Ok(octets @ 1..) = memory.read_at(&mut buffer[..length], at) else { break };
            read += octets;
            if memmem::find(&buffer[..octets], text).is_some() {
                return true;
            }
            let overlap = if octets > text.len() { text.len() - 1 } else { 0 };
            at += u64::try_from(octets - overlap).expect("a length");
        }
        false
    });
    assert!(read > 0, "nothing of the memory of process {pid} could be read");
    found
}
