//! Tests of all kinds of login together: who gets in from where and to which maildrop, or with which word in
//! the log.
//!
//! System users are those that every Debian has; their passwords are in a file of the test. Real accounts and
//! PAM are tested in tests/system.rs.

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use config::{AuthType, Config};
use vocabulary::{LoginFailure, Storage};

use crate::host::{HostName, ResolveError};
use crate::{Authenticator, check};

/// A folder with everything that the kinds look at.
struct Scene {
    folder: tempfile::TempDir,
    config: Config,
    /// One test at a time: a plugin cannot be executed while a fork of another test has it open for writing.
    _alone: MutexGuard<'static, ()>,
}

/// For tests that write programs and run them.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scene {
    fn new(kind: AuthType) -> Self {
        let alone = alone();
        let folder = tempfile::tempdir().unwrap();
        let scene = |name: &str| folder.path().join(name);
        write(
            &scene("popmail/a/a.example.org/.userlist"),
            0o600,
            "bob:{PLAIN}host:7001\nsame@example.org:{PLAIN}host:7001\n",
        );
        write(
            &scene("popmail/e/example.org/.userlist"),
            0o600,
            "bob:{PLAIN}domain:7002\nlocked:!{PLAIN}x:7002\ndaemon:{PLAIN}domain:7002\nsame:{PLAIN}domain:7002\n",
        );
        write(&scene("users"), 0o600, "bob:{PLAIN}list:7003:8:/srv/bob\nbob@example.org:{PLAIN}list:7003\n");
        // The passwords are "system", hashed with the cheapest scheme.
        let hash = "$1$saltsalt$N.hznIaS/Si8Ic9/bGslF/";
        write(
            &scene("shadow"),
            0o600,
            &format!(
                "root:{hash}:19000:0:99999:7:::\ndaemon:{hash}:19000:0:99999:7:::\nbin:!{hash}:19000::::::\n\
                 sys:{hash}:19000:0:99999:7::19001:\ngames::19000::::::\nman:*:19000::::::\n"
            ),
        );
        write(
            &scene("name"),
            0o755,
            "#!/bin/sh\ncase $(tr '\\0' : <&3) in bob:*) exit 0;; ill:*) exit 111;; esac\nexit 1\n",
        );
        write(
            &scene("password"),
            0o755,
            "#!/bin/sh\ncase $(tr '\\0' : <&3) in bob:plugin:*) echo uid=7004; echo mbox=/srv/mail/bob; exit 0;; esac\nexit 1\n",
        );
        let config = Config {
            auth_type: kind,
            use_pam: false,
            shadow: scene("shadow"),
            host_mail_path: scene("popmail"),
            userlist: if kind == AuthType::List { scene("users") } else { ".userlist".into() },
            username_plugin: Some(scene("name")),
            password_plugin: Some(scene("password")),
            ..Config::default()
        };
        Self { folder, config, _alone: alone }
    }

    fn authenticator(&self) -> Authenticator {
        Authenticator::new(&self.config).unwrap().with_resolver(resolve)
    }

    /// The result as one line: the uid and the path of the mail below the folder, or the word in the log.
    fn verdict(&self, auth: &mut Authenticator, user: &str, address: &str, password: &str) -> String {
        match auth.login(user.as_bytes(), password.as_bytes(), address.parse().unwrap()) {
            Ok(account) => {
                let path = account.maildrop.path;
                let path = path.strip_prefix(self.folder.path()).unwrap_or(&path);
                format!("{} {}", account.uid, path.display())
            }
            Err(error) => error.failure().word().to_owned(),
        }
    }
}

fn write(path: &Path, mode: u32, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// 192.0.2.1 is a.example.org, 192.0.2.2 is a host without a list, the resolver fails for 192.0.2.53, all
/// others have no name.
fn resolve(address: IpAddr) -> Result<Option<HostName>, ResolveError> {
    match address.to_string().as_str() {
        "192.0.2.1" => Ok(HostName::parse("a.example.org")),
        "192.0.2.2" => Ok(HostName::parse("b.example.org")),
        "192.0.2.53" => Err(ResolveError("no DNS".to_owned())),
        _ => Ok(None),
    }
}

const HOST: &str = "192.0.2.1";
const OTHER_HOST: &str = "192.0.2.2";
const NO_NAME: &str = "192.0.2.9";
const NO_DNS: &str = "192.0.2.53";

#[test]
fn who_gets_in_and_where_their_mail_is() {
    const SYSTEM: &str = "1 /var/mail/daemon";
    const AT_HOST: &str = "7001 popmail/a/a.example.org/bob";
    const AT_DOMAIN: &str = "7002 popmail/e/example.org/bob";
    const LISTED: &str = "7003 /var/mail/bob";
    const PLUGGED: &str = "7004 /srv/mail/bob";
    use AuthType::*;
    let rows: &[(&[AuthType], &str, &str, &str, &str)] = &[
        (&[System, SystemOrHost, SystemOrHostOrDomain], "daemon", NO_DNS, "system", SYSTEM),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "daemon", HOST, "System", "password"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "daemon", HOST, "", "password"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "daemon", HOST, "domain", "password"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "root", HOST, "system", "disabled"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "root", HOST, "wrong", "disabled"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "bin", HOST, "system", "disabled"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "sys", HOST, "system", "disabled"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "games", HOST, "", "password"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "games", HOST, "x", "disabled"),
        (&[System, SystemOrHost, SystemOrHostOrDomain], "man", HOST, "*", "disabled"),
        // In passwd, with an "x" there, and not in the file of passwords.
        (&[System, SystemOrHost, SystemOrHostOrDomain], "mail", HOST, "x", "disabled"),
        (&[System], "bob", HOST, "host", "unknown-user"),
        (&[System], "daemon@example.org", HOST, "system", "unknown-user"),
        (&[SystemOrHost, SystemOrHostOrDomain, Host, HostOrDomain], "bob", HOST, "host", AT_HOST),
        (
            &[SystemOrHost, SystemOrHostOrDomain, Host, HostOrDomain],
            "bob",
            "::ffff:192.0.2.1",
            "host",
            AT_HOST,
        ),
        (&[SystemOrHost, SystemOrHostOrDomain, Host, HostOrDomain], "bob", HOST, "domain", "password"),
        (
            &[SystemOrHost, SystemOrHostOrDomain, Host, HostOrDomain],
            "bob",
            OTHER_HOST,
            "host",
            "unknown-user",
        ),
        (&[SystemOrHost, SystemOrHostOrDomain, Host, HostOrDomain], "bob", NO_NAME, "host", "unknown-user"),
        (&[SystemOrHost, SystemOrHostOrDomain, Host, HostOrDomain], "bob", NO_DNS, "host", "temporary"),
        (&[SystemOrHostOrDomain, HostOrDomain], "bob@example.org", NO_DNS, "domain", AT_DOMAIN),
        (&[SystemOrHostOrDomain, HostOrDomain], "bob@Example.ORG", NO_NAME, "domain", AT_DOMAIN),
        (&[SystemOrHostOrDomain, HostOrDomain], "bob@example.org", HOST, "host", "password"),
        (&[SystemOrHostOrDomain, HostOrDomain], "bob@example.net", HOST, "domain", "unknown-user"),
        (&[SystemOrHostOrDomain, HostOrDomain], "locked@example.org", HOST, "x", "disabled"),
        (
            &[SystemOrHostOrDomain, HostOrDomain],
            "daemon@example.org",
            HOST,
            "domain",
            "7002 popmail/e/example.org/daemon",
        ),
        (
            &[SystemOrHostOrDomain, HostOrDomain],
            "same@example.org",
            HOST,
            "domain",
            "7002 popmail/e/example.org/same",
        ),
        (
            &[SystemOrHost, Host],
            "same@example.org",
            HOST,
            "host",
            "7001 popmail/a/a.example.org/same@example.org",
        ),
        (&[SystemOrHost, Host], "bob@example.org", NO_NAME, "domain", "unknown-user"),
        (&[Host, HostOrDomain], "daemon", HOST, "system", "unknown-user"),
        (&[List], "bob", NO_DNS, "list", LISTED),
        (&[List], "bob@example.org", NO_DNS, "list", "7003 /var/mail/bob@example.org"),
        (&[List], "bob", HOST, "host", "password"),
        (&[List], "daemon", HOST, "system", "unknown-user"),
        (&[List], "BOB", HOST, "list", "unknown-user"),
        (&[Plugin], "bob", NO_DNS, "plugin", PLUGGED),
        (&[Plugin], "bob", HOST, "list", "password"),
        (&[Plugin], "bob", HOST, "plugin\0", "password"),
        (&[Plugin], "eve", HOST, "plugin", "unknown-user"),
        (&[Plugin], "ill", HOST, "plugin", "temporary"),
    ];
    for kind in AuthType::ALL {
        let scene = Scene::new(kind);
        check(&scene.config).unwrap_or_else(|faults| panic!("{faults}"));
        let mut auth = scene.authenticator();
        for (kinds, user, address, password, expected) in rows {
            if kinds.contains(&kind) {
                let verdict = scene.verdict(&mut auth, user, address, password);
                assert_eq!(&verdict, expected, "kind {}, {user}, {address}, {password}", kind.number());
            }
        }
    }
}

#[test]
fn names_that_lead_elsewhere_open_nothing_in_any_kind() {
    let long = "a".repeat(300);
    let tricks: Vec<Vec<u8>> = [
        "",
        ".",
        "..",
        "../x",
        "../../etc/passwd",
        "a/b",
        "/etc/shadow",
        "a\0b",
        "bob\0",
        ".userlist",
        ".ssh",
        "~",
        "*",
        "bob\n",
        "bob\r\nroot",
        "bob:x:0",
        "#",
        "bob ",
        " bob",
        "b\u{f6}b",
        "\u{202e}bob",
        "-rf",
        "$(id)",
        "bob;id",
        "bob@",
        "@example.org",
        "@",
        "bob@@example.org",
        "bob@..",
        "bob@.",
        "bob@../..",
        "../bob@example.org",
        "bob@example.org/..",
        "bob@e/example.org",
        "bob@.example.org",
        "bob@example.org\0",
        ".userlist@example.org",
        "bob@192.0.2.1",
        "bob@exa mple.org",
        &long,
        &format!("bob@{long}"),
        &format!("{long}@example.org"),
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .chain([b"\xff".to_vec(), b"b\xc0\xafb".to_vec(), b"bob@\xc0\xae\xc0\xae".to_vec()])
    .collect();
    for kind in AuthType::ALL {
        let mut scene = Scene::new(kind);
        // It accepts every name, so what counts is which names it is asked for.
        write(&scene.folder.path().join("name"), 0o755, "#!/bin/sh\nexit 0\n");
        write(&scene.folder.path().join("password"), 0o755, "#!/bin/sh\necho uid=7004\n");
        for switch in [false, true] {
            scene.config.switch = switch;
            let mut auth = scene.authenticator();
            for (user, address) in tricks.iter().flat_map(|user| [(user, HOST), (user, NO_NAME)]) {
                let passwords = [&b"host"[..], b"domain", b"list", b"x"];
                // The plugins take them all.
                let few = if kind == AuthType::Plugin { 1 } else { passwords.len() };
                for password in passwords.into_iter().take(few) {
                    match auth.login(user, password, address.parse().unwrap()) {
                        Err(error) if error.failure() == LoginFailure::UnknownUser => {}
                        // Odd names, yet parts of a path like any other.
                        Ok(account) if kind == AuthType::Plugin => {
                            let path = account.maildrop.path;
                            let name = String::from_utf8(user.clone()).unwrap();
                            assert_eq!(path.strip_prefix("/var/mail").unwrap(), PathBuf::from(&name));
                            assert_eq!(path.components().count(), 4, "{path:?}");
                            assert!(!name.starts_with('.'));
                        }
                        other => {
                            panic!("kind {}, {:?}: {other:?}", kind.number(), String::from_utf8_lossy(user))
                        }
                    }
                }
                if kind != AuthType::Plugin {
                    assert_eq!(auth.knows(user, address.parse().unwrap()), Ok(false), "{user:?}");
                }
            }
        }
    }
}

#[test]
fn with_switch_the_list_gives_only_the_password() {
    let mut scene = Scene::new(AuthType::HostOrDomain);
    scene.config.switch = true;
    let mut auth = scene.authenticator();
    assert_eq!(scene.verdict(&mut auth, "bob", HOST, "host"), "7001 /var/mail/bob");
    // By the whole name: a local part alone would be the maildrop of another bob.
    assert_eq!(scene.verdict(&mut auth, "bob@example.org", HOST, "domain"), "7002 /var/mail/bob@example.org");
}

#[test]
fn an_absolute_list_serves_all_hosts_and_domains_by_whole_names() {
    let mut scene = Scene::new(AuthType::HostOrDomain);
    scene.config.userlist = scene.folder.path().join("users");
    check(&scene.config).unwrap();
    let mut auth = scene.authenticator();
    auth.warm();
    assert_eq!(scene.verdict(&mut auth, "bob", HOST, "list"), "7003 popmail/a/a.example.org/bob");
    assert_eq!(scene.verdict(&mut auth, "bob", NO_NAME, "list"), "unknown-user");
    assert_eq!(
        scene.verdict(&mut auth, "bob@example.org", NO_NAME, "list"),
        "7003 popmail/e/example.org/bob"
    );
    assert_eq!(scene.verdict(&mut auth, "bob@example.net", NO_NAME, "list"), "unknown-user");
}

#[test]
fn the_list_among_the_maildrops_is_no_maildrop() {
    let mut scene = Scene::new(AuthType::Host);
    scene.config.userlist = "users".into();
    let list = scene.folder.path().join("popmail/a/a.example.org/users");
    write(&list, 0o600, "users:{PLAIN}x:7001\nbob:{PLAIN}x:7001\n");
    let mut auth = scene.authenticator();
    assert_eq!(scene.verdict(&mut auth, "users", HOST, "x"), "unknown-user");
    assert_eq!(scene.verdict(&mut auth, "bob", HOST, "x"), "7001 popmail/a/a.example.org/bob");
}

#[test]
fn a_user_can_have_a_kind_of_their_own() {
    let mut scene = Scene::new(AuthType::List);
    scene.config.user_auth.insert("daemon".to_owned(), AuthType::System);
    let mut auth = scene.authenticator();
    assert_eq!(scene.verdict(&mut auth, "daemon", NO_DNS, "system"), "1 /var/mail/daemon");
    assert_eq!(scene.verdict(&mut auth, "bob", NO_DNS, "list"), "7003 /var/mail/bob");
    assert_eq!(scene.verdict(&mut auth, "bin", NO_DNS, "system"), "unknown-user");
}

#[test]
fn the_storage_of_a_user_counts_beside_the_lists_too() {
    let mut scene = Scene::new(AuthType::Host);
    scene.config.user_storage.insert("bob".to_owned(), Storage::Maildir);
    let account = scene.authenticator().login(b"bob", b"host", HOST.parse().unwrap()).unwrap();
    assert_eq!(account.maildrop.storage, Storage::Maildir);
    assert!(account.maildrop.path.ends_with("popmail/a/a.example.org/bob"));
}

#[test]
fn whoever_may_not_connect_may_not_log_in_nor_ask_for_names() {
    let mut scene = Scene::new(AuthType::List);
    let rules = scene.folder.path().join("rules");
    write(&rules, 0o644, "DENY 192.0.2.9\nDENY a.example.org\nWARN ALL\n");
    scene.config.hosts_allow_deny = Some(rules);
    let mut auth = scene.authenticator();
    for address in [NO_NAME, HOST] {
        assert_eq!(scene.verdict(&mut auth, "bob", address, "list"), "denied-host");
        assert_eq!(auth.knows(b"bob", address.parse().unwrap()), Err(LoginFailure::DeniedHost.into()));
        assert_eq!(auth.admit(address.parse().unwrap()), Err(LoginFailure::DeniedHost.into()));
    }
    assert_eq!(scene.verdict(&mut auth, "bob", NO_DNS, "list"), "temporary", "its name is not known");
    assert_eq!(scene.verdict(&mut auth, "bob", OTHER_HOST, "list"), "7003 /var/mail/bob");
    assert!(auth.take_remarks()[0].to_string().ends_with("rules:3: WARN: client 192.0.2.2 was let in"));
    scene.config.allow_non_fqdn = false;
    let mut auth = scene.authenticator();
    assert_eq!(scene.verdict(&mut auth, "bob", "192.0.2.10", "list"), "reverse-lookup");
}

#[test]
fn names_are_known_as_the_kind_knows_them() {
    for (kind, user, address, known) in [
        (AuthType::System, "daemon", HOST, true),
        (AuthType::System, "bin", HOST, true),
        (AuthType::System, "bob", HOST, false),
        (AuthType::SystemOrHost, "bob", HOST, true),
        (AuthType::SystemOrHost, "bob", OTHER_HOST, false),
        (AuthType::HostOrDomain, "locked@example.org", NO_NAME, true),
        (AuthType::HostOrDomain, "eve@example.org", NO_NAME, false),
        (AuthType::List, "bob", NO_NAME, true),
        (AuthType::List, "eve", NO_NAME, false),
        (AuthType::Plugin, "bob", NO_NAME, true),
        (AuthType::Plugin, "eve", NO_NAME, false),
    ] {
        let scene = Scene::new(kind);
        let verdict = scene.authenticator().knows(user.as_bytes(), address.parse().unwrap());
        assert_eq!(verdict, Ok(known), "kind {}, {user}, {address}", kind.number());
    }
}

#[test]
fn a_remembered_password_is_not_checked_again_until_its_entry_changes() {
    let mut scene = Scene::new(AuthType::Plugin);
    let count = scene.folder.path().join("count");
    let plugin = |verdict: &str| {
        let script = format!("#!/bin/sh\necho x >> {}\necho uid=7004\n{verdict}\n", count.display());
        write(&scene.folder.path().join("password"), 0o755, &script);
    };
    let asked = || fs::read_to_string(&count).map_or(0, |text| text.lines().count());
    plugin("exit 0");
    scene.config.auth_cache = std::time::Duration::from_secs(3600);
    let mut auth = scene.authenticator();
    for _ in 0..3 {
        assert_eq!(scene.verdict(&mut auth, "bob", HOST, "plugin"), "7004 /var/mail/bob");
    }
    assert_eq!(asked(), 1);
    plugin("exit 1");
    assert_eq!(scene.verdict(&mut auth, "bob", HOST, "other"), "password");
    assert_eq!(scene.verdict(&mut auth, "bob", HOST, "plugin"), "7004 /var/mail/bob");
    assert_eq!(asked(), 2);

    let hash = "$1$saltsalt$N.hznIaS/Si8Ic9/bGslF/";
    scene.config.auth_type = AuthType::System;
    let mut auth = scene.authenticator();
    for _ in 0..2 {
        assert_eq!(scene.verdict(&mut auth, "daemon", HOST, "system"), "1 /var/mail/daemon");
    }
    for (shadow, verdict) in [
        (format!("daemon:!{hash}:19000::::::\n"), "disabled"),
        (format!("daemon:{hash}:19000::::::\n"), "1 /var/mail/daemon"),
        (format!("daemon:{hash}:19000:::::1:\n"), "disabled"),
        ("daemon:$1$saltsalt$9xy1btjgzLYfb7hivXtC//:19000::::::\n".to_owned(), "password"),
    ] {
        write(&scene.config.shadow, 0o600, &shadow);
        assert_eq!(scene.verdict(&mut auth, "daemon", HOST, "system"), verdict, "{shadow}");
    }
}

#[test]
fn each_fault_of_a_file_is_found_before_the_start() {
    let mut scene = Scene::new(AuthType::SystemOrHost);
    let popmail = scene.config.host_mail_path.clone();
    write(&popmail.join("a/a.example.org/.userlist"), 0o600, "bob:secret:7001\n");
    write(&popmail.join("x/Y.example.org/.userlist"), 0o600, "bob:{PLAIN}x:7001\n");
    scene.config.shadow = "/nonexistent/shadow".into();
    scene.config.user_auth.insert("x".to_owned(), AuthType::Plugin);
    scene.config.username_plugin = Some("/nonexistent/plugin".into());
    scene.config.password_plugin = Some(scene.config.host_mail_path.clone());
    let told = check(&scene.config).unwrap_err().to_string();
    for part in [
        "/nonexistent/shadow: cannot read the passwords: No such file",
        ".userlist:1: bob: the password is no crypt(3) string",
        "/nonexistent/plugin: cannot use the plugin: No such file",
        "popmail: the plugin is no executable file",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    drop(scene);
    let scene = Scene::new(AuthType::Host);
    write(&scene.config.host_mail_path.join("x/Y.example.org/.userlist"), 0o600, "bob:{PLAIN}x:7001\n");
    let warned = check(&scene.config).unwrap();
    assert!(warned[0].to_string().contains("Y.example.org/.userlist: nobody finds this list"), "{warned:?}");
}
