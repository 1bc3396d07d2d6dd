//! Text from clients in a form that the log may show.

use std::fmt::{self, Write as _};

/// Text that came from a client: escaped, bounded, and always inside `<>`, so that it can forge
/// neither a field nor a line.
#[derive(Clone, Copy)]
pub struct Untrusted<'a>(pub &'a [u8]);

impl Untrusted<'_> {
    /// The most octets that are shown; an ellipsis stands for the rest.
    const MOST: usize = 128;
}

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('<')?;
        for octet in self.0.iter().take(Self::MOST) {
            match octet {
                b'<' | b'>' | b'\\' => write!(f, "\\x{octet:02x}")?,
                0x20..=0x7e => f.write_char(char::from(*octet))?,
                _ => write!(f, "\\x{octet:02x}")?,
            }
        }
        if self.0.len() > Self::MOST {
            f.write_str("...")?;
        }
        f.write_char('>')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_text_cannot_leave_its_brackets() {
        let shown = Untrusted(b"a> ip=1.2.3.4\n<b\\\xff\0").to_string();
        assert_eq!(shown, "<a\\x3e ip=1.2.3.4\\x0a\\x3cb\\x5c\\xff\\x00>");
    }

    #[test]
    fn client_text_is_bounded() {
        let shown = Untrusted(&[b'x'; 10_000]).to_string();
        assert_eq!(shown.len(), Untrusted::MOST + "<...>".len());
    }
}
