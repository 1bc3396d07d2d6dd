//! Users from every source, from PASS to their mail: the right maildrop, opened with the right uid, and the
//! reason in the log for users that are refused.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::harness::{Daemon, Format, OWNER, Pop3Client, Scratch, TestAccount, give, messages, need};

/// System users of every Debian. Here they own mail.
const GAMES: (&str, u32) = ("games", 5);
const MAN: (&str, u32) = ("man", 6);

/// The output of `openssl passwd -1 -salt saltsalt system`.
const SYSTEM: &str = "$1$saltsalt$N.hznIaS/Si8Ic9/bGslF/";

fn file(scratch: &Scratch, name: &str, mode: u32, content: &str) -> PathBuf {
    let path = scratch.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
    fs::write(&path, content).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    path
}

fn account(daemon: &Daemon, user: &str, password: &str) -> TestAccount {
    TestAccount { user: user.to_owned(), password: password.to_owned(), ..daemon.account(user) }
}

/// Fetches the user's only message. Returns it with the uids of the processes that open mail meanwhile.
fn read(daemon: &Daemon, user: &str, password: &str) -> (Vec<u8>, BTreeSet<u32>) {
    let mut pop = account(daemon, user, password).login();
    let mut all = pop.retrieve_all();
    let uids = daemon.role("mpopd-maildrop").iter().flat_map(|process| process.uids()).collect();
    pop.quit();
    assert_eq!(all.len(), 1, "{user} must have one message");
    (all.remove(0), uids)
}

fn refused(daemon: &Daemon, user: &str, password: &str, code: &str, reason: &str) {
    let said = account(daemon, user, password).try_login().err().expect("a refusal").to_string();
    assert!(said.starts_with(&format!("-ERR {code}")), "{user}: {said}");
    daemon.logged(&["login failed", &format!("user=<{user}>"), &format!("reason={reason}")]);
}

#[test]
fn system_users_by_their_shadow_entries() {
    let Some(()) = need::root() else { return };
    let scratch = Scratch::new();
    let shadow = file(
        &scratch,
        "shadow",
        0o600,
        &format!(
            "games:{SYSTEM}:19000:0:99999:7:::\nman:!{SYSTEM}:19000:0:99999:7:::\n\
             root:{SYSTEM}:19000:0:99999:7:::\n"
        ),
    );
    let mail = messages::archive(2);
    let daemon = Daemon::new(Format::Mbox)
        .setting("auth_type = 1")
        .setting("use_pam = false")
        .setting(&format!("shadow = \"{}\"", shadow.display()))
        .user_of(GAMES.1, GAMES.0, &mail[..1])
        .user_of(MAN.1, MAN.0, &mail[1..])
        .start();
    let (octets, uids) = read(&daemon, GAMES.0, "system");
    assert_eq!(
        (octets, uids),
        (mail[0].wire(), BTreeSet::from([GAMES.1])),
        "the mail must be read as the user"
    );
    refused(&daemon, GAMES.0, "System", "[AUTH]", "password");
    refused(&daemon, MAN.0, "system", "[AUTH]", "disabled");
    refused(&daemon, "nobodys-name", "system", "[AUTH]", "unknown-user");
    assert!(account(&daemon, "root", "system").try_login().is_err(), "root must have no mail here");
}

/// A file in /etc/pam.d for one test.
struct Service(PathBuf);

impl Service {
    fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(format!("/etc/pam.d/mpopd-whole-{name}-{}", std::process::id()));
        fs::write(&path, text).expect("a PAM service");
        Self(path)
    }

    fn name(&self) -> String {
        self.0.file_name().expect("a name").to_string_lossy().into_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn pam_decides_and_a_user_may_have_a_kind_of_their_own() {
    let Some(()) = need::root() else { return };
    // A PAM service that accepts any user whose password a program of the test accepts.
    let scratch = Scratch::new();
    let judge = file(&scratch, "judge", 0o755, "#!/bin/sh\n[ \"$(tr -d '\\0')\" = 'by pam' ]\n");
    let service = Service::new(
        "kinds",
        &format!(
            "auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {}\nauth requisite \
             pam_deny.so\n\
             auth required pam_permit.so\naccount required pam_permit.so\n",
            judge.display()
        ),
    );
    let mail = messages::archive(2);
    let daemon = Daemon::new(Format::Mbox)
        .setting("auth_type = 1")
        .setting(&format!("mpopd_pam_service = \"{}\"", service.name()))
        .user_of(GAMES.1, GAMES.0, &mail[..1])
        .user_of(OWNER, "listed", &mail[1..])
        .setting("[user_auth]\nlisted = 6")
        .start();
    assert_eq!(read(&daemon, GAMES.0, "by pam").0, mail[0].wire());
    refused(&daemon, GAMES.0, "secret word", "[AUTH]", "password");
    assert_eq!(read(&daemon, "listed", "secret word").0, mail[1].wire());
    refused(&daemon, "listed", "by pam", "[AUTH]", "password");
}

#[test]
fn users_of_a_host_name_and_of_a_domain() {
    let Some(()) = need::root() else { return };
    let scratch = Scratch::new();
    scratch.folder("popmail", 0o755);
    let list = format!("bob:{{PLAIN}}of domain:{OWNER}:{OWNER}\n");
    file(&scratch, "popmail/e/example.org/.userlist", 0o600, &list);
    let message = messages::archive(1).remove(0);
    let mailbox = scratch.path().join("popmail/e/example.org/bob");
    Format::Mbox.deliver(&mailbox, std::slice::from_ref(&message));
    give(&mailbox, OWNER);
    let daemon = Daemon::new(Format::Mbox)
        .setting("auth_type = 5")
        .setting("userlist = \".userlist\"")
        .setting("lock_methods = [\"fcntl\"]")
        .setting(&format!("host_mail_path = \"{}\"", scratch.path().join("popmail").display()))
        .start();
    let (octets, uids) = read(&daemon, "bob@example.org", "of domain");
    assert_eq!((octets, uids), (message.wire(), BTreeSet::from([OWNER])));
    refused(&daemon, "bob@example.org", "of nobody", "[AUTH]", "password");
    for trick in
        ["bob@../example.org", "../bob@example.org", "bob@example.org/../example.org", "bob@e/example.org"]
    {
        refused(&daemon, trick, "of domain", "[AUTH]", "unknown-user");
    }
}

#[test]
fn plugins_say_who_owns_which_mail() {
    let Some(()) = need::root() else { return };
    let scratch = Scratch::new();
    let message = messages::archive(1).remove(0);
    let mailbox = scratch.path().join("bobs");
    Format::Maildir.deliver(&mailbox, std::slice::from_ref(&message));
    give(&mailbox, OWNER);
    let plugin = file(
        &scratch,
        "plugin",
        0o755,
        &format!(
            "#!/bin/sh\ngiven=$(tr '\\0' : <&3)\ncase $given in\n\
             bob:by\\ plugin:*) printf 'uid={OWNER}\\ngid={OWNER}\\nmaildir={}\\n'; exit 0;;\n\
             ill:*) exit 111;;\nroot:*) printf 'uid=0\\ngid=0\\n'; exit 0;;\nesac\nexit 1\n",
            mailbox.display()
        ),
    );
    let daemon = Daemon::new(Format::Mbox)
        .setting("auth_type = 7")
        .setting(&format!("password_plugin = \"{}\"", plugin.display()))
        .start();
    let (octets, uids) = read(&daemon, "bob", "by plugin");
    assert_eq!((octets, uids), (message.wire(), BTreeSet::from([OWNER])));
    refused(&daemon, "bob", "by hand", "[AUTH]", "password");
    refused(&daemon, "ill", "by plugin", "[SYS/TEMP]", "temporary");
    assert!(account(&daemon, "root", "by plugin").try_login().is_err(), "uid 0 must never own mail");
}

#[test]
fn clients_that_the_rules_deny_get_nowhere_until_the_rules_change() {
    let scratch = Scratch::new();
    let rules = file(&scratch, "access", 0o644, "DENY 127.0.0.0/8\n");
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::archive(1))
        // Each auth process keeps the last rules that it could read.
        .setting("auth_processes = 1")
        .setting(&format!("hosts_allow_deny = \"{}\"", rules.display()))
        .start();
    let said = daemon.account("alice").try_login().err().expect("a refusal").to_string();
    assert!(said.starts_with("-ERR"), "{said}");
    daemon.logged(&["login failed", "reason=denied-host"]);
    fs::write(&rules, "ALLOW 127.0.0.1\nDENY ALL\n").expect("new rules");
    daemon.account("alice").login().quit();
    // Rules with errors change nothing.
    fs::write(&rules, "ALOW 127.0.0.1\nDENY ALL\n").expect("wrong rules");
    daemon.account("alice").login().quit();
    daemon.logged(&["WARN", &rules.display().to_string(), "1"]);
}

#[test]
fn a_name_as_long_as_a_line_is_refused_like_any_other() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::archive(1)).start();
    for name in [
        "a".repeat(240),
        "ünïcödé".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "-".to_owned(),
        "a/b".to_owned(),
    ] {
        let mut pop = Pop3Client::connect(daemon.port());
        let user = pop.ask(&format!("USER {name}")).expect("a reply");
        let said = if user.starts_with("+OK") { pop.ask("PASS secret word").expect("a reply") } else { user };
        assert!(said.starts_with("-ERR"), "{name}: {said}");
    }
    daemon.account("alice").login().quit();
}
