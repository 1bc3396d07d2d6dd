//! SCRAM against the example of RFC 7677, and against a client that does what the RFC says.

use std::collections::BTreeSet;

use vocabulary::{LoginFailure, SaslMechanism};

use super::super::tests::{BOUND, authenticator, client};
use super::*;
use crate::scram_verifier::salted;

/// The password is "pencil"; from RFC 7677, section 3.
const PENCIL: &str = "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,\
    wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// A client of one exchange.
struct Player {
    gs2_header: &'static str,
    /// The channel binding.
    bound: Vec<u8>,
    bare: String,
    password: &'static str,
}

impl Player {
    fn new(user: &str, password: &'static str) -> Self {
        Self { gs2_header: "n,,", bound: Vec::new(), bare: format!("n={user},r=fyko+d2l"), password }
    }

    fn first(&self) -> Vec<u8> {
        [self.gs2_header, &self.bare].concat().into()
    }

    /// The last message, and the answer of a server that knows the password.
    fn last(&self, server_first: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let server_first = str::from_utf8(server_first).unwrap();
        let [nonce, salt, iterations] = fields(server_first);
        let salted =
            salted(self.password.as_bytes(), &STANDARD.decode(salt).unwrap(), iterations.parse().unwrap());
        let binding = STANDARD.encode([self.gs2_header.as_bytes(), &self.bound].concat());
        let without_proof = format!("c={binding},r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.bare);
        let client_key = hmac(&*salted, &[b"Client Key"]);
        let proof = xor(&client_key, &hmac(&*digest(&*client_key), &[signed.as_bytes()]));
        let answer = hmac(&*hmac(&*salted, &[b"Server Key"]), &[signed.as_bytes()]);
        let last = format!("{without_proof},p={}", STANDARD.encode(*proof));
        (last.into(), format!("v={}", STANDARD.encode(*answer)).into())
    }

    /// Plays it to the end.
    fn play(&self, plus: bool, client: &SaslClient, auth: &mut Authenticator) -> Result<String, SaslRefusal> {
        let (answer, next) = first(&self.first(), plus, client, auth)?;
        let (message, expected) = self.last(&answer);
        let (answer, account) = next.finish(&message, auth)?;
        assert_eq!(answer, expected, "the client would not believe this server");
        Ok(account.user.to_string())
    }
}

/// Nonce, salt and iterations in a server's first message.
fn fields(server_first: &str) -> [&str; 3] {
    let mut fields = server_first.split(',');
    ["r=", "s=", "i="].map(|name| fields.next().unwrap().strip_prefix(name).unwrap())
}

fn bound() -> SaslClient {
    SaslClient { channel_binding: Some(BOUND.into()), ..client() }
}

fn refused(user: &str, failure: LoginFailure) -> Result<String, SaslRefusal> {
    Err(SaslRefusal { user: user.as_bytes().to_vec(), error: failure.into() })
}

#[test]
fn the_example_of_rfc_7677() {
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\n"));
    let server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let client_first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    let (answer, next) = first_with(server_nonce, client_first, false, &client(), &mut auth).unwrap();
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let client_final = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let (answer, account) = next.finish(client_final, &mut auth).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert_eq!(account.user.as_str(), "user");
}

#[test]
fn plain_passwords_and_verifiers_can_be_proven() {
    let (_folder, mut auth) = authenticator(&format!(
        "scram:{PENCIL}:7\nplain:{{PLAIN}}pencil:7\na,b=:{{PLAIN}}I\u{ad}X:7\nü:{{PLAIN}}\u{2168}:7\n"
    ));
    for (user, password, name) in [
        ("scram", "pencil", "scram"),
        ("plain", "pencil", "plain"),
        ("a=2Cb=3D", "IX", "a,b="),
        // Both sides prepare names and passwords.
        ("u\u{308}", "IX", "ü"),
    ] {
        assert_eq!(Player::new(user, password).play(false, &client(), &mut auth).as_deref(), Ok(name));
        let wrong = Player::new(user, "wrong").play(false, &client(), &mut auth);
        assert_eq!(wrong, refused(name, LoginFailure::Password));
    }
}

#[test]
fn every_octet_of_the_last_message_counts() {
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\n"));
    let player = Player::new("user", "pencil");
    let length = {
        let (answer, _) = first(&player.first(), false, &client(), &mut auth).unwrap();
        player.last(&answer).0.len()
    };
    for place in 0..length {
        let (answer, next) = first(&player.first(), false, &client(), &mut auth).unwrap();
        let (mut message, _) = player.last(&answer);
        message[place] ^= 1;
        assert_eq!(
            next.finish(&message, &mut auth).err().unwrap().error.failure(),
            LoginFailure::Password,
            "octet {place}"
        );
    }
}

#[test]
fn a_message_of_another_exchange_is_worth_nothing() {
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\n"));
    let player = Player::new("user", "pencil");
    let (answer, next) = first(&player.first(), false, &client(), &mut auth).unwrap();
    let (seen, _) = player.last(&answer);
    assert!(next.finish(&seen, &mut auth).is_ok());
    let (_, next) = first(&player.first(), false, &client(), &mut auth).unwrap();
    assert!(next.finish(&seen, &mut auth).is_err(), "the server's nonce is another one");
}

#[test]
fn channel_binding_is_used_where_it_is_offered_and_binds() {
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\n"));
    let mut play = |gs2_header, octets: &[u8], plus, client: &SaslClient| {
        let player = Player { gs2_header, bound: octets.to_vec(), ..Player::new("user", "pencil") };
        player.play(plus, client, &mut auth)
    };
    let (ok, no) = (Ok("user".to_owned()), refused("user", LoginFailure::Password));
    assert_eq!(play("p=tls-exporter,,", &BOUND, true, &bound()), ok);
    assert_eq!(play("p=tls-exporter,,", &[8; 32], true, &bound()), no, "somebody is in between");
    assert_eq!(play("p=tls-exporter,,", &[], true, &bound()), no);
    assert_eq!(play("p=tls-exporter,,", &BOUND, true, &client()), no, "there is nothing to be bound to");
    assert_eq!(play("p=tls-unique,,", &BOUND, true, &bound()), no);
    assert_eq!(play("n,,", &[], true, &bound()), no, "-PLUS without channel binding");
    assert_eq!(play("y,,", &[], true, &bound()), no);
    assert_eq!(play("p=tls-exporter,,", &BOUND, false, &bound()), no, "channel binding without -PLUS");
    assert_eq!(play("n,,", &[], false, &bound()), ok, "a client that knows none");
    assert_eq!(play("y,,", &[], false, &client()), ok);
    assert_eq!(play("y,,", &[], false, &bound()), no, "somebody took -PLUS off the list");
}

#[test]
fn nobody_acts_as_somebody_else() {
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\nother:{PENCIL}:7\n"));
    let mut play =
        |gs2_header| Player { gs2_header, ..Player::new("user", "pencil") }.play(false, &client(), &mut auth);
    assert_eq!(play("n,a=user,"), Ok("user".to_owned()));
    assert_eq!(play("n,a=other,"), refused("user", LoginFailure::Password));
}

#[test]
fn the_last_challenge_wants_an_empty_response() {
    use super::super::{SaslExchange, SaslProgress};
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\n"));
    for (response, lets_in) in [(&b""[..], true), (b"x", false), (b"*", false)] {
        let player = Player::new("user", "pencil");
        let begun = SaslExchange::begin(SaslMechanism::ScramSha256, None, client(), &mut auth);
        let SaslProgress::Challenge(challenge, exchange) = begun else { panic!("{begun:?}") };
        assert!(challenge.is_empty());
        let SaslProgress::Challenge(answer, exchange) = exchange.answer(&player.first(), &mut auth) else {
            panic!()
        };
        let SaslProgress::Challenge(_, exchange) = exchange.answer(&player.last(&answer).0, &mut auth) else {
            panic!()
        };
        let end = exchange.answer(response, &mut auth);
        assert_eq!(matches!(end, SaslProgress::Done(_)), lets_in, "{end:?}");
    }
}

/// What an outsider sees of an exchange: the lengths of the nonces, the salt, the iterations, and when it
/// ended.
fn seen(name: &str, auth: &mut Authenticator) -> (usize, Vec<u8>, String, LoginFailure) {
    let (answer, next) = first(&Player::new(name, "").first(), false, &client(), auth).unwrap();
    let text = String::from_utf8(answer).unwrap();
    let [nonce, salt, iterations] = fields(&text);
    let guess = format!("c=biws,r={nonce},p={}", STANDARD.encode([1; 32]));
    let end = next.finish(guess.as_bytes(), auth).err().unwrap().error.failure();
    (nonce.len(), STANDARD.decode(salt).unwrap(), iterations.to_owned(), end)
}

#[test]
fn strangers_look_like_users() {
    let slow = PENCIL.replace("4096", "5000").replace("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gVud");
    let users = format!("a:{PENCIL}:7\nb:{slow}:7\nc:{{PLAIN}}x:7\nlocked:!{PENCIL}:7\n");
    let (_folder, mut auth) = authenticator(&users);
    let known: Vec<_> = ["a", "b", "c"].map(|name| seen(name, &mut auth)).into();
    let kinds = |all: &[(usize, Vec<u8>, String, LoginFailure)]| {
        all.iter().map(|(nonce, salt, i, _)| (*nonce, salt.len(), i.clone())).collect::<BTreeSet<_>>()
    };
    let names: Vec<_> = (0..200).map(|nth| format!("nobody{nth}")).chain(["locked".to_owned()]).collect();
    let strangers: Vec<_> = names.iter().map(|name| seen(name, &mut auth)).collect();
    assert_eq!(kinds(&strangers), kinds(&known), "each kind of answer that users get, and no other");
    let again: Vec<_> = names.iter().map(|name| seen(name, &mut auth)).collect();
    assert_eq!(again, strangers, "as a user's, a stranger's salt stays the same");
    let salts: BTreeSet<_> = strangers.iter().chain(&known).map(|(_, salt, ..)| salt).collect();
    assert_eq!(salts.len(), strangers.len() + known.len(), "and is nobody else's");
    assert!(
        strangers.iter().all(|(.., end)| matches!(end, LoginFailure::UnknownUser | LoginFailure::Disabled))
    );
}

#[test]
fn a_hash_cannot_be_proven_and_does_not_show_it() {
    let argon2 =
        "{ARGON2}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let (_folder, mut auth) = authenticator(&format!("a:$6$salt$hash:7\nb:{argon2}:7\n"));
    let (nonce, salt, iterations, end) = seen("a", &mut auth);
    assert_eq!((salt.len(), iterations.as_str(), end), (SALT, "4096", LoginFailure::Password));
    for (name, why) in [("b", LoginFailure::Password), ("nobody", LoginFailure::UnknownUser)] {
        let (other_nonce, other_salt, other_iterations, end) = seen(name, &mut auth);
        assert_eq!(
            (other_nonce, other_salt.len(), &other_iterations, end),
            (nonce, salt.len(), &iterations, why)
        );
    }
}

#[test]
fn a_name_that_nobody_can_have_is_refused_at_once() {
    let (_folder, mut auth) = authenticator(&format!("user:{PENCIL}:7\n"));
    for name in ["../user", "user/", "\u{7f}", "\u{e000}", &"x".repeat(256)] {
        let verdict = first(&Player::new(name, "x").first(), false, &client(), &mut auth).map(|_| ());
        let refused = verdict.err().unwrap();
        assert_eq!(refused.error.failure(), LoginFailure::UnknownUser, "{name:?}");
        assert_eq!(refused.user, name.as_bytes()[..name.len().min(255)]);
    }
}
