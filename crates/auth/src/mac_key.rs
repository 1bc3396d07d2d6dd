//! A random key that is drawn at the start and never shown.

use std::io;

use zeroize::Zeroizing;

/// A message authentication code: BLAKE3 in keyed mode.
pub(crate) type Mac = [u8; 32];

/// A key for message authentication codes.
#[derive(Clone)]
pub(crate) struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    /// Draws a key.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn random() -> io::Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(io::Error::other)?;
        Ok(Self(key))
    }

    /// A fixed key: for tests that must not depend on chance, and where there is nothing to hide.
    pub(crate) fn fixed(octet: u8) -> Self {
        Self(Zeroizing::new([octet; 32]))
    }

    /// The code of several texts. Their lengths are included, so the same octets divided elsewhere have
    /// another code.
    pub(crate) fn mac(&self, texts: &[&[u8]]) -> Mac {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for text in texts {
            hasher.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text);
        }
        *hasher.finalize().as_bytes()
    }
}
