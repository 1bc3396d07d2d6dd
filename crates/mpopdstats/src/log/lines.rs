//! The lines of a log, compressed or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use flate2::bufread::MultiGzDecoder;

/// The most octets of a line; of a longer one, the beginning counts.
const MOST_OCTETS: usize = 16 * 1024;
/// The first octets of a file that gzip(1) wrote.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether a log could be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogEnd {
    Whole,
    /// A compressed log breaks off.
    Torn,
}

/// Calls `line` with every line, without its end. Octets that are not UTF-8 become replacement characters.
///
/// # Errors
///
/// The system's, for reading.
pub(crate) fn each(file: File, mut line: impl FnMut(&str)) -> io::Result<LogEnd> {
    let mut plain = BufReader::with_capacity(64 * 1024, file);
    if !plain.fill_buf()?.starts_with(&GZIP) {
        return read(&mut plain, &mut line).map(|()| LogEnd::Whole);
    }
    match read(&mut BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(plain)), &mut line) {
        Ok(()) => Ok(LogEnd::Whole),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ) =>
        {
            Ok(LogEnd::Torn)
        }
        Err(error) => Err(error),
    }
}

fn read(from: &mut impl BufRead, each: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        let chunk = from.fill_buf()?;
        if chunk.is_empty() {
            if !line.is_empty() {
                each(&String::from_utf8_lossy(&line));
            }
            return Ok(());
        }
        let end = chunk.iter().position(|octet| *octet == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = MOST_OCTETS - line.len();
        line.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            each(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::{Seek, Write};

    fn lines_of(octets: &[u8]) -> (Vec<String>, LogEnd) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        file.rewind().unwrap();
        let mut lines = Vec::new();
        let end = each(file, |line| lines.push(line.to_owned())).unwrap();
        (lines, end)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), Compression::default());
        to.write_all(text).unwrap();
        to.finish().unwrap()
    }

    #[test]
    fn compressed_and_plain_logs_are_the_same() {
        let text = b"one\ntwo\n\nlast";
        assert_eq!(
            lines_of(text),
            (vec!["one".into(), "two".into(), String::new(), "last".into()], LogEnd::Whole)
        );
        assert_eq!(lines_of(&gzip(text)), lines_of(text));
        let two_parts = [gzip(b"one\n"), gzip(b"two\n")].concat();
        assert_eq!(lines_of(&two_parts).0, ["one", "two"]);
    }

    #[test]
    fn a_log_that_breaks_off_is_read_so_far() {
        let text: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
        let whole = gzip(text.as_bytes());
        let (lines, end) = lines_of(&whole[..whole.len() / 2]);
        assert!(lines.len() > 1000 && end == LogEnd::Torn, "{}", lines.len());
    }

    #[test]
    fn a_line_without_end_takes_no_more_room_than_others() {
        let (lines, _) = lines_of(&[&vec![b'x'; 5_000_000][..], b"\nnext\n"].concat());
        assert_eq!((lines[0].len(), lines[1].as_str()), (MOST_OCTETS, "next"));
    }

    #[test]
    fn octets_that_are_no_text_do_no_harm() {
        assert_eq!(lines_of(b"\xff\xfe\n\0\n").0, ["\u{fffd}\u{fffd}", "\0"]);
    }
}
