//! Names and passwords in UTF-8 (RFC 6856, section 2.2).

use std::borrow::Cow;

/// Prepares a name or a password with SASLprep (RFC 4013), so that it does not matter how a keyboard composes
/// characters that look the same. ASCII stays unchanged. `None` if the text is not UTF-8 or contains
/// forbidden characters.
pub(crate) fn prepared(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    Some(match stringprep::saslprep(str::from_utf8(text).ok()?).ok()? {
        Cow::Borrowed(same) => Cow::Borrowed(same.as_bytes()),
        Cow::Owned(other) => Cow::Owned(other.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        let composed = "Jürgen".as_bytes();
        assert_eq!(prepared(composed).as_deref(), Some(composed));
        assert_eq!(prepared("Ju\u{308}rgen".as_bytes()).as_deref(), Some(composed));
        assert_eq!(
            prepared("a\u{a0}ü".as_bytes()).as_deref(),
            Some("a ü".as_bytes()),
            "other spaces must become plain spaces"
        );
        assert_eq!(prepared(b" a\tb ").as_deref(), Some(&b" a\tb "[..]), "ASCII must not change");
    }

    #[test]
    fn what_is_no_utf8_or_not_allowed_is_refused() {
        for text in [
            &b"caf\xe9"[..],
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            "ü\u{7}".as_bytes(),
            "ü\u{2028}".as_bytes(),
            "\u{e000}".as_bytes(),
        ] {
            assert!(prepared(text).is_none(), "{text:?}");
        }
    }
}
