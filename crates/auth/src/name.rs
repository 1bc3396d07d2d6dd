//! Names from clients.

use std::fmt;

use config::{BadPart, path_part};

/// A user name that a client may have claimed: UTF-8, 1 to 255 octets, and harmless as a part of a path (no `/`, no
/// leading dot, no control characters).
///
/// The one type for names from outside: what has not become a `UserName` is not looked up, and no path is made of it.
/// Upper and lower case are different, as they are in passwd(5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<str>);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&[u8]> for UserName {
    type Error = BadName;

    fn try_from(octets: &[u8]) -> Result<Self, BadName> {
        let text = str::from_utf8(octets).map_err(|_| BadName::NotUtf8)?;
        path_part(text).map_err(BadName::Part)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something is no user name. The text is not repeated: it may come from an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// It is not UTF-8.
    NotUtf8,
    /// It cannot be part of a path.
    Part(BadPart),
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::Part(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for BadName {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for (octets, why) in [
            (&b""[..], BadName::Part(BadPart::Empty)),
            (b"..", BadName::Part(BadPart::LeadingDot)),
            (b"../x", BadName::Part(BadPart::LeadingDot)),
            (b"a/b", BadName::Part(BadPart::Slash)),
            (b"a\0", BadName::Part(BadPart::Control)),
            (b"a\r\n", BadName::Part(BadPart::Control)),
            (b"a\x7f", BadName::Part(BadPart::Control)),
            (&[b'x'; 256], BadName::Part(BadPart::TooLong)),
            (b"a\xff", BadName::NotUtf8),
            // Overlong forms of "." and "/".
            (b"\xc0\xae\xc0\xae", BadName::NotUtf8),
            (b"a\xc0\xafb", BadName::NotUtf8),
        ] {
            assert_eq!(UserName::try_from(octets), Err(why), "{octets:?}");
        }
    }

    proptest! {
        /// Whatever passes is one plain part of a path, and is the name that came.
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
