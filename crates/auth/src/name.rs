//! User names from clients.

use std::fmt;

use config::{BadPart, path_part};

/// A valid user name: UTF-8, 1 to 255 octets, and safe as a part of a path (no `/`, no leading dot, no
/// control characters).
///
/// Every name from outside becomes a `UserName` before it is looked up or used in a path. Names are
/// case-sensitive, as in passwd(5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<str>);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&[u8]> for UserName {
    type Error = BadUserName;

    fn try_from(octets: &[u8]) -> Result<Self, BadUserName> {
        let text = str::from_utf8(octets).map_err(|_| BadUserName::NotUtf8)?;
        path_part(text).map_err(BadUserName::Part)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something is no user name. The message does not repeat the text, which may come from an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUserName {
    /// It is not UTF-8.
    NotUtf8,
    /// It cannot be a part of a path.
    Part(BadPart),
}

impl fmt::Display for BadUserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::Part(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for BadUserName {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for (octets, why) in [
            (&b""[..], BadUserName::Part(BadPart::Empty)),
            (b"..", BadUserName::Part(BadPart::LeadingDot)),
            (b"../x", BadUserName::Part(BadPart::LeadingDot)),
            (b"a/b", BadUserName::Part(BadPart::Slash)),
            (b"a\0", BadUserName::Part(BadPart::Control)),
            (b"a\r\n", BadUserName::Part(BadPart::Control)),
            (b"a\x7f", BadUserName::Part(BadPart::Control)),
            (&[b'x'; 256], BadUserName::Part(BadPart::TooLong)),
            (b"a\xff", BadUserName::NotUtf8),
            // Overlong forms of "." and "/".
            (b"\xc0\xae\xc0\xae", BadUserName::NotUtf8),
            (b"a\xc0\xafb", BadUserName::NotUtf8),
        ] {
            assert_eq!(UserName::try_from(octets), Err(why), "{octets:?}");
        }
    }

    proptest! {
        /// A valid name is one plain part of a path, and is unchanged.
        #[test]
        fn a_name_is_one_part_of_a_path(octets in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "[./a\\x00é]{0,6}".prop_map(String::into_bytes),
            "\\PC{1,40}".prop_map(String::into_bytes),
        ]) {
            if let Ok(name) = UserName::try_from(octets.as_slice()) {
                prop_assert_eq!(name.as_str().as_bytes(), octets.as_slice());
                let parts: Vec<_> = Path::new(name.as_str()).components().collect();
                prop_assert_eq!(parts, [Component::Normal(name.as_str().as_ref())]);
            }
        }
    }
}
