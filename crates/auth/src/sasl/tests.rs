//! Whole exchanges, as an auth process has them.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;

use config::{AuthType, Config};
use proptest::prelude::*;
use tempfile::TempDir;
use vocabulary::{LoginFailure, SaslMechanism};

use super::{BadToken, MOST_RESPONSE, SaslClient, SaslExchange, SaslProgress, SaslRefusal, TokenCheck};
use crate::authenticator::Authenticator;
use crate::login_error::LoginError;

use SaslMechanism::*;

pub(super) const ALL: [SaslMechanism; 7] =
    [Plain, Login, ScramSha256, ScramSha256Plus, External, OauthBearer, Xoauth2];

/// What the channel binding of a connection may be.
pub(super) const BOUND: [u8; 32] = [7; 32];

/// Accepts the token `good-NAME` for NAME, in which `~` stands for `@`.
struct Tokens;

impl TokenCheck for Tokens {
    fn check(&mut self, token: &[u8]) -> Result<String, BadToken> {
        let token = String::from_utf8(token.to_vec()).unwrap();
        match token.strip_prefix("good-") {
            Some(name) => Ok(name.replace('~', "@")),
            None if token == "down" => Err(BadToken::Temporary("the server is down".to_owned())),
            None => Err(BadToken::Refused),
        }
    }

    fn scope(&self) -> &str {
        "mail"
    }
}

/// An authenticator for these users that serves all mechanisms.
pub(super) fn authenticator(users: &str) -> (TempDir, Authenticator) {
    let folder = tempfile::tempdir().unwrap();
    let userlist = folder.path().join("users");
    std::fs::write(&userlist, users).unwrap();
    std::fs::set_permissions(&userlist, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut config = Config { auth_type: AuthType::List, userlist, ..Config::default() };
    config.sasl_mechanisms = ALL.to_vec();
    config.tls.client_ca = Some("/etc/ca.pem".into());
    let mut auth = Authenticator::new(&config).unwrap();
    auth.check_tokens_with(Box::new(Tokens));
    (folder, auth)
}

pub(super) fn client() -> SaslClient {
    SaslClient { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), channel_binding: None, certificate: None }
}

/// Plays an exchange with these responses: returns the challenges, and who is let in.
fn talk(
    auth: &mut Authenticator,
    mechanism: SaslMechanism,
    initial: Option<&[u8]>,
    responses: &[&[u8]],
    client: SaslClient,
) -> (Vec<String>, Result<String, SaslRefusal>) {
    let mut challenges = Vec::new();
    let mut responses = responses.iter();
    let mut progress = SaslExchange::begin(mechanism, initial, client, auth);
    loop {
        match progress {
            SaslProgress::Challenge(challenge, exchange) => {
                challenges.push(String::from_utf8(challenge).unwrap());
                let response = responses.next().expect("there is no response to this challenge");
                progress = exchange.answer(response, auth);
            }
            SaslProgress::Done(account) => return (challenges, Ok(account.user.to_string())),
            SaslProgress::Refused(refused) => return (challenges, Err(refused)),
        }
    }
}

fn refused<T>(user: &str, error: impl Into<LoginError>) -> Result<T, SaslRefusal> {
    Err(SaslRefusal { user: user.as_bytes().to_vec(), error: error.into() })
}

#[test]
fn plain_works_in_one_step_and_in_two() {
    let (_folder, mut auth) = authenticator("tim:{PLAIN}tanstaaftanstaaf:7\n\u{fc}:{PLAIN}a b\u{fc}:7\n");
    // The last user, as another keyboard composes the name.
    let composed = "\0u\u{308}\0\u{aa}\u{a0}bu\u{308}";
    for message in ["\0tim\0tanstaaftanstaaf", "tim\0tim\0tanstaaftanstaaf", composed] {
        let message = message.as_bytes();
        let (challenges, one) = talk(&mut auth, Plain, Some(message), &[], client());
        let (empty, two) = talk(&mut auth, Plain, None, &[message], client());
        assert_eq!((one.is_ok(), &one, challenges.len(), empty), (true, &two, 0, vec![String::new()]));
    }
}

#[test]
fn plain_is_refused_for_somebody_else_and_when_it_is_malformed() {
    let (_folder, mut auth) = authenticator("Kurt:{PLAIN}xipj3plmq:7\nUrsel:{PLAIN}x:7\n");
    for (message, user, why) in [
        // RFC 4616, section 4: Kurt wants to act as Ursel.
        ("Ursel\0Kurt\0xipj3plmq", "Kurt", LoginFailure::Password),
        ("\0Kurt\0wrong", "Kurt", LoginFailure::Password),
        ("\0Kurt\0", "Kurt", LoginFailure::Password),
        ("\0kurt\0xipj3plmq", "kurt", LoginFailure::UnknownUser),
        ("\0\0xipj3plmq", "", LoginFailure::UnknownUser),
        ("\0../Kurt\0xipj3plmq", "../Kurt", LoginFailure::UnknownUser),
        ("", "", LoginFailure::UnknownUser),
        ("Kurt", "", LoginFailure::UnknownUser),
        ("Kurt\0xipj3plmq", "", LoginFailure::UnknownUser),
        ("\0Kurt\0xipj3plmq\0", "", LoginFailure::UnknownUser),
    ] {
        let (_, verdict) = talk(&mut auth, Plain, Some(message.as_bytes()), &[], client());
        assert_eq!(verdict, refused(user, why), "{message:?}");
    }
}

#[test]
fn login_asks_twice_or_takes_the_name_at_once() {
    let (_folder, mut auth) = authenticator("a:{PLAIN}x y:7\n");
    let (challenges, verdict) = talk(&mut auth, Login, None, &[b"a", b"x y"], client());
    assert_eq!(
        (challenges, verdict),
        (vec!["Username:".to_owned(), "Password:".to_owned()], Ok("a".to_owned()))
    );
    let (challenges, verdict) = talk(&mut auth, Login, Some(b"a"), &[b"x y"], client());
    assert_eq!((challenges, verdict), (vec!["Password:".to_owned()], Ok("a".to_owned())));
    let (_, verdict) = talk(&mut auth, Login, None, &[b"a", b"x"], client());
    assert_eq!(verdict, refused("a", LoginFailure::Password));
    let (_, verdict) = talk(&mut auth, Login, None, &[b"", b""], client());
    assert_eq!(verdict, refused("", LoginFailure::UnknownUser));
    let (_, verdict) = talk(&mut auth, Login, Some(&[b'n'; 5000]), &[b"x y"], client());
    assert_eq!(
        verdict,
        refused(&"n".repeat(255), LoginFailure::UnknownUser),
        "what is kept of a name is bounded"
    );
}

#[test]
fn external_is_whom_the_certificate_names_and_nobody_else() {
    let (_folder, mut auth) = authenticator("a:{PLAIN}x:7\nb:{PLAIN}x:7\nlocked:!:7\n");
    let named = |name: &str| SaslClient { certificate: Some(name.as_bytes().into()), ..client() };
    for (certificate, response, verdict) in [
        ("a", "", Ok("a".to_owned())),
        ("a", "a", Ok("a".to_owned())),
        ("a", "b", refused("a", LoginFailure::Password)),
        ("nobody", "", refused("nobody", LoginFailure::UnknownUser)),
        ("../a", "", refused("../a", LoginFailure::UnknownUser)),
        ("", "", refused("", LoginFailure::UnknownUser)),
        ("locked", "", refused("locked", LoginFailure::Disabled)),
    ] {
        let response = response.as_bytes();
        let (_, one) = talk(&mut auth, External, Some(response), &[], named(certificate));
        let (_, two) = talk(&mut auth, External, None, &[response], named(certificate));
        assert_eq!((&one, &two), (&verdict, &verdict), "{certificate} {response:?}");
    }
    let (_, verdict) = talk(&mut auth, External, Some(b"a"), &[], client());
    assert_eq!(verdict, refused("a", LoginFailure::Password), "there is no certificate");
}

#[test]
fn a_good_token_lets_in_whom_it_stands_for() {
    let (_folder, mut auth) = authenticator("a@h:{PLAIN}x:7\nb:{PLAIN}x:7\n");
    for (mechanism, message, user) in [
        (OauthBearer, "n,a=a@h,\x01host=h\x01port=110\x01auth=Bearer good-a~h\x01\x01", "a@h"),
        (OauthBearer, "n,,\x01auth=Bearer good-b\x01\x01", "b"),
        (Xoauth2, "user=b\x01auth=Bearer good-b\x01\x01", "b"),
        (Xoauth2, "user=\x01auth=Bearer good-a~h\x01\x01", "a@h"),
    ] {
        let (challenges, one) = talk(&mut auth, mechanism, Some(message.as_bytes()), &[], client());
        assert_eq!((challenges, one.as_deref()), (vec![], Ok(user)));
        let (challenges, two) = talk(&mut auth, mechanism, None, &[message.as_bytes()], client());
        assert_eq!((challenges, two.as_deref()), (vec![String::new()], Ok(user)), "the two-step form");
    }
}

#[test]
fn a_token_is_for_nobody_else_and_its_faults_are_told() {
    let (_folder, mut auth) = authenticator("a:{PLAIN}x:7\nlocked:!:7\n");
    let mut say = |mechanism, message: &str, then: &[&[u8]]| {
        talk(&mut auth, mechanism, Some(message.as_bytes()), then, client())
    };
    let told = r#"{"status":"invalid_token","schemes":"bearer","scope":"mail"}"#;
    for end in [&b"\x01"[..], b"", b"anything"] {
        let (challenges, verdict) = say(OauthBearer, "n,a=a,\x01auth=Bearer bad\x01\x01", &[end]);
        assert_eq!((challenges, verdict), (vec![told.to_owned()], refused("a", LoginFailure::Password)));
        let (challenges, verdict) = say(OauthBearer, "n,a=a,\x01auth=\x01\x01", &[end]);
        assert_eq!((challenges, verdict), (vec![told.to_owned()], refused("a", LoginFailure::Password)));
    }
    let (challenges, verdict) = say(Xoauth2, "user=a\x01auth=Bearer bad\x01\x01", &[b""]);
    assert_eq!(challenges, [r#"{"status":"400","schemes":"bearer","scope":"mail"}"#]);
    assert_eq!(verdict, refused("a", LoginFailure::Password));

    for (message, user, why) in [
        ("user=b\x01auth=Bearer good-a\x01\x01", "b", LoginFailure::Password.into()),
        ("user=a\x01auth=Bearer good-nobody\x01\x01", "a", LoginFailure::Password.into()),
        ("user=nobody\x01auth=Bearer good-nobody\x01\x01", "nobody", LoginFailure::UnknownUser.into()),
        ("user=\x01auth=Bearer good-locked\x01\x01", "locked", LoginFailure::Disabled.into()),
        ("user=\x01auth=Bearer good-../a\x01\x01", "../a", LoginFailure::UnknownUser.into()),
        ("user=a\x01auth=Bearer down\x01\x01", "a", LoginError::temporary("the server is down")),
        ("user=a\x01auth=Basic good-a\x01\x01", "", LoginFailure::UnknownUser.into()),
    ] {
        let (challenges, verdict) = say(Xoauth2, message, &[]);
        assert_eq!((challenges, verdict), (vec![], refused(user, why)), "{message:?}");
    }
}

#[test]
fn what_is_not_served_cannot_be_begun() {
    let (folder, _) = authenticator("a:{PLAIN}x:7\n");
    let with = |mechanisms: &[SaslMechanism], certificates: bool, tokens: bool| {
        let userlist = folder.path().join("users");
        let mut config = Config { auth_type: AuthType::List, userlist, ..Config::default() };
        config.sasl_mechanisms = mechanisms.to_vec();
        config.tls.client_ca = certificates.then(|| "/etc/ca.pem".into());
        let mut auth = Authenticator::new(&config).unwrap();
        if tokens {
            auth.check_tokens_with(Box::new(Tokens));
        }
        auth
    };
    let begins = |auth: &mut Authenticator| {
        let begun = |mechanism: &SaslMechanism| {
            matches!(SaslExchange::begin(*mechanism, None, client(), auth), SaslProgress::Challenge(..))
        };
        ALL.into_iter().filter(begun).collect::<Vec<_>>()
    };
    assert_eq!(begins(&mut with(&ALL, true, true)), ALL);
    assert_eq!(begins(&mut with(&ALL, false, false)), [Plain, Login, ScramSha256, ScramSha256Plus]);
    assert_eq!(begins(&mut with(&[Plain, External], true, true)), [Plain, External]);
    assert_eq!(begins(&mut with(&[], true, true)), []);
    let why = match SaslExchange::begin(Login, None, client(), &mut with(&[Plain], false, false)) {
        SaslProgress::Refused(SaslRefusal { error, .. }) => error.detail().unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    assert!(why.starts_with("LOGIN is not among sasl_mechanisms"), "{why}");
}

#[test]
fn responses_of_nine_kilobytes_are_judged_and_longer_ones_are_not() {
    let long = "x".repeat(MOST_RESPONSE - 3);
    let (_folder, mut auth) = authenticator("a:{PLAIN}x:7\n");
    // Lines of user lists are shorter than that, so no user has such a password.
    let message = format!("\0a\0{long}");
    let (_, verdict) = talk(&mut auth, Plain, Some(message.as_bytes()), &[], client());
    assert_eq!(verdict, refused("a", LoginFailure::Password));
    let message = format!("\0a\0{long}x");
    let (_, verdict) = talk(&mut auth, Plain, Some(message.as_bytes()), &[], client());
    assert_eq!(verdict, refused("", LoginFailure::UnknownUser));
    let token = "t".repeat(MOST_RESPONSE - "n,,\x01auth=Bearer \x01\x01".len());
    let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
    let (challenges, _) = talk(&mut auth, OauthBearer, Some(message.as_bytes()), &[b"\x01"], client());
    assert!(challenges[0].contains("invalid_token"), "it was checked");
}

#[test]
fn debug_output_has_no_secret() {
    let (_folder, mut auth) = authenticator("alice:{PLAIN}hunter2:7\n");
    let begun = SaslExchange::begin(Login, Some(b"alice"), client(), &mut auth);
    let first = SaslExchange::begin(ScramSha256, Some(b"n,,n=alice,r=x"), client(), &mut auth);
    let SaslProgress::Challenge(_, exchange) = first else { panic!("{first:?}") };
    let shown = format!("{begun:?} {exchange:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("alice"), "{shown}");
    assert_eq!(format!("{exchange:?}"), "Exchange");
}

#[test]
fn an_exchange_is_small() {
    let octets = std::mem::size_of::<SaslExchange>();
    assert!(octets <= 192, "{octets} octets beside what it points to");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a client sends, an exchange ends after a few steps, nobody is let in, and nothing panics.
    #[test]
    fn garbage_lets_nobody_in(
        mechanism in prop::sample::select(ALL.to_vec()),
        has_initial in any::<bool>(),
        responses in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[np=y,a\\x00\\x01=usrce\\-x]{0,20}".prop_map(String::into_bytes),
            "(n,,|y,,|p=tls-exporter,,)n=(a|b|),r=[a-z]{0,4}".prop_map(String::into_bytes),
            "c=biws,r=[!-~]{0,9},p=[A-Za-z0-9+/]{43}=".prop_map(String::into_bytes),
            "(user=a|n,,|n,a=a,)\\x01auth=Bearer [a-z=]{0,4}\\x01\\x01".prop_map(String::into_bytes),
        ], 5),
        bound in any::<bool>(),
    ) {
        let (_folder, mut auth) = authenticator("a:{PLAIN}a long password:7\nb:$6$s$h:7\n");
        let client = SaslClient { channel_binding: bound.then(|| BOUND.into()), ..client() };
        let initial = has_initial.then(|| responses[0].as_slice());
        let mut rest = responses.iter().skip(usize::from(has_initial));
        let mut progress = SaslExchange::begin(mechanism, initial, client, &mut auth);
        loop {
            match progress {
                SaslProgress::Challenge(_, exchange) => {
                    let response = rest.next();
                    prop_assert!(response.is_some(), "more than four steps");
                    progress = exchange.answer(response.unwrap(), &mut auth);
                }
                SaslProgress::Done(account) => return Err(TestCaseError::fail(format!("{account:?} was let in"))),
                SaslProgress::Refused(refused) => {
                    prop_assert!(refused.user.len() <= 255);
                    break;
                }
            }
        }
    }
}
