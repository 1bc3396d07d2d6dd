//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): both sides prove that they know the password,
//! and the client never sends it.
//!
//! A user who is unknown or locked, or whose password SCRAM cannot use, gets the same messages as any other:
//! a salt that is always the same for that name, the iterations that a comparable user has, and a refusal
//! only at the end.

mod message;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use vocabulary::LoginFailure;
use zeroize::Zeroizing;

use self::message::{ClientBinding, ClientFinal, ClientFirst};
use super::client::SaslClient;
use super::refusal::SaslRefusal;
use crate::account::Account;
use crate::authenticator::{Authenticator, StoredCredentials};
use crate::login_error::LoginError;
use crate::mac_key::MacKey;
use crate::name::UserName;
use crate::password::StoredSecret;
use crate::scram_verifier::{LEAST_ITERATIONS, ScramVerifier, Sha256Octets, digest, hmac};
use crate::userdb::Owner;

/// The only supported type of channel binding (RFC 9266): it works with TLS 1.3.
const TLS_EXPORTER: &str = "tls-exporter";
/// The length of a salt made here, in octets.
const SALT: usize = 16;
/// The length of the server's nonce, in octets before base64.
const NONCE: usize = 18;

/// What is kept between the client's first message and its last.
pub(super) struct ScramState {
    user: UserName,
    /// The owner of the mail, or why the exchange cannot succeed.
    owner: Result<Owner, LoginError>,
    verifier: ScramVerifier,
    /// What the client must say about channel binding, in base64.
    binding: String,
    /// The client's nonce followed by the server's.
    nonce: String,
    /// The messages so far, in the form that is signed.
    messages: String,
}

/// Takes the client's first message and returns the answer to it.
pub(super) fn first(
    message: &[u8],
    plus: bool,
    client: &SaslClient,
    auth: &mut Authenticator,
) -> Result<(Vec<u8>, ScramState), SaslRefusal> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|error| {
        SaslRefusal::unnamed(LoginError::temporary(format!("no random numbers: {error}")))
    })?;
    first_with(&STANDARD.encode(nonce), message, plus, client, auth)
}

fn first_with(
    nonce: &str,
    message: &[u8],
    plus: bool,
    client: &SaslClient,
    auth: &mut Authenticator,
) -> Result<(Vec<u8>, ScramState), SaslRefusal> {
    let Some(first) = ClientFirst::parse(message) else {
        return Err(SaslRefusal::unnamed(LoginFailure::UnknownUser));
    };
    let refused = |failure: LoginFailure| SaslRefusal::new(first.user.as_bytes(), failure);
    let bound = match (plus, &first.binding, &client.channel_binding) {
        (false, ClientBinding::Unsupported, _) | (false, ClientBinding::NotOffered, None) => &[][..],
        (true, ClientBinding::Used(TLS_EXPORTER), Some(octets)) => octets,
        // The client believes that -PLUS is not offered, but it is: somebody in between has changed the list.
        (false, ClientBinding::NotOffered, Some(_)) => return Err(refused(LoginFailure::Password)),
        (false, ClientBinding::Used(_), _) | (true, _, _) => return Err(refused(LoginFailure::Password)),
    };
    if first.acts_as.as_ref().is_some_and(|acts_as| *acts_as != first.user) {
        return Err(refused(LoginFailure::Password));
    }
    // No user can have an invalid name, so the quick answer reveals nothing.
    let prepared = stringprep::saslprep(&first.user).map_err(|_| refused(LoginFailure::UnknownUser))?;
    let user = UserName::try_from(prepared.as_bytes()).map_err(|_| refused(LoginFailure::UnknownUser))?;
    let credentials = auth
        .credentials(&user, client.peer)
        .map_err(|error| SaslRefusal::new(first.user.as_bytes(), error))?;
    let (verifier, owner) = verifier(&user, credentials, auth.key());

    let binding = STANDARD.encode([first.gs2_header.as_bytes(), bound].concat());
    let nonce = format!("{}{nonce}", first.nonce);
    let answer = format!("r={nonce},s={},i={}", verifier.salt_text(), verifier.iterations);
    let messages = format!("{},{answer}", first.bare);
    Ok((answer.into(), ScramState { user, owner, verifier, binding, nonce, messages }))
}

impl ScramState {
    /// Takes the client's last message. Returns the last answer, which proves to the client that this server
    /// knows the password.
    pub(super) fn finish(
        self,
        message: &[u8],
        auth: &mut Authenticator,
    ) -> Result<(Vec<u8>, Account), SaslRefusal> {
        let refused = |error: LoginError| SaslRefusal::new(self.user.as_str().as_bytes(), error);
        let last = ClientFinal::parse(message).ok_or_else(|| refused(LoginFailure::Password.into()))?;
        let signed: [&[u8]; 3] = [self.messages.as_bytes(), b",", last.without_proof.as_bytes()];
        let client_signature = hmac(&*self.verifier.stored_key, &signed);
        let client_key = xor(&last.proof, &client_signature);
        let proven = bool::from(digest(&*client_key).ct_eq(&*self.verifier.stored_key));
        let fits = last.binding == self.binding && last.nonce == self.nonce;
        let owner = self.owner.clone().map_err(refused)?;
        if !(proven && fits) {
            return Err(refused(LoginFailure::Password.into()));
        }
        let account = auth.account(owner).map_err(refused)?;
        let server_signature = hmac(&*self.verifier.server_key, &signed);
        Ok((format!("v={}", STANDARD.encode(*server_signature)).into(), account))
    }
}

/// The verifier for the exchange: the user's own, one derived from their password, or one that no password
/// fits.
fn verifier(
    user: &UserName,
    credentials: StoredCredentials,
    key: &MacKey,
) -> (ScramVerifier, Result<Owner, LoginError>) {
    let StoredCredentials { secret, owner } = credentials;
    let salt = |octets| salt(user, octets, key);
    let wrong_password = || Err(LoginFailure::Password.into());
    match (secret, owner) {
        (Some(StoredSecret::Plain(password)), owner) => {
            (ScramVerifier::derive(&password, &salt(SALT), LEAST_ITERATIONS), owner)
        }
        (Some(StoredSecret::Scram(text)), owner) => match (ScramVerifier::parse(&text), owner) {
            (Some(own), Ok(owner)) => (own, Ok(owner)),
            (Some(like), Err(error)) => {
                (ScramVerifier { salt: salt(like.salt.len()).into(), ..like }, Err(error))
            }
            (None, owner) => (nobodys(salt(SALT)), owner.and(wrong_password())),
        },
        // No verifier can be derived from a hash.
        (Some(StoredSecret::Crypt(_) | StoredSecret::Argon2(_)) | None, owner) => {
            (nobodys(salt(SALT)), owner.and(wrong_password()))
        }
    }
}

/// A verifier that no password fits: its stored key is not the digest of any known key.
fn nobodys(salt: Vec<u8>) -> ScramVerifier {
    let none = || Sha256Octets::default();
    ScramVerifier { iterations: LEAST_ITERATIONS, salt: salt.into(), stored_key: none(), server_key: none() }
}

/// A salt of this length, in octets: unpredictable, and constant for a user for as long as this server runs.
fn salt(user: &UserName, octets: usize, key: &MacKey) -> Vec<u8> {
    let block = |nth: u8| key.mac(&[b"SCRAM", user.as_str().as_bytes(), &[nth]]);
    (0..=u8::MAX).flat_map(block).take(octets).collect()
}

fn xor(one: &Sha256Octets, other: &Sha256Octets) -> Sha256Octets {
    let mut result = Zeroizing::new(**one);
    result.iter_mut().zip(other.iter()).for_each(|(octet, other)| *octet ^= other);
    result
}
