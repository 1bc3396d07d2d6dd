//! What mpopdstats makes of any log, plain or compressed: a report in each form, whatever the lines say, in
//! which nothing is left that a terminal or a browser would obey.
//!
//! Input: an octet of switches, then the log.
#![no_main]

use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use std::fs::File;
use std::io::{Seek, Write};

/// The log is a user's own.
const OWN: u8 = 1;

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [switches, ..], content }) = Input::new(data, 1) else { return };
    let user = (switches & OWN != 0).then_some("alice");
    let log = log(content);
    let [text, json, page] = mpopdstats::fuzzing::told(log, user).expect("the log can be read");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    // RFC 8259, section 7; programs read it, no terminal.
    assert!(json.ends_with('\n') && !json.contains(|c: char| c < ' ' && c != '\n'), "{json:?}");
    assert_eq!(page.matches("<script").count(), 0, "{page}");
});

/// A file in memory.
fn log(octets: &[u8]) -> File {
    let file = tempfile::tempfile_in("/dev/shm").or_else(|_| tempfile::tempfile());
    let mut file = file.expect("a file");
    file.write_all(octets).and_then(|()| file.rewind()).expect("memory");
    file
}
