//! CAPA reports LOGIN-DELAY, EXPIRE, LANG and IMPLEMENTATION truthfully.

use std::fs;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use crate::harness::{Daemon, Format, Pop3Client, eventually, messages};
use crate::reload::reread;

#[test]
fn capa_tells_the_settings_before_and_after_the_login() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .setting("login_delay = 86400")
        .setting("expire = 30")
        .setting("implementation = false")
        .setting("greeting = \"\"")
        .start();
    let mut pop = Pop3Client::connect(daemon.port());
    assert_eq!(pop.greeting(), "+OK");
    let before = pop.lines("CAPA");
    for told in ["LOGIN-DELAY 86400", "EXPIRE 30", "LANG"] {
        assert!(before.iter().any(|line| line == told), "{told}: {before:?}");
    }
    assert!(!before.concat().to_lowercase().contains("mpopd"), "{before:?}");
    let mut session = daemon.account("alice").login();
    assert_eq!(session.lines("CAPA"), before);
    session.quit();

    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let told = Pop3Client::connect(daemon.port()).lines("CAPA");
    let version = format!("IMPLEMENTATION mpopd-{}", env!("CARGO_PKG_VERSION"));
    assert!(told.contains(&version) && told.contains(&"EXPIRE NEVER".to_owned()), "{told:?}");
    assert!(!told.concat().contains("LOGIN-DELAY"), "{told:?}");
}

#[test]
fn a_login_too_soon_after_the_last_one_is_refused_whatever_happened_to_the_server_meanwhile() {
    for format in Format::BOTH {
        let mut daemon = Daemon::new(format)
            .user("alice", &messages::ordinary())
            .user("bob", &[])
            .setting("login_delay = 3600")
            .start();
        let too_soon = |daemon: &Daemon| {
            let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
            assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{format:?}: {refused}");
        };
        daemon.account("alice").login().quit();
        too_soon(&daemon);
        daemon.logged(&["login failed", "user=<alice>", "reason=login-delay"]);
        daemon.account("bob").login().quit();

        reread(&mut daemon, "timeout = 500");
        too_soon(&daemon);
        daemon.end(Signal::TERM);
        daemon.start_again();
        too_soon(&daemon);

        // Pretend that an hour has passed. Refused logins must not restart the hour.
        let login = fs::read_dir(daemon.path("state")).expect("the state folder").find_map(|owner| {
            let logins = fs::read_dir(owner.expect("an owner").path().join("login")).ok()?;
            Some(logins.map(|login| login.expect("a login").path()).collect::<Vec<_>>())
        });
        for file in login.expect("the last logins") {
            let file = fs::File::options().write(true).open(file).expect("a last login");
            file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("its time");
        }
        daemon.account("alice").login().quit();
        too_soon(&daemon);
    }
}

#[test]
fn another_name_of_the_same_maildrop_does_not_get_around_the_delay() {
    let daemon =
        Daemon::new(Format::Mbox).user("alice", &[]).user_with("alice@example.org", "{PLAIN}secret word");
    let mbox = daemon.path("mail").join("%n");
    let daemon =
        daemon.setting(&format!("mbox = \"{}\"", mbox.display())).setting("login_delay = 3600").start();
    daemon.account("alice").login().quit();
    let refused = daemon.account("alice@example.org").try_login().err().expect("a refusal").to_string();
    assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{refused}");
}

#[test]
fn a_failed_login_begins_no_delay() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("login_delay = 3600").start();
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("USER alice");
    pop.err("PASS wrong");
    pop.ok("USER alice");
    pop.ok("PASS secret word");
}

#[test]
fn replies_are_in_the_language_that_the_client_chose_for_its_session() {
    let daemon =
        Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).setting("language = \"de\"").start();
    let mut german = Pop3Client::connect(daemon.port());
    assert_eq!(german.ok("LANG *"), "de die Sprache ist Deutsch");
    assert_eq!(german.err("STAT"), "dazu ist erst eine Anmeldung nötig");
    german.ok("USER alice");
    assert_eq!(german.err("PASS wrong"), "[AUTH] der Benutzername oder das Passwort ist falsch");
    german.ok("USER alice");
    assert!(german.ok("PASS secret word").starts_with("im Postfach: "));
    let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
    assert_eq!(
        refused, "-ERR [IN-USE] the maildrop is in use by another session",
        "another session's language"
    );
    assert_eq!(german.ok("DELE 1"), "Nachricht 1 ist zum Löschen vorgemerkt");
    daemon.supervisor().signal(Signal::TERM);
    let last = eventually("the farewell", || german.reply().ok());
    assert_eq!(last, "-ERR [SYS/TEMP] der Server wird angehalten, die Verbindung wird beendet");
}
