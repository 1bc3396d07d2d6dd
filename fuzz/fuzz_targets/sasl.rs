//! SASL exchanges as an auth process runs them: whatever a client answers, it is let in only as a user whose
//! secret it has shown. A model of each mechanism says which user that is. For SCRAM it is a client that
//! knows one password, and may alter its proof.
//!
//! Input: the mechanism, an octet of switches, which octet of a last message is altered and how; then the
//! responses, one per line.
#![no_main]

use auth::Authenticator;
use auth::sasl::{BadToken, SaslClient, SaslExchange, SaslProgress, TokenCheck};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{AuthType, Config};
use fuzz::{Input, Place};
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;
use vocabulary::SaslMechanism;

use SaslMechanism::{External, Login, OauthBearer, Plain, ScramSha256, ScramSha256Plus, Xoauth2};

const ALL: [SaslMechanism; 7] = [Plain, Login, ScramSha256, ScramSha256Plus, External, OauthBearer, Xoauth2];

/// The first response comes with AUTH.
const INITIAL: u8 = 1;
/// The client has a certificate, of bob.
const CERTIFICATE: u8 = 2;
/// The connection has a channel binding.
const BINDING: u8 = 4;
/// The client of SCRAM does what it should from the second message on.
const KNOWING: u8 = 8;

const PASSWORDS: [(&str, &str); 2] = [("alice", "open sesame"), ("bob", "secret")];
const SALT: &[u8] = b"a salt for alice";
const ITERATIONS: u32 = 4096;
const BOUND: [u8; 32] = [7; 32];

/// Alice's password, salted.
static SALTED: LazyLock<[u8; 32]> =
    LazyLock::new(|| pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(PASSWORDS[0].1.as_bytes(), SALT, ITERATIONS));

thread_local! {
    static AUTH: RefCell<Authenticator> = RefCell::new(authenticator());
}

/// The token `good-NAME` stands for NAME.
struct Tokens;

impl TokenCheck for Tokens {
    fn check(&mut self, token: &[u8]) -> Result<String, BadToken> {
        let name = token.strip_prefix(b"good-").ok_or(BadToken::Refused)?;
        String::from_utf8(name.to_vec()).map_err(|_| BadToken::Refused)
    }
}

fn authenticator() -> Authenticator {
    let place = Place::new();
    let userlist = place.path("users");
    let stored = digest(&hmac(&*SALTED, b"Client Key"));
    let server = hmac(&*SALTED, b"Server Key");
    let [salt, stored, server] = [SALT, &stored, &server].map(|octets| STANDARD.encode(octets));
    let text = format!(
        "alice:{{SCRAM-SHA-256}}{ITERATIONS},{salt},{stored},{server}:1000:1000:/home/alice\n\
         bob:{{PLAIN}}secret:1001:1001:/home/bob\ncarol:!{{PLAIN}}secret:1002:1002:/home/carol\n"
    );
    fs::write(&userlist, text).expect("a user list");
    fs::set_permissions(&userlist, Permissions::from_mode(0o600)).expect("a user list");
    // It is read again when it changes: it stays as long as this process.
    std::mem::forget(place);
    // Names and passwords are octets to the model, not letters that keyboards compose.
    let mut config = Config { auth_type: AuthType::List, userlist, utf8: false, ..Config::default() };
    config.sasl_mechanisms = ALL.to_vec();
    config.tls.client_ca = Some("/etc/ca.pem".into());
    let mut auth = Authenticator::new(&config).expect("a complete configuration");
    auth.check_tokens_with(Box::new(Tokens));
    auth
}

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: &[mechanism, switches, at, how], content }) = Input::new(data, 4) else {
        return;
    };
    let mechanism = ALL[usize::from(mechanism) % ALL.len()];
    let client = SaslClient {
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        channel_binding: (switches & BINDING != 0).then(|| BOUND.into()),
        certificate: (switches & CERTIFICATE != 0).then(|| (*b"bob").into()),
    };
    let responses: Vec<&[u8]> = content.split(|octet| *octet == b'\n').collect();
    AUTH.with_borrow_mut(|auth| {
        let scram = matches!(mechanism, ScramSha256 | ScramSha256Plus);
        if scram && switches & KNOWING != 0 {
            knowing(mechanism, responses[0], client, (at, how), auth);
        } else {
            guessing(mechanism, switches, &responses, client, auth);
        }
    });
});

fn guessing(
    mechanism: SaslMechanism,
    switches: u8,
    responses: &[&[u8]],
    client: SaslClient,
    auth: &mut Authenticator,
) {
    let mut left = responses.iter();
    let initial = if switches & INITIAL != 0 { left.next().copied() } else { None };
    let mut progress = SaslExchange::begin(mechanism, initial, client, auth);
    for round in 0.. {
        assert!(round < 5, "no exchange is that long");
        progress = match progress {
            SaslProgress::Challenge(challenge, exchange) => {
                assert!(challenge.len() < 4096);
                let Some(response) = left.next() else { return };
                exchange.answer(response, auth)
            }
            SaslProgress::Done(account) => {
                let said = &responses[..responses.len() - left.len()];
                assert_eq!(shown(mechanism, switches, said), Some(account.user.as_str()));
                return;
            }
            SaslProgress::Refused(refused) => {
                assert!(refused.user.len() <= 255);
                let said = &responses[..responses.len() - left.len()];
                if !matches!(mechanism, OauthBearer | Xoauth2) {
                    assert_eq!(shown(mechanism, switches, said), None);
                }
                return;
            }
        };
    }
}

/// Whose secret these responses show.
fn shown(mechanism: SaslMechanism, switches: u8, said: &[&[u8]]) -> Option<&'static str> {
    let known = |name: &[u8], password: &[u8]| {
        let user =
            PASSWORDS.iter().find(|(user, right)| user.as_bytes() == name && right.as_bytes() == password);
        user.map(|(user, _)| *user)
    };
    match (mechanism, said) {
        (Plain, [message]) => match message.split(|octet| *octet == 0).collect::<Vec<_>>()[..] {
            [b"", user, password] => known(user, password),
            [acts_as, user, password] if acts_as == user => known(user, password),
            _ => None,
        },
        (Login, [user, password]) => known(user, password),
        (External, [b"" | b"bob"]) if switches & CERTIFICATE != 0 => Some("bob"),
        (OauthBearer | Xoauth2, [message]) => ["alice", "bob"].into_iter().find(|user| bears(message, user)),
        _ => None,
    }
}

/// Whether a message has a token of this user and names no other user.
fn bears(message: &[u8], user: &str) -> bool {
    let text = String::from_utf8_lossy(message);
    let mut pairs = text.split('\u{1}');
    let named = pairs.next().unwrap_or_default();
    let named = named.strip_prefix("user=").unwrap_or(named.trim_start_matches(['n', 'y', ',']));
    let itself = named.is_empty() || named == user || named == format!("a={user},");
    let value = pairs.find_map(|pair| pair.strip_prefix("auth=")).unwrap_or_default();
    let token = value.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    itself && token.is_some_and(|(_, token)| token.trim_start() == format!("good-{user}"))
}

/// A client that knows alice's password, and sends `first`.
fn knowing(
    mechanism: SaslMechanism,
    first: &[u8],
    client: SaslClient,
    (at, how): (u8, u8),
    auth: &mut Authenticator,
) {
    let bound = client.channel_binding.clone().filter(|_| first.starts_with(b"p=")).unwrap_or_default();
    let binding = client.channel_binding.is_some();
    let well_formed = match mechanism {
        ScramSha256 => first == b"n,,n=alice,r=x" || first == b"y,,n=alice,r=x" && !binding,
        _ => first == b"p=tls-exporter,,n=alice,r=x" && binding,
    };
    let SaslProgress::Challenge(challenge, exchange) =
        SaslExchange::begin(mechanism, Some(first), client, auth)
    else {
        assert!(!well_formed);
        return;
    };
    let text = String::from_utf8(first.to_vec()).expect("what was taken is text");
    let challenge = String::from_utf8(challenge).expect("a challenge is text");
    let bare = text.splitn(3, ',').nth(2).expect("what was taken has a second part");
    let header = text.strip_suffix(bare).expect("it is its end");
    let mut parts = challenge.split(',');
    let nonce = parts.next().and_then(|part| part.strip_prefix("r=")).expect("a nonce");
    let salt = parts.next().and_then(|part| part.strip_prefix("s=")).expect("a salt");
    let iterations = parts.next().and_then(|part| part.strip_prefix("i=")).expect("a number");
    assert_eq!(iterations, "4096", "nobody can tell who is known");
    assert!(nonce.len() >= 24 && parts.next().is_none());

    let without_proof = format!("c={},r={nonce}", STANDARD.encode([header.as_bytes(), &*bound].concat()));
    let signed = format!("{bare},{challenge},{without_proof}");
    let client_key = hmac(&*SALTED, b"Client Key");
    let signature = hmac(&digest(&client_key), signed.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, octet)| key ^ octet).collect();
    let mut last = format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes();
    if how != 0 {
        let at = usize::from(at) % last.len();
        last[at] ^= how;
    }

    match exchange.answer(&last, auth) {
        SaslProgress::Challenge(challenge, exchange) => {
            assert_eq!(how, 0, "it was altered");
            assert_eq!(salt, STANDARD.encode(SALT), "it is alice");
            let server = hmac(&hmac(&*SALTED, b"Server Key"), signed.as_bytes());
            assert_eq!(challenge, format!("v={}", STANDARD.encode(server)).into_bytes());
            match exchange.answer(b"", auth) {
                SaslProgress::Done(account) => assert_eq!(account.user.as_str(), "alice"),
                other => panic!("{other:?}"),
            }
        }
        SaslProgress::Done(_) => panic!("the server has not shown yet that it knows the password"),
        SaslProgress::Refused(_) => assert!(how != 0 || !well_formed, "{text}"),
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn digest(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}
