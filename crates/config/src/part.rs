//! The rule for text from outside that becomes part of a path.

use std::fmt;

/// The most octets of a part of a path: NAME_MAX of Linux.
const MAX_OCTETS: usize = 255;

/// Checks that `text` can be one part of a path and leads nowhere else: not empty, at most 255 octets, no
/// `/`, no control character (so no NUL), no leading dot (so neither `.` nor `..` nor a hidden file).
///
/// # Errors
///
/// The rule that the text violates.
pub fn path_part(text: &str) -> Result<(), BadPart> {
    if text.is_empty() {
        Err(BadPart::Empty)
    } else if text.len() > MAX_OCTETS {
        Err(BadPart::TooLong)
    } else if text.starts_with('.') {
        Err(BadPart::LeadingDot)
    } else if text.contains('/') {
        Err(BadPart::Slash)
    } else if text.chars().any(char::is_control) {
        Err(BadPart::Control)
    } else {
        Ok(())
    }
}

/// Why a text cannot be part of a path. The text itself is not repeated: it may come from an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPart {
    /// It is empty.
    Empty,
    /// More than 255 octets.
    TooLong,
    /// It begins with a dot.
    LeadingDot,
    /// It has a slash.
    Slash,
    /// It has a control character or NUL.
    Control,
}

impl fmt::Display for BadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it is longer than 255 octets",
            Self::LeadingDot => "it begins with a dot",
            Self::Slash => "it has a slash",
            Self::Control => "it has a control character",
        })
    }
}

impl std::error::Error for BadPart {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_refused() {
        assert_eq!(path_part(""), Err(BadPart::Empty));
        assert_eq!(path_part(".."), Err(BadPart::LeadingDot));
        assert_eq!(path_part(".ssh"), Err(BadPart::LeadingDot));
        assert_eq!(path_part("a/b"), Err(BadPart::Slash));
        assert_eq!(path_part("a\0b"), Err(BadPart::Control));
        assert_eq!(path_part("a\u{85}b"), Err(BadPart::Control));
        assert_eq!(path_part(&"é".repeat(128)), Err(BadPart::TooLong));
    }

    #[test]
    fn ordinary_names_pass() {
        for name in ["alice", "a.b@example.org", "é", "a..b", " x", &"x".repeat(255)] {
            assert_eq!(path_part(name), Ok(()), "{name:?}");
        }
    }
}
