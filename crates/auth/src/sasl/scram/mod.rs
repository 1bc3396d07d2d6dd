//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): both sides prove that they know the password, and it never comes
//! here.
//!
//! A user who is unknown, locked, or has a password that SCRAM cannot use gets the same messages as any other: with a salt
//! of their own that is always the same, the iterations that somebody like them would have, and a refusal only at the end.

pub(in crate::sasl) mod message;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::message::{Binding, ClientFinal, ClientFirst};
use super::{Client, Refused};
use crate::authenticator::{Account, Authenticator, Evidence};
use crate::name::UserName;
use crate::password::Secret;
use crate::refusal::Refusal;
use crate::scram_verifier::{LEAST_ITERATIONS, Octets, Verifier, digest, hmac};
use crate::secret_key::Key;
use crate::userdb::Owner;

/// The channel binding that is known here (RFC 9266). It is the one that works with TLS 1.3.
const TLS_EXPORTER: &str = "tls-exporter";
/// Octets of the salts that are made here.
const SALT: usize = 16;
/// Octets of a server's nonce, before base64.
const NONCE: usize = 18;

/// What is kept between the first message and the last.
pub(super) struct Final {
    user: UserName,
    /// Whose mail it is, or why the exchange cannot succeed.
    owner: Result<Owner, Refusal>,
    verifier: Verifier,
    /// What the client must say of channel binding, in base64.
    binding: String,
    /// Both nonces.
    nonce: String,
    /// The messages so far, as they are signed.
    messages: String,
}

/// Takes the client's first message and gives the answer to it.
pub(super) fn first(
    message: &[u8],
    plus: bool,
    client: &Client,
    auth: &mut Authenticator,
) -> Result<(Vec<u8>, Final), Refused> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| Refused::unnamed(Refusal::Temporary(format!("no random numbers: {error}"))))?;
    first_with(&STANDARD.encode(nonce), message, plus, client, auth)
}

fn first_with(
    nonce: &str,
    message: &[u8],
    plus: bool,
    client: &Client,
    auth: &mut Authenticator,
) -> Result<(Vec<u8>, Final), Refused> {
    let Some(first) = ClientFirst::parse(message) else {
        return Err(Refused::unnamed(Refusal::UnknownUser));
    };
    let refused = |why| Refused::new(first.user.as_bytes(), why);
    let bound = match (plus, &first.binding, &client.channel_binding) {
        (false, Binding::Unsupported, _) | (false, Binding::NotOffered, None) => &[][..],
        (true, Binding::Used(TLS_EXPORTER), Some(octets)) => octets,
        // The client believes that -PLUS is not offered, and it is: somebody between us has changed the list.
        (false, Binding::NotOffered, Some(_)) => return Err(refused(Refusal::Password)),
        (false, Binding::Used(_), _) | (true, _, _) => return Err(refused(Refusal::Password)),
    };
    if first.acts_as.as_ref().is_some_and(|acts_as| *acts_as != first.user) {
        return Err(refused(Refusal::Password));
    }
    // Nobody can have a name that is none, so nobody learns anything from how quick this is.
    let prepared = stringprep::saslprep(&first.user).map_err(|_| refused(Refusal::UnknownUser))?;
    let user = UserName::try_from(prepared.as_bytes()).map_err(|_| refused(Refusal::UnknownUser))?;
    let evidence = auth.evidence(&user, client.peer).map_err(refused)?;
    let (verifier, owner) = verifier(&user, evidence, auth.key());

    let binding = STANDARD.encode([first.gs2_header.as_bytes(), bound].concat());
    let nonce = format!("{}{nonce}", first.nonce);
    let answer = format!("r={nonce},s={},i={}", verifier.salt_text(), verifier.iterations);
    let messages = format!("{},{answer}", first.bare);
    Ok((answer.into(), Final { user, owner, verifier, binding, nonce, messages }))
}

impl Final {
    /// Takes the client's last message. Gives the last answer, by which the client knows that this server knew the password.
    pub(super) fn finish(
        self,
        message: &[u8],
        auth: &mut Authenticator,
    ) -> Result<(Vec<u8>, Account), Refused> {
        let refused = |why| Refused::new(self.user.as_str().as_bytes(), why);
        let last = ClientFinal::parse(message).ok_or_else(|| refused(Refusal::Password))?;
        let signed: [&[u8]; 3] = [self.messages.as_bytes(), b",", last.without_proof.as_bytes()];
        let client_signature = hmac(&*self.verifier.stored_key, &signed);
        let client_key = xor(&last.proof, &client_signature);
        let proven = bool::from(digest(&*client_key).ct_eq(&*self.verifier.stored_key));
        let fits = last.binding == self.binding && last.nonce == self.nonce;
        let owner = self.owner.clone().map_err(refused)?;
        if !(proven && fits) {
            return Err(refused(Refusal::Password));
        }
        let account = auth.account(owner).map_err(refused)?;
        let server_signature = hmac(&*self.verifier.server_key, &signed);
        Ok((format!("v={}", STANDARD.encode(*server_signature)).into(), account))
    }
}

/// The verifier that the exchange is played with: the user's own, one made of their password, or one that nothing fits.
fn verifier(user: &UserName, evidence: Evidence, key: &Key) -> (Verifier, Result<Owner, Refusal>) {
    let Evidence { secret, owner } = evidence;
    let salt = |octets| salt(user, octets, key);
    match (secret, owner) {
        (Some(Secret::Plain(password)), owner) => {
            (Verifier::derive(&password, &salt(SALT), LEAST_ITERATIONS), owner)
        }
        (Some(Secret::Scram(text)), owner) => match (Verifier::parse(&text), owner) {
            (Some(own), Ok(owner)) => (own, Ok(owner)),
            (Some(like), Err(why)) => (Verifier { salt: salt(like.salt.len()).into(), ..like }, Err(why)),
            (None, owner) => (nobodys(salt(SALT)), owner.and(Err(Refusal::Password))),
        },
        // Of a hash, no verifier can be made.
        (Some(Secret::Crypt(_) | Secret::Argon2(_)) | None, owner) => {
            (nobodys(salt(SALT)), owner.and(Err(Refusal::Password)))
        }
    }
}

/// A verifier that no password fits, since nothing is known whose digest it would be.
fn nobodys(salt: Vec<u8>) -> Verifier {
    let none = || Octets::default();
    Verifier { iterations: LEAST_ITERATIONS, salt: salt.into(), stored_key: none(), server_key: none() }
}

/// A salt that is always the same for a user, for as long as this server runs, and that nobody can foretell.
fn salt(user: &UserName, octets: usize, key: &Key) -> Vec<u8> {
    let block = |nth: u8| key.mac(&[b"SCRAM", user.as_str().as_bytes(), &[nth]]);
    (0..=u8::MAX).flat_map(block).take(octets).collect()
}

fn xor(one: &Octets, other: &Octets) -> Octets {
    let mut result = Zeroizing::new(**one);
    result.iter_mut().zip(other.iter()).for_each(|(octet, other)| *octet ^= other);
    result
}
