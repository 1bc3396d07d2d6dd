//! Stored passwords, and how the password of a login is compared with them.

use std::fmt;

use subtle::ConstantTimeEq;
use sys::crypt::{Crypt, CryptError};
use zeroize::Zeroizing;

use crate::argon2_hash::Argon2Hash;
use crate::scram_verifier::ScramVerifier;

/// A stored password, borrowed from the text that contains it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredPassword<'a> {
    /// A string of crypt(3): `$y$...`, `$6$...`, or the 13 characters of DES.
    Crypt(&'a [u8]),
    /// The password itself.
    Plain(&'a [u8]),
    /// A PHC string of Argon2.
    Argon2(&'a [u8]),
    /// A verifier of SCRAM-SHA-256.
    Scram(&'a [u8]),
    /// A locked account, which no password opens: the string begins with `!` or `*`, as passwd(1) writes it.
    Locked,
}

impl<'a> StoredPassword<'a> {
    /// Parses the password field of a user list: a crypt(3) string, or `{SCHEME}text`.
    ///
    /// | scheme | text | made by |
    /// |---|---|---|
    /// | PLAIN | the password | |
    /// | CRYPT | a crypt(3) string | mkpasswd(1) |
    /// | ARGON2, also written ARGON2I or ARGON2ID | a PHC string, `$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH` | argon2(1) with `-e` |
    /// | SCRAM-SHA-256 | `ITERATIONS,SALT,STORED-KEY,SERVER-KEY`, the last three in base64 | gsasl(1) with `--mkpasswd` |
    ///
    /// # Errors
    ///
    /// The scheme is unknown, or the text is empty or not of the scheme's form.
    pub(crate) fn parse(field: &'a [u8]) -> Result<Self, BadPassword> {
        let Some(rest) = field.strip_prefix(b"{") else { return Self::parse_crypt(field) };
        let (scheme, text) = split_at_octet(rest, b'}').ok_or(BadPassword::OpenBrace)?;
        match scheme.to_ascii_uppercase().as_slice() {
            b"CRYPT" => Self::parse_crypt(text),
            b"PLAIN" if text.is_empty() => Err(BadPassword::Empty),
            b"PLAIN" => Ok(Self::Plain(text)),
            b"ARGON2" | b"ARGON2I" | b"ARGON2ID" => match Argon2Hash::parse(text) {
                Some(_) => Ok(Self::Argon2(text)),
                None => Err(BadPassword::Argon2),
            },
            b"SCRAM-SHA-256" => match ScramVerifier::parse(text) {
                Some(_) => Ok(Self::Scram(text)),
                None => Err(BadPassword::Scram),
            },
            _ => Err(BadPassword::UnknownScheme),
        }
    }

    /// Parses the password field of shadow(5), in which every octet belongs to the hash.
    ///
    /// # Errors
    ///
    /// The text is empty or not of the form of any scheme.
    pub(crate) fn parse_crypt(text: &'a [u8]) -> Result<Self, BadPassword> {
        match text {
            [] => Err(BadPassword::Empty),
            [b'!' | b'*', ..] => Ok(Self::Locked),
            _ if is_crypt_string(text) => Ok(Self::Crypt(text)),
            _ => Err(BadPassword::NoCrypt),
        }
    }

    /// Scheme and cost: checking two stored passwords takes the same time if these are equal.
    pub(crate) fn cost(&self) -> &'a [u8] {
        match *self {
            Self::Crypt(text) => text.get(..cost_octets(text)).unwrap_or(text),
            Self::Plain(_) => b"{PLAIN}",
            // The salt follows the last dollar but one, or the first comma.
            Self::Argon2(text) => text.rsplitn(3, |c| *c == b'$').last().unwrap_or(text),
            Self::Scram(text) => text.split(|c| *c == b',').next().unwrap_or(text),
            Self::Locked => b"!",
        }
    }

    /// The stored text, without its `{SCHEME}`.
    pub(crate) fn octets(&self) -> &'a [u8] {
        match *self {
            Self::Crypt(text) | Self::Plain(text) | Self::Argon2(text) | Self::Scram(text) => text,
            Self::Locked => b"!",
        }
    }

    /// Whether a check takes so long that its result is worth remembering.
    pub(crate) fn is_costly(&self) -> bool {
        matches!(self, Self::Crypt(_) | Self::Argon2(_) | Self::Scram(_))
    }

    /// Whether a SCRAM verifier is stored, or can be derived from what is stored.
    pub(crate) fn scram_fits(&self) -> bool {
        matches!(self, Self::Plain(_) | Self::Scram(_))
    }

    /// A copy; `None` for a locked account.
    pub(crate) fn secret(self) -> Option<StoredSecret> {
        let copy = |text: &[u8]| Zeroizing::new(text.to_vec());
        match self {
            Self::Crypt(text) => Some(StoredSecret::Crypt(copy(text))),
            Self::Plain(text) => Some(StoredSecret::Plain(copy(text))),
            Self::Argon2(text) => Some(StoredSecret::Argon2(copy(text))),
            Self::Scram(text) => Some(StoredSecret::Scram(copy(text))),
            Self::Locked => None,
        }
    }

    /// Whether this is the password. A locked account has none.
    ///
    /// # Errors
    ///
    /// libcrypt is missing, does not know this kind of hash, or failed.
    pub(crate) fn verify(&self, password: &[u8], crypt: Option<&mut Crypt>) -> Result<bool, CryptError> {
        let hash = |text: &[u8]| match crypt {
            Some(crypt) => crypt.hash(password, text).map(Zeroizing::new),
            None => Err(CryptError::Library("it was not asked for".to_owned())),
        };
        match *self {
            Self::Plain(text) => Ok(text.ct_eq(password).into()),
            Self::Crypt(text) => match hash(text) {
                Ok(hash) => Ok(text.ct_eq(&hash).into()),
                // libcrypt cannot hash this password, so it cannot be the stored one.
                Err(CryptError::Phrase) => Ok(false),
                Err(error) => Err(error),
            },
            Self::Argon2(text) => Ok(Argon2Hash::parse(text).is_some_and(|hash| hash.is_of(password))),
            Self::Scram(text) => {
                Ok(ScramVerifier::parse(text).is_some_and(|verifier| verifier.is_of(password)))
            }
            Self::Locked => Ok(false),
        }
    }
}

/// An owned stored password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoredSecret {
    /// A string of crypt(3).
    Crypt(Zeroizing<Vec<u8>>),
    /// The password itself.
    Plain(Zeroizing<Vec<u8>>),
    /// A PHC string of Argon2.
    Argon2(Zeroizing<Vec<u8>>),
    /// A verifier of SCRAM-SHA-256.
    Scram(Zeroizing<Vec<u8>>),
}

impl StoredSecret {
    pub(crate) fn stored(&self) -> StoredPassword<'_> {
        match self {
            Self::Crypt(text) => StoredPassword::Crypt(text),
            Self::Plain(text) => StoredPassword::Plain(text),
            Self::Argon2(text) => StoredPassword::Argon2(text),
            Self::Scram(text) => StoredPassword::Scram(text),
        }
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stored().fmt(f)
    }
}

/// Whether a text has the form of a result of crypt(3), see crypt(5): a scheme between dollars, the `_` of
/// BSDi, or the 13 characters of DES. This machine's libcrypt may still not support the scheme.
fn is_crypt_string(text: &[u8]) -> bool {
    let base64 = |text: &[u8]| text.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'/'));
    match text {
        [b'$', rest @ ..] => {
            let printable =
                rest.iter().all(|c| c.is_ascii_graphic() && !matches!(c, b'\\' | b'*' | b'!' | b';'));
            let named =
                split_at_octet(rest, b'$').is_some_and(|(id, hash)| !id.is_empty() && !hash.is_empty());
            printable && named
        }
        [b'_', rest @ ..] => rest.len() == 19 && base64(rest),
        _ => text.len() == 13 && base64(text),
    }
}

/// The number of octets at the start of a crypt string that state scheme and cost; the salt follows. See
/// crypt(5).
fn cost_octets(text: &[u8]) -> usize {
    let fields = |count: usize| {
        let ends = text.iter().enumerate().filter(|(_, c)| **c == b'$').map(|(at, _)| at + 1);
        ends.take(count).last().unwrap_or(0)
    };
    match text {
        // $2b$12$, then salt and hash without a dollar between them.
        [b'$', b'2', ..] => fields(3),
        // $y$j9T$ and $gy$j9T$.
        [b'$', b'y', b'$', ..] | [b'$', b'g', b'y', b'$', ..] => fields(3),
        // $7$, the parameters N, r and p in 1, 5 and 5 characters, then the salt.
        [b'$', b'7', b'$', ..] => 14,
        // $5$rounds=N$ and $6$rounds=N$; without rounds, the default applies.
        [b'$', b'5' | b'6', b'$', b'r', b'o', b'u', b'n', b'd', b's', b'=', ..] => fields(3),
        // $sha1$N$.
        [b'$', b's', b'h', b'a', b'1', b'$', ..] => fields(3),
        [b'$', ..] => fields(2),
        // _ and four characters of rounds.
        [b'_', ..] => 5,
        _ => 0,
    }
}

fn split_at_octet(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(at, text)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

impl fmt::Debug for StoredPassword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crypt(_) => "Crypt(******)",
            Self::Plain(_) => "Plain(******)",
            Self::Argon2(_) => "Argon2(******)",
            Self::Scram(_) => "Scram(******)",
            Self::Locked => "Locked",
        })
    }
}

/// What is wrong with a stored password: an error of the administrator. The message repeats no part of the
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPassword {
    Empty,
    OpenBrace,
    UnknownScheme,
    Argon2,
    Scram,
    NoCrypt,
}

impl fmt::Display for BadPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the password is empty; to lock an account, write !"),
            Self::OpenBrace => f.write_str("the password has a { and no }; use {SCHEME}text"),
            Self::UnknownScheme => f.write_str(
                "the password scheme is unknown; use {PLAIN}, {CRYPT}, {ARGON2} or {SCRAM-SHA-256}",
            ),
            Self::Argon2 => f.write_str(
                "the password is no hash of Argon2 in the form $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH, of at most 1 GiB; \
                 make one with argon2(1) and its option -e",
            ),
            Self::Scram => f.write_str(
                "the password is no verifier ITERATIONS,SALT,STORED-KEY,SERVER-KEY, of 4096 iterations or more; \
                 make one with gsasl --mkpasswd --mechanism SCRAM-SHA-256",
            ),
            Self::NoCrypt => f.write_str(
                "the password is no crypt(3) string; make one with mkpasswd(1), or write {PLAIN} before a plain password",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGON2: &[u8] =
        b"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    const SCRAM: &[u8] = b"4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,\
        wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn the_forms_of_the_field_are_told_apart() {
        assert_eq!(StoredPassword::parse(b"{plain}a b{}"), Ok(StoredPassword::Plain(b"a b{}")));
        assert_eq!(StoredPassword::parse(b"$1$s$h"), Ok(StoredPassword::Crypt(b"$1$s$h")));
        assert_eq!(StoredPassword::parse(b"{CRYPT}$1$s$h"), Ok(StoredPassword::Crypt(b"$1$s$h")));
        assert_eq!(StoredPassword::parse(b"ab01234567./x"), Ok(StoredPassword::Crypt(b"ab01234567./x")));
        for scheme in ["{ARGON2}", "{Argon2id}", "{argon2i}"] {
            assert_eq!(
                StoredPassword::parse(&[scheme.as_bytes(), ARGON2].concat()),
                Ok(StoredPassword::Argon2(ARGON2))
            );
        }
        assert_eq!(
            StoredPassword::parse(&[b"{SCRAM-SHA-256}", SCRAM].concat()),
            Ok(StoredPassword::Scram(SCRAM))
        );
        for locked in [&b"!"[..], b"*", b"!$1$s$h", b"!!", b"{CRYPT}!x"] {
            assert_eq!(StoredPassword::parse(locked), Ok(StoredPassword::Locked));
        }
        for (field, why) in [
            (&b""[..], BadPassword::Empty),
            (b"{PLAIN}", BadPassword::Empty),
            (b"{CRYPT}", BadPassword::Empty),
            (b"{PLAIN", BadPassword::OpenBrace),
            (b"{MD5}x", BadPassword::UnknownScheme),
            (b"{ARGON2}x", BadPassword::Argon2),
            (b"{ARGON2}", BadPassword::Argon2),
            (b"{SCRAM-SHA-256}x", BadPassword::Scram),
            (b"secret", BadPassword::NoCrypt),
            (b"$1$", BadPassword::NoCrypt),
            (b"$1$s h", BadPassword::NoCrypt),
            (b"x", BadPassword::NoCrypt),
        ] {
            assert_eq!(StoredPassword::parse(field), Err(why), "{}", String::from_utf8_lossy(field));
        }
    }

    #[test]
    fn the_cost_ends_before_the_salt() {
        for (text, cost) in [
            (&b"$y$j9T$salt$hash"[..], &b"$y$j9T$"[..]),
            (b"$gy$j9T$salt$hash", b"$gy$j9T$"),
            (b"$7$CU..../....salt$hash", b"$7$CU..../...."),
            (b"$2b$12$saltandhash", b"$2b$12$"),
            (b"$6$salt$hash", b"$6$"),
            (b"$6$rounds=1000$salt$hash", b"$6$rounds=1000$"),
            (b"$1$salt$hash", b"$1$"),
            (b"$sha1$4096$salt$hash", b"$sha1$4096$"),
            (b"_J9..saltxxxxxxxxxxx", b"_J9.."),
            (b"ab01234567./x", b""),
        ] {
            assert_eq!(StoredPassword::Crypt(text).cost(), cost, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(StoredPassword::Argon2(ARGON2).cost(), b"$argon2id$v=19$m=256,t=2,p=1");
        assert_eq!(StoredPassword::Scram(SCRAM).cost(), b"4096");
    }

    #[test]
    fn the_right_password_and_only_that_is_accepted() {
        let mut crypt = Crypt::load().unwrap();
        for setting in [
            &b"$y$j75$FfUgzDcVBEMbnbQqGxdMl1"[..],
            b"$6$rounds=1000$salt",
            b"$2b$04$abcdefghijklmnopqrstuu",
            b"ab",
        ] {
            let hash = crypt.hash(b"se cret", setting).unwrap();
            let stored = StoredPassword::parse(&hash).unwrap();
            assert!(stored.verify(b"se cret", Some(&mut crypt)).unwrap());
            for wrong in [&b"se cre"[..], b"Se cret", b"", b"se cret\0", &[b'x'; 600], &hash] {
                assert!(!stored.verify(wrong, Some(&mut crypt)).unwrap());
            }
        }
        for (stored, right) in
            [(StoredPassword::Argon2(ARGON2), &b"password"[..]), (StoredPassword::Scram(SCRAM), b"pencil")]
        {
            assert!(stored.verify(right, None).unwrap());
            assert!(!stored.verify(b"Password", None).unwrap());
        }
        assert!(StoredPassword::Plain(b"a b").verify(b"a b", Some(&mut crypt)).unwrap());
        assert!(!StoredPassword::Plain(b"a b").verify(b"a", Some(&mut crypt)).unwrap());
        assert!(!StoredPassword::Locked.verify(b"!", Some(&mut crypt)).unwrap());
        assert!(StoredPassword::Crypt(b"$none$x$y").verify(b"x", Some(&mut crypt)).is_err());
    }

    #[test]
    fn debug_output_has_no_password() {
        assert_eq!(format!("{:?}", StoredPassword::Plain(b"hunter2")), "Plain(******)");
        assert_eq!(format!("{:?}", StoredPassword::Plain(b"hunter2").secret()), "Some(Plain(******))");
    }
}
