//! The user name that a client claims, and the password that proves it.

use std::fmt;
use zeroize::Zeroizing;

/// What a client sent to log in.
#[derive(Debug)]
pub struct Credentials {
    /// The name from USER.
    pub user: LoginName,
    /// The argument of PASS, spaces included.
    pub password: LoginPassword,
}

/// A user name as a client sent it: UTF-8, 1 to 255 octets, no control characters.
///
/// It may contain blanks, slashes and `>`. Code that makes a path or a log field of it must check or escape
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginName(Box<str>);

impl LoginName {
    /// The longest name, in octets.
    pub const MAX_OCTETS: usize = 255;

    /// Reads a name. `None` if it is empty, too long, not UTF-8, or contains NUL or another control
    /// character.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let fits = (1..=Self::MAX_OCTETS).contains(&text.len());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password. It is wiped from memory when dropped, and `Debug` does not show it. It contains no NUL: the C
/// functions that check passwords would stop there and compare less than the client sent.
pub struct LoginPassword(Zeroizing<Box<[u8]>>);

impl LoginPassword {
    /// Copies a password. `None` if it is empty or contains NUL.
    pub fn parse(text: &[u8]) -> Option<Self> {
        (!text.is_empty() && !text.contains(&0)).then(|| Self(Zeroizing::new(text.into())))
    }

    /// The octets of the password, for the check.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for LoginPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginPassword(******)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_bounded_and_free_of_control_characters() {
        for name in ["alice", "alice@example.org", "john doe", "jürgen", &"x".repeat(255)] {
            assert_eq!(LoginName::parse(name.as_bytes()).unwrap().as_str(), name);
        }
        for name in ["", "a\0b", "a\rb", "a\tb", "a\u{85}b", "\u{7f}", &"x".repeat(256)] {
            assert_eq!(LoginName::parse(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(LoginName::parse(b"\xff\xfe"), None);
    }

    #[test]
    fn debug_of_credentials_hides_the_password() {
        let user = LoginName::parse(b"alice").unwrap();
        let shown = format!("{:?}", Credentials { user, password: LoginPassword::parse(b"sesame").unwrap() });
        assert!(shown.contains("alice") && !shown.contains("sesame"), "{shown}");
        assert!(!shown.contains("115"), "no octets of it either: {shown}");
    }

    #[test]
    fn a_secret_is_not_cut_at_a_nul_but_refused() {
        assert!(LoginPassword::parse(b"sesame\0junk").is_none());
        assert!(LoginPassword::parse(b"").is_none());
        assert_eq!(LoginPassword::parse(b" two words ").unwrap().expose(), b" two words ");
    }
}
