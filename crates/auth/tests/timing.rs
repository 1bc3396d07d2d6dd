//! What the time of a failed login reveals: statistics, printed by
//! `cargo test -p auth --test timing -- --nocapture`. The tests check only the reasons, never the times.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use auth::Authenticator;
use common::{Etc, login, shadow};
use config::{AuthType, Config};

const LOGINS: usize = 60;

/// What the login tests, the name for its nth attempt, and the word in the log.
type Row<'a> = (&'a str, &'a dyn Fn(usize) -> String, &'a str);

/// Logs in as each user in turn, so that other load on the machine affects all of them.
fn compare(auth: &mut Authenticator, title: &str, users: &[Row<'_>]) {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); users.len()];
    for nth in 0..LOGINS {
        for ((_, name, verdict), times) in users.iter().zip(&mut times) {
            let name = name(nth);
            let start = Instant::now();
            let word = login(auth, &name, "wrong");
            times.push(start.elapsed());
            assert_eq!(&word, verdict, "{title}: {name}");
        }
    }
    println!("{title}, {LOGINS} logins each:");
    for ((what, ..), mut times) in users.iter().zip(times) {
        times.sort_unstable();
        let at = |percent: usize| times[times.len() * percent / 100];
        println!("  {what:28} 10% {:>10.1?}  median {:>10.1?}  90% {:>10.1?}", at(10), at(50), at(90));
    }
}

fn hash(setting: &[u8]) -> String {
    let mut crypt = sys::crypt::Crypt::load().unwrap();
    String::from_utf8(crypt.hash(b"secret", setting).unwrap()).unwrap()
}

const YESCRYPT: &[u8] = b"$y$j9T$F5Jx5fExrKuPp53xLKQ..1";
const SHA512: &[u8] = b"$6$saltsalt";

fn list(users: &str) -> (tempfile::TempDir, Authenticator) {
    let folder = tempfile::tempdir().unwrap();
    let userlist = folder.path().join("users");
    fs::write(&userlist, users).unwrap();
    fs::set_permissions(&userlist, Permissions::from_mode(0o600)).unwrap();
    let config = Config { auth_type: AuthType::List, userlist, ..Config::default() };
    let auth = Authenticator::new(&config).unwrap();
    (folder, auth)
}

#[test]
fn a_list_of_one_scheme() {
    let (_folder, mut auth) = list(&format!("known:{0}:7\nlocked:!{0}:7\nother:{0}:7\n", hash(SHA512)));
    compare(
        &mut auth,
        "list, sha512crypt",
        &[
            ("known", &|_| "known".into(), "password"),
            ("locked", &|_| "locked".into(), "disabled"),
            ("unknown, one name", &|_| "nobody".into(), "unknown-user"),
            ("unknown, many names", &|nth| format!("nobody{nth}"), "unknown-user"),
        ],
    );
}

/// An unknown name takes the time of one of the two schemes, always the same one.
#[test]
fn a_list_of_two_schemes() {
    let (_folder, mut auth) = list(&format!("slow:{}:7\nfast:{}:7\n", hash(YESCRYPT), hash(SHA512)));
    compare(
        &mut auth,
        "list, half yescrypt and half sha512crypt",
        &[
            ("known, yescrypt", &|_| "slow".into(), "password"),
            ("known, sha512crypt", &|_| "fast".into(), "password"),
            ("unknown, nobody1", &|_| "nobody1".into(), "unknown-user"),
            ("unknown, nobody2", &|_| "nobody2".into(), "unknown-user"),
            ("unknown, nobody3", &|_| "nobody3".into(), "unknown-user"),
            ("unknown, nobody4", &|_| "nobody4".into(), "unknown-user"),
        ],
    );
}

#[test]
fn system_users() {
    let Some(etc) = Etc::open() else { return };
    let user = etc.user("known", &hash(YESCRYPT));
    let service = etc.service("unix", "auth required pam_unix.so\naccount required pam_unix.so\n");
    let known = |_| user.name.clone();
    let unknown = |_| "mpopd-nobody".to_owned();
    let users: [Row<'_>; 2] = [("known", &known, "password"), ("unknown", &unknown, "unknown-user")];
    compare(&mut Authenticator::new(&shadow()).unwrap(), "shadow, yescrypt", &users);
    compare(&mut service.authenticator(), "PAM (pam_unix), yescrypt", &users);
}
