//! The log lines that scripts and fail2ban read.

use crate::harness::{Daemon, Format, Pop3Client, messages};

#[test]
fn a_session_leaves_a_line_for_its_login_and_one_for_its_end() {
    let all = messages::ordinary();
    let daemon = Daemon::new(Format::Maildir).user("alice", &all).start();
    let mut pop = daemon.account("alice").login();
    let size = pop.stat().1;
    let sent = pop.body("RETR 1").len() + pop.body("RETR 2").len();
    let top = pop.body("TOP 3 0").len();
    pop.ok("DELE 1");
    pop.quit();

    let login = daemon.logged(&["login ok"]);
    let fields = parsed(&login, "INFO login ok");
    assert_eq!(fields[0], "user=<alice>");
    assert_eq!(fields[1], "ip=127.0.0.1");
    assert!(fields.contains(&"method=PASS"), "{login}");
    let session = fields.last().expect("fields");
    assert!(session.starts_with("session="), "{login}");

    let logout = daemon.logged(&["logout", session]);
    let fields = parsed(&logout, "INFO logout");
    let expected = format!(
        "user=<alice> ip=127.0.0.1 reason=quit top=1/{top} retr=2/{sent} del=1/{} size={size} {session}",
        all.len()
    );
    assert_eq!(fields.join(" "), expected);
}

#[test]
fn a_dropped_line_is_logged_as_closed() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    drop(daemon.account("alice").login());
    daemon.logged(&["logout", "user=<alice>", "reason=closed", "retr=0/0"]);
}

#[test]
fn a_failed_login_can_be_counted_and_says_why() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    for (user, reason) in [("alice", "password"), ("mallory", "unknown-user")] {
        pop.ok(&format!("USER {user}"));
        pop.err("PASS not the word");
        let line = daemon.logged(&["login failed", &format!("user=<{user}>")]);
        let fields = parsed(&line, "WARN login failed");
        assert_eq!(
            fields[..3],
            [format!("user=<{user}>"), "ip=127.0.0.1".into(), format!("reason={reason}")]
        );
        assert!(fields[3].starts_with("session="), "{line}");
    }
    assert!(!daemon.log().contains("not the word"), "a password in the log: {}", daemon.log());
}

#[test]
fn a_user_name_cannot_forge_a_log_line() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    let name = "x> ip=192.0.2.9 login ok user=<alice";
    if pop.ask(&format!("USER {name}")).expect("a reply").starts_with("+OK") {
        pop.err("PASS x");
    }
    drop(pop);
    // Another login: when it is logged, everything about the first one is.
    daemon.account("alice").login().quit();
    daemon.logged(&["logout", "user=<alice>"]);
    for line in daemon.log().lines().filter(|line| line.contains("192.0.2.9")) {
        assert!(line.contains("login failed"), "{line}");
        assert_eq!((line.matches('<').count(), line.matches('>').count()), (1, 1), "{line}");
    }
}

/// The fields of a log line after its time and `event`.
fn parsed<'a>(line: &'a str, event: &str) -> Vec<&'a str> {
    let (time, rest) = line.split_once(' ').expect("a log line");
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{line}");
    let fields = rest.strip_prefix(event).unwrap_or_else(|| panic!("not {event}: {line}"));
    fields.split_whitespace().collect()
}
