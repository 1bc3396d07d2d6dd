//! SCRAM verifiers: what a server stores instead of a password (RFC 5802, section 3; RFC 7677).
//!
//! A verifier does not suffice to log in as the user. Like any hash, it allows guessing passwords offline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A digest, a key or a proof of SCRAM-SHA-256.
pub(crate) type Sha256Octets = Zeroizing<[u8; 32]>;

/// The fewest iterations (RFC 7677, section 4). Verifiers derived here have this number.
pub(crate) const LEAST_ITERATIONS: u32 = 4096;
/// The most iterations: a check takes a few seconds.
const MOST_ITERATIONS: u32 = 10_000_000;
/// The longest salt, in octets.
const LONGEST_SALT: usize = 256;

/// What is stored instead of a password.
#[derive(Clone)]
pub(crate) struct ScramVerifier {
    pub(crate) iterations: u32,
    pub(crate) salt: Box<[u8]>,
    pub(crate) stored_key: Sha256Octets,
    pub(crate) server_key: Sha256Octets,
}

impl ScramVerifier {
    /// Parses `ITERATIONS,SALT,STORED-KEY,SERVER-KEY`, the last three in base64. `None` if it has another
    /// form, or fewer than 4096 or more than ten million iterations.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut fields = text.split(|octet| *octet == b',');
        let iterations = iterations(fields.next()?)?;
        let salt = STANDARD.decode(fields.next()?).ok()?.into_boxed_slice();
        let (stored_key, server_key) = (octets(fields.next()?)?, octets(fields.next()?)?);
        let whole = fields.next().is_none() && (1..=LONGEST_SALT).contains(&salt.len());
        whole.then_some(Self { iterations, salt, stored_key, server_key })
    }

    /// Derives the verifier of a password. The time grows with the iterations.
    pub(crate) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = salted(password, salt, iterations);
        let client_key = hmac(&*salted, &[b"Client Key"]);
        Self {
            iterations,
            salt: salt.into(),
            stored_key: digest(&*client_key),
            server_key: hmac(&*salted, &[b"Server Key"]),
        }
    }

    /// Whether this is the verifier of this password.
    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        let other = Self::derive(password, &self.salt, self.iterations);
        let matches: bool = other.stored_key.ct_eq(&*self.stored_key).into();
        // HMAC pads its key with zeros (RFC 2104, section 2), so a password followed by NULs has the same
        // verifier. No password contains NUL (RFC 4616, section 2).
        matches && !password.contains(&0)
    }

    /// The salt as SCRAM sends it.
    pub(crate) fn salt_text(&self) -> String {
        STANDARD.encode(&self.salt)
    }
}

/// `SaltedPassword` of RFC 5802. The password is first prepared, if SASLprep allows it.
pub(crate) fn salted(password: &[u8], salt: &[u8], iterations: u32) -> Sha256Octets {
    let mut salted = Sha256Octets::default();
    pbkdf2::pbkdf2_hmac::<Sha256>(&prepared(password), salt, iterations, salted.as_mut_slice());
    salted
}

/// HMAC-SHA-256 of a text in several pieces.
pub(crate) fn hmac(key: &[u8], pieces: &[&[u8]]) -> Sha256Octets {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    pieces.iter().for_each(|piece| mac.update(piece));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// SHA-256.
pub(crate) fn digest(octets: &[u8]) -> Sha256Octets {
    Zeroizing::new(Sha256::digest(octets).into())
}

/// Decodes 32 octets in base64.
pub(crate) fn octets(base64: &[u8]) -> Option<Sha256Octets> {
    let decoded = Zeroizing::new(STANDARD.decode(base64).ok()?);
    Some(Zeroizing::new(decoded.as_slice().try_into().ok()?))
}

/// SASLprep (RFC 4013). A password that it does not allow is used unchanged, so that every stored password
/// works.
fn prepared(password: &[u8]) -> Zeroizing<Vec<u8>> {
    match str::from_utf8(password).map(stringprep::saslprep) {
        Ok(Ok(prepared)) => Zeroizing::new(prepared.into_owned().into_bytes()),
        _ => Zeroizing::new(password.to_vec()),
    }
}

fn iterations(text: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(text).ok().filter(|text| text.bytes().all(|c| c.is_ascii_digit()))?;
    digits.parse().ok().filter(|count| (LEAST_ITERATIONS..=MOST_ITERATIONS).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Created by `gsasl --mkpasswd --mechanism SCRAM-SHA-256 --password pencil --iteration-count 4096 --salt
    /// W22ZaJ0SNY7soEsUEjb6gQ==`.
    const PENCIL: &str = "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,\
        wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn a_verifier_of_another_program_is_understood() {
        let verifier = ScramVerifier::parse(PENCIL.as_bytes()).unwrap();
        assert!(verifier.is_of(b"pencil"));
        assert!(!verifier.is_of(b"Pencil") && !verifier.is_of(b"") && !verifier.is_of(PENCIL.as_bytes()));
        assert_eq!(verifier.salt_text(), "W22ZaJ0SNY7soEsUEjb6gQ==");
        let derived = ScramVerifier::derive(b"pencil", &verifier.salt, 4096);
        assert_eq!(derived.server_key, verifier.server_key);
    }

    /// Found by the fuzz target `sasl`.
    #[test]
    fn a_password_followed_by_nul_is_another_one() {
        let verifier = ScramVerifier::parse(PENCIL.as_bytes()).unwrap();
        assert!(!verifier.is_of(b"pencil\0") && !verifier.is_of(b"pencil\0\0\0"));
    }

    #[test]
    fn what_is_not_whole_is_no_verifier() {
        let fields: Vec<&str> = PENCIL.split(',').collect();
        let with = |place: usize, text: &str| {
            let mut fields = fields.clone();
            fields[place] = text;
            fields.join(",")
        };
        let wrong = [
            String::new(),
            "x".to_owned(),
            fields[..3].join(","),
            format!("{PENCIL},"),
            format!("{PENCIL},00"),
            with(0, "4095"),
            with(0, "10000001"),
            with(0, "+4096"),
            with(0, "99999999999"),
            with(1, ""),
            with(1, "W22Z="),
            with(2, "AAAA"),
            with(3, "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU"),
        ];
        for wrong in wrong {
            assert!(ScramVerifier::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_prepared_as_clients_prepare_them() {
        // RFC 4013, section 3: invisible characters are removed, compatible characters become the same.
        for (one, other) in [("I\u{ad}X", "IX"), ("\u{aa}", "a"), ("\u{2168}", "IX"), ("u\u{308}", "ü")] {
            assert_eq!(prepared(one.as_bytes()), prepared(other.as_bytes()));
        }
        // Text that SASLprep forbids, and octets that are not text, stay unchanged.
        for kept in [&b"\x07"[..], b"\xff\xfe", "\u{627}1".as_bytes()] {
            assert_eq!(prepared(kept).as_slice(), kept);
        }
    }
}
