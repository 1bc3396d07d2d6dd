//! A naive encoder, slow and simple. The fuzz target `multiline` uses it, too.

#![allow(unreachable_pub, reason = "a module of a test program")]

/// The lines of a message, without their ends.
pub fn naive_lines(message: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = message.split(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect();
    let unended = lines.pop().filter(|last| !last.is_empty());
    for line in &mut lines {
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    lines.extend(unended);
    lines
}

pub fn naive_crlf(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_slice(), b"\r\n"].concat()).collect()
}

pub fn naive_reply(lines: &[Vec<u8>]) -> Vec<u8> {
    let dot = |line: &[u8]| if line.first() == Some(&b'.') { &b"."[..] } else { b"" };
    let stuffed: Vec<Vec<u8>> = lines.iter().map(|line| [dot(line), line].concat()).collect();
    [naive_crlf(&stuffed).as_slice(), b".\r\n"].concat()
}

/// The header, the blank line, and `wanted` lines of the body.
pub fn naive_top(message: &[u8], wanted: u64) -> Vec<u8> {
    let lines = naive_lines(message);
    // A last line without its end belongs to the header, even if it is a lone CR.
    let blank = lines.iter().position(Vec::is_empty);
    let end = blank.map_or(lines.len(), |blank| {
        lines.len().min(blank + 1 + usize::try_from(wanted).expect("a small number"))
    });
    naive_reply(&lines[..end])
}
