//! What survives a channel, and what is refused.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::SecretOctets;
use crate::login::{MOST_PASSWORD, MOST_USER};
use crate::wire::{encode, tests::round_trip};

fn name(user: usize, domain: Option<usize>) -> LookupName {
    LookupName {
        user: "u".repeat(user),
        local_part: "u".repeat(user),
        domain: domain.map(|octets| "d".repeat(octets)),
    }
}

fn request(query: DirectoryQuery) -> DirectoryRequest {
    DirectoryRequest { id: RequestId::numbered(u64::MAX), query }
}

fn answer(verdict: LookupOutcome) -> DirectoryAnswer {
    DirectoryAnswer { id: RequestId::numbered(7), verdict }
}

fn entry(home: &str, mail: Option<MailPath>) -> UserRecord {
    let (user, password) = (Some("a".to_owned()), Some(SecretOctets::new(b"$y$...".to_vec())));
    UserRecord { user, password, uid: 5000, gid: Some(8), home: Some(Path::new(home).into()), mail }
}

fn setup() -> DirectorySettings {
    let bounds = || ServerBounds {
        timeout: Duration::from_secs(5),
        connections: 4,
        ca: Some(Path::new("/etc/ca.pem").into()),
    };
    let attributes = LdapAttributes {
        user: "uid".to_owned(),
        password: String::new(),
        uid: "uidNumber".to_owned(),
        gid: "gidNumber".to_owned(),
        home: "homeDirectory".to_owned(),
        mbox: String::new(),
        maildir: String::new(),
    };
    let ldap = LdapSettings {
        url: "ldapi:///".to_owned(),
        starttls: false,
        service: Some(("cn=mpopd".to_owned(), SecretOctets::new(b"hunter2".to_vec()))),
        base: "dc=example".to_owned(),
        filter: "(uid=%u)".to_owned(),
        bind: true,
        attributes,
        uid: Some(5000),
        gid: None,
        bounds: bounds(),
    };
    let oauth = OAuthSettings {
        by: TokenVerification::Keys(Path::new("/etc/keys.json").into()),
        issuer: "https://id.example".to_owned(),
        audience: "mail".to_owned(),
        scope: String::new(),
        user_claim: "email".to_owned(),
        bounds: bounds(),
    };
    DirectorySettings { users: Some(UserSource::Ldap(Box::new(ldap))), oauth: Some(oauth) }
}

#[test]
fn requests_answers_and_settings_survive() {
    round_trip(&request(DirectoryQuery::Lookup(name(3, None))));
    round_trip(&request(DirectoryQuery::Verify {
        name: name(3, Some(9)),
        password: SecretOctets::new(vec![0xff; 9]),
    }));
    round_trip(&request(DirectoryQuery::Token(SecretOctets::new(b"t".to_vec()))));
    let mail = |path: &str| Some(MailPath::Maildir(Path::new(path).into()));
    for verdict in [
        LookupOutcome::Found(entry("/srv/a", mail("/srv/a/Maildir"))),
        LookupOutcome::NotFound,
        LookupOutcome::Refused,
        LookupOutcome::Granted("a@example.org".to_owned()),
        LookupOutcome::Temporary("it is down".to_owned()),
    ] {
        round_trip(&answer(verdict));
    }
    round_trip(&ToDirectory::Settings(Box::new(setup())));
    round_trip(&ToDirectory::Serve);
    round_trip(&FromDirectory::Ready);
    round_trip(&FromDirectory::Failed("no such file".to_owned()));
}

#[test]
fn bounds_hold() {
    let password = |octets| SecretOctets::new(vec![b'x'; octets]);
    assert!(encode(&request(DirectoryQuery::Lookup(name(MOST_USER, Some(MOST_DOMAIN))))).is_ok());
    for bad in [
        DirectoryQuery::Lookup(name(MOST_USER + 1, None)),
        DirectoryQuery::Lookup(name(1, Some(MOST_DOMAIN + 1))),
        DirectoryQuery::Verify { name: name(1, None), password: password(MOST_PASSWORD + 1) },
        DirectoryQuery::Token(password(MOST_PASSWORD + 1)),
    ] {
        assert!(encode(&request(bad)).is_err());
    }
    for bad in [
        LookupOutcome::Found(entry("srv", None)),
        LookupOutcome::Found(entry("/srv\0", None)),
        LookupOutcome::Found(entry("/srv", Some(MailPath::Mbox(Path::new("a/b").into())))),
        LookupOutcome::Found(UserRecord { password: Some(password(MOST_STORED + 1)), ..entry("/srv", None) }),
        LookupOutcome::Granted("x".repeat(MOST_USER + 1)),
        LookupOutcome::Temporary("x".repeat(MOST_WHY + 1)),
    ] {
        assert!(encode(&answer(bad)).is_err());
    }
    let mut long = setup();
    if let Some(oauth) = &mut long.oauth {
        oauth.scope = "x".repeat(MOST_SETTING + 1);
    }
    assert!(encode(&ToDirectory::Settings(Box::new(long))).is_err());
    assert!(encode(&FromDirectory::Failed("x".repeat(MOST_WHY + 1))).is_err());
}

#[test]
fn nothing_shows_a_secret() {
    let verify =
        DirectoryQuery::Verify { name: name(1, None), password: SecretOctets::new(b"hunter2".to_vec()) };
    let shown = format!("{:?} {:?} {:?}", request(verify), setup(), entry("/srv", None));
    assert!(!shown.contains("hunter2") && !shown.contains("$y$") && !shown.contains("104"), "{shown}");
}

#[test]
fn a_number_is_not_that_of_the_predecessor() {
    let first = RequestId::first().unwrap();
    assert_ne!(first, RequestId::first().unwrap());
    assert_ne!(first, first.next());
}
