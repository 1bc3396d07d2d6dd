//! Kind 1 against this machine's own users, shadow file and PAM. Needs root, useradd(8), chage(1) and
//! Debian's PAM modules.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use common::{Etc, login, shadow};

/// Cheap settings of each scheme of the system's libcrypt that may be in a shadow file.
const SCHEMES: [(&str, &[u8]); 6] = [
    ("yescrypt", b"$y$j75$FfUgzDcVBEMbnbQqGxdMl1"),
    ("sha512crypt", b"$6$rounds=1000$saltsalt"),
    ("sha256crypt", b"$5$rounds=1000$saltsalt"),
    ("bcrypt", b"$2b$04$abcdefghijklmnopqrstuu"),
    ("md5crypt", b"$1$saltsalt"),
    ("des", b"ab"),
];

const PAM_UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so\n";

fn hash(password: &str, setting: &[u8]) -> String {
    let mut crypt = sys::crypt::Crypt::load().unwrap();
    String::from_utf8(crypt.hash(password.as_bytes(), setting).unwrap()).unwrap()
}

#[test]
fn a_password_of_each_scheme_lets_its_user_in() {
    let Some(etc) = Etc::open() else { return };
    let service = etc.service("unix", PAM_UNIX);
    for (scheme, setting) in SCHEMES {
        let user = etc.user(scheme, &hash("se cret", setting));
        for config in [shadow(), service.config()] {
            let mut auth = auth::Authenticator::new(&config).unwrap();
            let account = auth.login(user.name.as_bytes(), b"se cret", "::1".parse().unwrap());
            let account = account.unwrap_or_else(|error| panic!("{scheme}: {error}"));
            assert_eq!((account.user.as_str(), account.uid.get()), (user.name.as_str(), user.uid()));
            assert_eq!(account.maildrop.path, std::path::Path::new("/var/mail").join(&user.name));
            assert_eq!(account.home.as_deref(), Some("/nonexistent/home".as_ref()));
            assert_eq!(login(&mut auth, &user.name, "Se cret"), "password", "{scheme}");
            assert_eq!(login(&mut auth, &user.name, ""), "password", "{scheme}");
        }
    }
}

#[test]
fn the_service_file_that_is_shipped_lets_users_in() {
    let Some(etc) = Etc::open() else { return };
    let service = etc.service("shipped", include_str!("../../../conf/pam.d/mpopd"));
    let user = etc.user("shipped", &hash("se cret", b"$6$rounds=1000$saltsalt"));
    let mut auth = auth::Authenticator::new(&service.config()).unwrap();
    assert!(auth.login(user.name.as_bytes(), b"se cret", "::1".parse().unwrap()).is_ok());
    assert_eq!(login(&mut auth, &user.name, "Se cret"), "password");
}

#[test]
fn accounts_that_are_locked_expired_or_without_a_password_stay_shut() {
    let Some(etc) = Etc::open() else { return };
    let right = hash("secret", b"$1$saltsalt");
    let service = etc.service("unix", PAM_UNIX);
    let account_ended = etc.user("ended", &right);
    account_ended.chage(&["--expiredate", "1"]);
    let not_changed = etc.user("inactive", &right);
    not_changed.chage(&["--lastday", "100", "--maxdays", "10", "--inactive", "10"]);
    let old_password = etc.user("old", &right);
    old_password.chage(&["--lastday", "100", "--maxdays", "10"]);
    let locked = etc.user("locked", &format!("!{right}"));
    let starred = etc.user("starred", "*");
    let empty = etc.user("empty", "");
    for (user, password, by_shadow, by_pam) in [
        (&account_ended, "secret", "disabled", "disabled"),
        (&not_changed, "secret", "disabled", "disabled"),
        // The user may still change it, but not by POP3.
        (&old_password, "secret", "disabled", "disabled"),
        // For PAM these are hashes that no password matches.
        (&locked, "secret", "disabled", "password"),
        (&locked, &format!("!{right}"), "disabled", "password"),
        (&starred, "*", "disabled", "password"),
        (&empty, "", "password", "password"),
        (&empty, "x", "disabled", "password"),
    ] {
        let mut auth = auth::Authenticator::new(&shadow()).unwrap();
        assert_eq!(login(&mut auth, &user.name, password), by_shadow, "{}, {password:?}", user.name);
        let mut auth = service.authenticator();
        assert_eq!(login(&mut auth, &user.name, password), by_pam, "{}, {password:?} by PAM", user.name);
    }
}

#[test]
fn pam_decides_who_gets_in_and_passwd_who_owns_mail() {
    let Some(etc) = Etc::open() else { return };
    let user = etc.user("any", "*");
    let name = user.name.as_str();
    for (service, lines, user, verdict) in [
        ("permit", "auth required pam_permit.so\naccount required pam_permit.so\n", name, "in"),
        ("permit", "auth required pam_permit.so\naccount required pam_permit.so\n", "root", "disabled"),
        (
            "permit",
            "auth required pam_permit.so\naccount required pam_permit.so\n",
            "no-such-user",
            "unknown-user",
        ),
        ("deny", "auth required pam_deny.so\naccount required pam_permit.so\n", name, "password"),
        ("account", "auth required pam_permit.so\naccount required pam_deny.so\n", name, "disabled"),
        ("broken", "auth required pam_no_such_module.so\n", name, "temporary"),
        // Only the prompt for a password is answered.
        ("ask", "auth required pam_debug.so auth=user_unknown\n", name, "unknown-user"),
        ("later", "auth required pam_debug.so auth=authinfo_unavail\n", name, "temporary"),
        (
            "expired",
            "auth required pam_permit.so\naccount required pam_debug.so acct=acct_expired\n",
            name,
            "disabled",
        ),
        (
            "old",
            "auth required pam_permit.so\naccount required pam_debug.so acct=new_authtok_reqd\n",
            name,
            "disabled",
        ),
    ] {
        let service = etc.service(service, lines);
        assert_eq!(login(&mut service.authenticator(), user, "x"), verdict, "{lines} {user}");
    }
}

#[test]
fn the_name_that_pam_returns_counts() {
    let Some(etc) = Etc::open() else { return };
    let user = etc.user("real", "*");
    // pam_ftp maps each of these names to the first one.
    let renaming = |to: &str| {
        format!("auth required pam_ftp.so users={to},mpopd-alias\naccount required pam_permit.so\n")
    };
    let service = etc.service("rename", &renaming(&user.name));
    let account = service.authenticator().login(b"mpopd-alias", b"x", "::1".parse().unwrap()).unwrap();
    assert_eq!((account.user.as_str(), account.uid.get()), (user.name.as_str(), user.uid()));
    for (to, verdict) in [("root", "disabled"), ("no-such-user", "unknown-user"), ("../../etc", "temporary")]
    {
        let service = etc.service("rename-badly", &renaming(to));
        assert_eq!(login(&mut service.authenticator(), "mpopd-alias", "x"), verdict, "{to}");
    }
}

#[test]
fn modules_learn_the_password_and_where_the_client_is() {
    let Some(etc) = Etc::open() else { return };
    let user = etc.user("exec", "*");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("check");
    let line =
        "#!/bin/sh\n[ \"$(cat | tr -d '\\0')$PAM_RHOST$PAM_TTY$PAM_USER\" = \"se cret192.0.2.1mpopd$1\" ]\n";
    fs::write(&script, line).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let service = etc.service(
        "exec",
        &format!(
            "auth required pam_exec.so quiet expose_authtok {} {}\naccount required pam_permit.so\n",
            script.display(),
            user.name
        ),
    );
    let mut auth = service.authenticator();
    assert_eq!(login(&mut auth, &user.name, "se cret"), "in");
    assert_ne!(login(&mut auth, &user.name, "secret"), "in");
}

/// An auth process whose PAM module hangs is killed at its deadline, and takes nothing with it: this program
/// runs itself again as that process.
#[test]
fn a_module_that_hangs_costs_its_own_process_only() {
    const SERVICE: &str = "MPOPD_TEST_HANGING_SERVICE";
    const PID: &str = "MPOPD_TEST_HANGING_PID";
    if let (Ok(service), Ok(pid)) = (std::env::var(SERVICE), std::env::var(PID)) {
        let config = config::Config { mpopd_pam_service: service, ..common::system() };
        let mut auth = auth::Authenticator::new(&config).unwrap();
        let deadline = sys::deadline::Deadline::new().unwrap();
        std::thread::spawn(move || {
            // The module hangs as soon as the file has its line.
            while !fs::read_to_string(&pid).is_ok_and(|line| line.ends_with('\n')) {
                std::thread::sleep(Duration::from_millis(10));
            }
            deadline.arm(Duration::from_millis(100)).unwrap();
            std::thread::park();
        });
        let verdict = login(&mut auth, "daemon", "x");
        unreachable!("the module hangs, and yet said {verdict}");
    }
    let Some(etc) = Etc::open() else { return };
    let user = etc.user("other", &hash("secret", b"$1$saltsalt"));
    let service = etc.service("unix", PAM_UNIX);
    let mut other = service.authenticator();
    let folder = tempfile::tempdir().unwrap();
    let (script, pid) = (folder.path().join("hang"), folder.path().join("pid"));
    fs::write(&script, format!("#!/bin/sh\necho $$ > {}\nexec sleep 1000\n", pid.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let hanging = etc.service("hang", &format!("auth required pam_exec.so quiet {}\n", script.display()));
    let name = "a_module_that_hangs_costs_its_own_process_only";
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(SERVICE, &hanging.name)
        .env(PID, &pid)
        .spawn()
        .unwrap();
    assert_eq!(login(&mut other, &user.name, "secret"), "in");
    const SIGKILL: i32 = 9;
    assert_eq!(process.wait().unwrap().signal(), Some(SIGKILL));
    assert_eq!(login(&mut other, &user.name, "secret"), "in");
    // The program that the module had started still runs.
    let pid = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    sys::process::signal(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::TERM)
        .unwrap();
}
