//! User lists: every line is a user, a comment or an error; the first line of a name counts; only users that
//! the text names are found, and none of them as root.
#![no_main]

use auth::fuzzing::{FuzzedUser, FuzzedUserlist};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

fuzz_target!(|text: &[u8]| {
    let users = FuzzedUserlist::parse(text);
    assert!(users.bad().windows(2).all(|pair| pair[0] < pair[1]), "{:?}", users.bad());

    let mut expected = BTreeMap::new();
    for (nth, line) in (1..).zip(text.split(|octet| *octet == b'\n')) {
        let bad = users.bad().binary_search(&nth).is_ok();
        match fields(line) {
            _ if is_comment(line) => assert!(!bad, "line {nth} is a comment"),
            // Its password is invalid, or it is the second line of a name.
            Some(_) if bad => {}
            Some((name, user)) => {
                assert!(expected.insert(name.to_vec(), user).is_none(), "line {nth} names a user again");
            }
            None => assert!(bad, "line {nth} was taken"),
        }
    }
    assert_eq!(users.count(), expected.len());
    for (name, user) in expected {
        let found = users.get(&name).expect("a user of the list");
        assert!(found.uid != 0 && found.uid != u32::MAX && found.gid != Some(u32::MAX));
        assert_eq!(FuzzedUser { password: None, ..found }, user);
    }
    for name in [&b"root"[..], b"alice", b"#", b"."] {
        let named = text.split(|octet| *octet == b'\n').any(|line| line.starts_with(&[name, b":"].concat()));
        assert!(named || users.get(name).is_none());
    }
});

fn is_comment(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start_matches([' ', '\t', '\r', '\x0c']);
    text.is_empty() || text.starts_with('#')
}

/// Parses `name:password:uid[:gid[:home]]`; everything but the password must be valid.
fn fields(line: &[u8]) -> Option<(&[u8], FuzzedUser)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let fields: Vec<&[u8]> = line.splitn(5, |octet| *octet == b':').collect();
    let [name, _, uid, more @ ..] = fields.as_slice() else { return None };
    let gid = more.first().filter(|gid| !gid.is_empty());
    let home = more.get(1).filter(|home| !home.is_empty());
    if gid.is_some_and(|gid| number(gid).is_none()) {
        return None;
    }
    let user = FuzzedUser {
        uid: number(uid)?,
        gid: gid.and_then(|gid| number(gid)),
        home: home.map(|home| PathBuf::from(OsStr::from_bytes(home))),
        password: None,
    };
    let name_text = std::str::from_utf8(name).ok()?;
    let harmless = !name_text.starts_with('.') && !name_text.contains('/');
    let fits = (1..=255).contains(&name.len()) && !name_text.contains(char::is_control);
    (harmless && fits).then_some((*name, user))
}

fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}
