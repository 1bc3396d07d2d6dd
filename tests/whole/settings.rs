//! The settings for the network, as a client experiences them.

use std::net::TcpStream;

use crate::harness::{Daemon, Format, Pop3Client, TestAccount, eventually, messages};

#[test]
fn greeting_is_what_the_configuration_says() {
    let daemon =
        Daemon::new(Format::Mbox).user("alice", &[]).setting("greeting = \"Hello from here\"").start();
    assert!(Pop3Client::connect(daemon.port()).greeting().contains("Hello from here"));
}

#[test]
fn login_timeout_ends_a_line_without_login_and_no_other() {
    let daemon =
        Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).setting("login_timeout = 1").start();
    // Retry until a login is fast enough, in case the machine is busy.
    let mut session = daemon.account("alice").login_when_free();
    let mut idle = Pop3Client::connect(daemon.port());
    assert_farewell(&idle.rest());
    // Commands before login do not extend the time.
    let mut busy = Pop3Client::connect(daemon.port());
    let mut errors = 0;
    eventually("the end of a line that never logs in", || {
        let reply = busy.ask("USER alice").ok();
        errors += usize::from(reply.as_deref().is_some_and(|reply| !is_ok(reply)));
        reply.is_none().then_some(())
    });
    assert!(errors <= 1, "good commands must get no error, and only one farewell");
    session.ok("NOOP");
    session.quit();
}

#[test]
fn timeout_ends_an_idle_session_and_undoes_its_deletions() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary()).setting("timeout = 2").start();
        let (before, account) = (daemon.snapshot(), daemon.account("alice"));
        // Retry until a session is fast enough, in case the machine is busy.
        let mut idle = eventually("a session with a deletion", || {
            let mut pop = account.try_login().ok()?;
            pop.ask("DELE 1").is_ok_and(|reply| is_ok(&reply)).then_some(pop)
        });
        assert_farewell(&idle.rest());
        daemon.logged(&["logout", "user=<alice>", "reason=timeout", "del=0/"]);
        let undone = format!("+OK {} ", messages::ordinary().len());
        eventually("a session with all messages", || {
            let reply =
                account.try_login().and_then(|mut pop| pop.ask("STAT")).ok().filter(|reply| is_ok(reply))?;
            assert!(reply.starts_with(&undone), "{format:?}: {reply}");
            Some(())
        });
        assert_eq!(before, daemon.snapshot());
    }
}

#[test]
fn max_servers_turns_the_next_one_away_with_an_error() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user("bob", &[])
        .setting("max_servers = 2")
        .start();
    // The connection that waited for the daemon to start may still be counted.
    let first = eventually("a first session", || daemon.account("alice").try_login().ok());
    let second = daemon.account("bob").login();
    let third = Pop3Client::try_connect(daemon.port()).expect("a greeting");
    assert!(third.greeting().starts_with("-ERR [SYS/TEMP] "), "{}", third.greeting());
    second.quit();
    let next = eventually("room again", || {
        Pop3Client::try_connect(daemon.port()).ok().filter(|pop| is_ok(pop.greeting()))
    });
    next.quit();
    first.quit();
}

#[test]
fn allow_plaintext_never_refuses_a_login_without_tls() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .setting("allow_plaintext = \"never\"")
        .start();
    let refused = daemon.account("alice").try_login().err().expect("a refusal");
    assert!(refused.to_string().starts_with("-ERR"), "{refused}");
    daemon.logged(&["login failed", "reason=plaintext"]);
}

#[test]
fn only_the_listed_addresses_are_listened_on() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .setting("listen = [\"127.0.0.1\", \"127.0.0.2\"]")
        .start();
    let connects = |address: &str| TcpStream::connect((address, daemon.port())).is_ok();
    assert_eq!(["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(connects), [true, true, false]);
}

#[test]
fn a_password_may_be_any_crypt_hash() {
    let daemon = Daemon::new(Format::Mbox)
        .user_with("six", SHA512)
        .user_with("five", SHA256)
        .user_with("one", MD5)
        .user_with("plain", "{PLAIN}secret word")
        .user_with("scheme", &format!("{{CRYPT}}{SHA512}"))
        .start();
    for user in ["six", "five", "one", "plain", "scheme"] {
        daemon.account(user).login().quit();
        let wrong = TestAccount { password: "secret wor".to_owned(), ..daemon.account(user) };
        let refused = wrong.try_login().err().expect("a refusal");
        assert!(refused.to_string().starts_with("-ERR [AUTH] "), "{user}: {refused}");
    }
}

/// crypt(3) hashes of `secret word`, from `openssl passwd -6 -salt saltsalt`, and `-5` and `-1`.
const SHA512: &str =
    "$6$saltsalt$Gbd7qCDlJSddZ9S5ri9ajiQJKxrbcZm6VQVUgvH3MPS64F04DY8tRDK9uBQT/2Mr1LV40gv.JBbSMCRKp6QE21";
const SHA256: &str = "$5$saltsalt$TMstmfyDkEKUzCM2cfg8cAVXyYwWzO5hkmSBo1emCg6";
const MD5: &str = "$1$saltsalt$dKvKQdMKQstBDuhsjfeqR1";

/// Asserts that the client got a reason and nothing else, or that the connection was just closed.
fn assert_farewell(rest: &[u8]) {
    assert!(rest.is_empty() || rest.starts_with(b"-ERR "), "{}", rest.escape_ascii());
}

fn is_ok(reply: &str) -> bool {
    reply.starts_with("+OK")
}

#[test]
fn max_servers_per_ip_turns_the_next_one_from_there_away() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("max_servers_per_ip = 2").start();
    // The daemon may still count the connection that waited for it to start.
    let first = eventually("a place", || Pop3Client::try_connect(daemon.port()).ok().filter(is_greeted));
    let second = eventually("another", || Pop3Client::try_connect(daemon.port()).ok().filter(is_greeted));
    let third = Pop3Client::try_connect(daemon.port()).expect("a line");
    assert!(third.greeting().starts_with("-ERR [SYS/TEMP]"), "{}", third.greeting());
    drop((first, second));
    eventually("a place again", || Pop3Client::try_connect(daemon.port()).ok().filter(is_greeted));
}

#[test]
fn max_servers_per_user_counts_a_users_sessions_and_names_the_limit() {
    // Two names with a maildrop each: the limit is per name.
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user("bob", &[])
        .setting("max_servers_per_user = 1")
        .start();
    let alice = daemon.account("alice").login();
    daemon.account("bob").login().quit();
    // A second session for the same maildrop gets IN-USE before any limit applies.
    assert!(daemon.account("alice").try_login().is_err());
    alice.quit();
    daemon.account("alice").login_when_free().quit();
}

#[test]
fn reject_bogus_user_tells_at_user() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("reject_bogus_user = true").start();
    let mut pop = Pop3Client::connect(daemon.port());
    assert!(pop.err("USER nobody-here").starts_with("[AUTH]"));
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    pop.quit();
    daemon.logged(&["login failed", "user=<nobody-here>", "reason=unknown-user"]);
}

#[test]
fn a_failed_login_is_answered_late_and_holds_up_nobody_else() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .user("bob", &[])
        .setting("auth_failure_delay = 2")
        .start();
    let mut guesser = Pop3Client::connect(daemon.port());
    guesser.ok("USER alice");
    guesser.send(b"PASS wrong\r\n").expect("sending");
    daemon.logged(&["login failed", "reason=password"]);
    // While this reply is delayed, others are served.
    daemon.account("bob").login().quit();
    guesser.stream().set_read_timeout(Some(std::time::Duration::from_millis(200))).expect("a timeout");
    assert!(guesser.reply().is_err(), "the reply was not delayed");
}

fn is_greeted(pop: &Pop3Client) -> bool {
    pop.greeting().starts_with("+OK")
}
