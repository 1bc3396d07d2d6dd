//! File names in a Maildir: `TIME.UNIQUE.HOST,S=1234,W=1260:2,FLAGS`.
//!
//! Sources: the maildir(5) man page of qmail; the Maildir++ page of Courier for `,S=`; Dovecot's Maildir page
//! for `,W=`.

use memchr::memchr;

/// The part that never changes while the message exists: everything before the colon.
pub(crate) fn unique(name: &[u8]) -> &[u8] {
    &name[..memchr(b':', name).unwrap_or(name.len())]
}

/// When the message was delivered, in seconds since 1970; 0 if the name does not say.
pub(super) fn delivered(name: &[u8]) -> u64 {
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    number(&name[..digits]).unwrap_or(0)
}

/// The stored octets and the octets on the wire according to the name, if it gives both and they can be true.
pub(super) fn claimed_sizes(name: &[u8]) -> Option<(u64, u64)> {
    let mut stored = None;
    let mut wire = None;
    for field in unique(name).split(|&byte| byte == b',').skip(1) {
        if let Some(digits) = field.strip_prefix(b"S=") {
            stored = number(digits);
        } else if let Some(digits) = field.strip_prefix(b"W=") {
            wire = number(digits);
        }
    }
    let (stored, wire) = stored.zip(wire)?;
    // Each line feed adds at most one octet.
    (wire >= stored && wire - stored <= stored).then_some((stored, wire))
}

/// The octets that count towards a quota, if the name gives them (Maildir++).
pub(super) fn counted_size(name: &[u8]) -> Option<u64> {
    let fields = unique(name).split(|&byte| byte == b',').skip(1);
    fields.filter_map(|field| field.strip_prefix(b"S=")).find_map(number)
}

/// Whether a mail program has marked the message as trash.
pub(super) fn is_trash(name: &[u8]) -> bool {
    name.get(unique(name).len()..)
        .and_then(|rest| rest.strip_prefix(b":2,"))
        .is_some_and(|flags| flags.contains(&b'T'))
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name = b"1700000001.M5P6.host,S=100,W=110:2,FS";
        assert_eq!(unique(name), b"1700000001.M5P6.host,S=100,W=110");
        assert_eq!(delivered(name), 1_700_000_001);
        assert_eq!(claimed_sizes(name), Some((100, 110)));
        assert_eq!((counted_size(name), is_trash(name)), (Some(100), false));
        assert_eq!((counted_size(b"1.T,W=9:2,FT"), is_trash(b"1.T,W=9:2,FT")), (None, true));
        assert!(!is_trash(b"1.T") && !is_trash(b"1.T:1,T"));
        assert_eq!(unique(b"plain"), b"plain");
        assert_eq!(delivered(b"plain"), 0);
    }

    #[test]
    fn claims_that_cannot_be_true_are_none() {
        for name in [
            &b"1.a"[..],
            b"1.a,S=100",
            b"1.a,W=100",
            b"1.a,S=100,W=99",
            b"1.a,S=100,W=201",
            b"1.a,S=,W=",
            b"1.a,S=+1,W=1",
            b"1.a,S=99999999999999999999,W=99999999999999999999",
            b"1.a:2,S=100,W=100",
        ] {
            assert_eq!(claimed_sizes(name), None, "{}", String::from_utf8_lossy(name));
        }
    }
}
