//! Requests and responses of AUTH (RFC 5034). This crate passes them on; only the mechanism, in the driver,
//! knows what they mean.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest line of an exchange in octets, including its CRLF: the AUTH command itself or a response. RFC
/// 5034 requires whatever the mechanisms need; the value is from RFC 4954, section 4.
pub const MAX_SASL_LINE: usize = 12_288;

/// The names of the SASL mechanisms that a connection offers, in capitals (RFC 4422, section 3.1) and in the
/// order in which CAPA shows them. The driver chooses them, since they depend on the connection.
pub type Mechanisms = Arc<[&'static str]>;

/// The start of an exchange: AUTH with a mechanism.
#[derive(Debug)]
pub struct AuthRequest {
    /// One of the offered mechanisms, as the driver spelled it.
    pub mechanism: &'static str,
    /// The initial response, which may be empty. `None` if the client waits for the first challenge; the
    /// driver then sends an empty one if the mechanism has the client speak first.
    pub initial: Option<SaslResponse>,
}

/// A client's response in an exchange, decoded: any octets, or none. It is wiped from memory when dropped,
/// and `Debug` does not show it. [`MAX_SASL_LINE`] limits its length.
pub struct SaslResponse(Zeroizing<Vec<u8>>);

impl SaslResponse {
    /// An empty response.
    pub(crate) fn empty() -> Self {
        Self(Zeroizing::default())
    }

    /// Decodes base64 strictly, padding included (RFC 4648, sections 3 and 4). `None` if the text is anything
    /// else.
    pub(crate) fn decode(text: &[u8]) -> Option<Self> {
        let mut octets = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let length = STANDARD.decode_slice(text, &mut octets).ok()?;
        octets.truncate(length);
        Some(Self(octets))
    }

    /// The octets, for the mechanism.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SaslResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaslResponse(******)")
    }
}

/// Appends a challenge in base64.
pub(crate) fn encode(challenge: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(STANDARD.encode(challenge).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<Vec<u8>> {
        SaslResponse::decode(text.as_bytes()).map(|response| response.expose().to_vec())
    }

    #[test]
    fn base64_is_read_strictly() {
        assert_eq!(decode("AGFsaWNlAG9wZW4=").unwrap(), b"\0alice\0open");
        assert_eq!(decode("/+8=").unwrap(), b"\xff\xef");
        assert_eq!(decode("").unwrap(), b"");
        // Missing, superfluous and misplaced padding, trailing bits that are set, the URL alphabet, blanks.
        for text in
            ["AG", "AGF", "AGFs=", "AA==AA==", "AB==", "=", "====", "_-8=", "AG Fs", "AGFs\r", "*", "\u{e9}"]
        {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_response_is_not_shown() {
        let request = AuthRequest { mechanism: "PLAIN", initial: SaslResponse::decode(b"c2VzYW1l") };
        let shown = format!("{request:?}");
        assert!(shown.contains("PLAIN") && !shown.contains("sesame") && !shown.contains("115"), "{shown}");
    }
}
