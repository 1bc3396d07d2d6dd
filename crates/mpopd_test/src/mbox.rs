//! Where the messages of an mbox are.

use std::ops::Range;

/// The messages of an mbox. Each begins after a `From ` line, which begins the file or follows a blank line.
/// Neither the `From ` line nor the blank line before the next one belongs to a message.
pub(crate) fn messages(text: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    // Where a message would end if the next line begins another: before the blank line.
    let mut end_before_next = Some(0);
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        if let (true, Some(end)) = (line.starts_with(b"From "), end_before_next) {
            if let Some(last) = found.last_mut() {
                last.end = end;
            }
            found.push(at + line.len()..text.len());
            end_before_next = None;
        } else {
            end_before_next = line.trim_ascii().is_empty().then_some(at);
        }
        at += line.len();
    }
    if let (Some(last), Some(end)) = (found.last_mut(), end_before_next) {
        last.end = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str) -> Vec<&str> {
        messages(text.as_bytes()).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn from_lines_count_only_after_a_blank_line() {
        assert_eq!(bodies("From a\none\nFrom here\n\nFrom b\ntwo\n"), ["one\nFrom here\n", "two\n"]);
    }

    #[test]
    fn only_the_last_blank_line_belongs_to_no_message() {
        assert_eq!(bodies("From a\none\n\n\nFrom b\ntwo\n\n"), ["one\n\n", "two\n"]);
        assert_eq!(bodies("From a\none\n\nmore"), ["one\n\nmore"]);
        assert_eq!(bodies("From a\n\nFrom b\n"), ["", ""]);
    }

    #[test]
    fn what_is_no_mbox_has_no_messages() {
        assert!(bodies("").is_empty());
        assert!(bodies("Subject: x\n\n").is_empty());
    }
}
