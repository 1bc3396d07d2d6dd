//! Argon2 (RFC 9106), in the form that its command line tool and other servers write: a PHC string such as
//! `$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH`.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};

/// The most memory that one check may take, in KiB. Each auth process may be checking one at the same time.
const MOST_MEMORY: u32 = 1 << 20;

/// A hash that can be checked.
pub(crate) struct Argon2Hash(PasswordHash);

impl Argon2Hash {
    /// Parses a PHC string. `None` if it is not one of Argon2, lacks the salt or the hash, or needs more than
    /// a gigabyte.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut hash = PasswordHash::new(str::from_utf8(text).ok()?).ok()?;
        Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        // The first version of Argon2 did not write its number.
        Version::try_from(*hash.version.get_or_insert(Version::V0x10.into())).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let whole = hash.salt.is_some() && hash.hash.is_some();
        (whole && params.m_cost() <= MOST_MEMORY).then_some(Self(hash))
    }

    /// Whether it is the hash of this password.
    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        // Algorithm, version and costs are taken from the hash; the defaults are not used.
        Argon2::default().verify_password(password, &self.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of the reference implementation (test.c): the password is "password", the salt
    /// "somesalt".
    const KNOWN: [&str; 4] = [
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ];

    #[test]
    fn hashes_of_the_reference_implementation_are_understood() {
        for known in KNOWN {
            let hash = Argon2Hash::parse(known.as_bytes()).unwrap();
            assert!(hash.is_of(b"password"), "{known}");
            assert!(!hash.is_of(b"Password") && !hash.is_of(b"") && !hash.is_of(&[b'x'; 5000]), "{known}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_no_hash() {
        let whole = KNOWN[2];
        for wrong in [
            "",
            "password",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=256,t=2,p=1",
            "$6$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            &whole.replace("argon2id", "argon3"),
            &whole.replace("v=19", "v=20"),
            &whole.replace("m=256", "m=1048577"),
            &whole.replace("m=256", "m=1"),
            &whole.replace("t=2", "t=0"),
            &format!("{whole}\u{e4}"),
        ] {
            assert!(Argon2Hash::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Argon2Hash::parse(b"$argon2id\xff").is_none());
    }
}
