//! The central log: where it goes, how it is written, and that mail never waits for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::{Daemon, Format, Pop3Client, eventually, messages};

const LOG: &str = "mpopd-log";

#[test]
fn the_log_file_has_every_line_and_is_not_for_everybody() {
    let (daemon, log) = with_log_file(&[]);
    session(&daemon);
    let text = log.with(&["logout user=<alice>"]);
    let mode = fs::metadata(&log.0).expect("the log file").permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    for words in ["INFO listening on 127.0.0.1:", "INFO login ok user=<alice> ip=127.0.0.1 tls=none"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // With -F standard error has the same.
    daemon.logged(&["logout user=<alice>"]);
}

#[test]
fn json_has_the_same_fields() {
    let (daemon, log) = with_log_file(&["log_format = \"json\""]);
    let mut pop = daemon.account("alice").login();
    pop.body("RETR 1");
    pop.quit();
    let text = log.with(&["\"event\":\"logout\""]);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let event = |name: &str| lines.iter().find(|line| line["event"] == name).expect("the event");
    let (login, logout) = (event("login ok"), event("logout"));
    assert_eq!(
        (&login["level"], &login["user"], &login["ip"]),
        (&"INFO".into(), &"alice".into(), &"127.0.0.1".into())
    );
    assert_eq!((&login["tls"], &login["method"]), (&"none".into(), &"PASS".into()));
    assert_eq!(login["session"], logout["session"]);
    assert_eq!(logout["reason"], "quit");
    let octets = messages::ordinary()[0].wire().len();
    assert_eq!(logout["retr"], format!("1/{octets}"));
    assert!(
        logout["size"].as_u64().is_some_and(|size| size >= u64::try_from(octets).expect("a size")),
        "{logout}"
    );
}

#[test]
fn with_debug_the_steps_of_a_login_in_auth_have_the_number_of_the_session() {
    let (daemon, log) = with_log_file(&["log_format = \"json\"", "log_level = \"debug\""]);
    session(&daemon);
    let text = log.with(&["\"event\":\"logout\"", "\"step\":\"open\"", "\"step\":\"password\""]);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let login = lines.iter().find(|line| line["event"] == "login ok").expect("a login");
    for (event, step, answer) in
        [("maildrop ordered", "open", "sent"), ("login judged", "password", "accepted")]
    {
        let line = lines.iter().find(|line| line["role"] == "auth" && line["step"] == step);
        let line = line.unwrap_or_else(|| panic!("{step}: {text}"));
        assert_eq!((&line["event"], &line["answer"]), (&event.into(), &answer.into()));
        assert_eq!((&line["level"], &line["user"]), (&"DEBUG".into(), &"alice".into()));
        assert_eq!(line["session"], login["session"]);
        assert!(line["us"].is_u64(), "{line}");
    }
    assert!(!text.contains("secret word"), "{text}");
}

#[test]
fn log_level_leaves_out_what_matters_less() {
    let (daemon, log) = with_log_file(&["log_level = \"warn\""]);
    session(&daemon);
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("USER alice");
    pop.err("PASS wrong");
    let text = log.with(&["WARN login failed user=<alice>"]);
    assert!(!text.contains("INFO"), "{text}");
}

#[test]
fn debug_lines_follow_a_session_by_its_number_and_show_no_secrets() {
    let (daemon, log) = with_log_file(&["log_level = \"debug\""]);
    let account = daemon.account("alice");
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("USER alice");
    pop.ok(&format!("PASS {}", account.password));
    pop.body("RETR 1");
    pop.ok("NOOP");
    pop.quit();
    let mut pop = Pop3Client::connect(daemon.port());
    pop.err("AUTH PLAIN AGFsaWNlAHNlY3JldA==");
    pop.err("FROB secret");
    pop.quit();
    let text = eventually("the end of both sessions", || {
        Some(log.read()).filter(|text| text.matches("step=close reason=quit").count() == 2)
    });
    let login = text.lines().find(|line| line.contains("login ok")).expect("the login");
    let number = login.rsplit_once("session=").expect("its number").1;
    let followed: Vec<&str> =
        text.lines().filter(|line| line.contains(&format!("session={number} "))).collect();
    for (event, step) in [
        ("accepted", "accept"),
        ("command USER", "replied"),
        ("login asked", "login"),
        ("login answered", "login"),
        ("command PASS ******", "login"),
        ("fetch asked", "fetch"),
        ("fetch answered", "fetch"),
        ("command RETR 1", "fetch"),
        ("command NOOP", "replied"),
        ("finish answered", "finish"),
        ("command QUIT", "finish"),
        ("closed", "close"),
    ] {
        let step = format!("role=session step={step}");
        let found =
            followed.iter().any(|line| line.contains(&format!(" DEBUG {event} ")) && line.contains(&step));
        assert!(found, "{event} {step}: {text}");
    }
    for secret in [account.password.as_str(), "AGFsaWNl", "secret"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn sigusr2_begins_a_new_file_and_loses_nothing() {
    let (daemon, log) = with_log_file(&[]);
    session(&daemon);
    log.with(&["logout"]);
    let old = Log(log.0.with_extension("1"));
    fs::rename(&log.0, &old.0).expect("renaming the log");
    session(&daemon);
    eventually("the second session in the old file", || {
        (old.read().matches("logout").count() == 2).then_some(())
    });
    daemon.supervisor().signal(Signal::USR2);
    eventually("a new file", || log.0.exists().then_some(()));
    session(&daemon);
    log.with(&["login ok", "logout"]);
    assert_eq!(old.read().matches("logout").count(), 2);
}

#[test]
fn a_killed_log_role_is_restarted_and_mail_goes_on() {
    let (daemon, log) = with_log_file(&[]);
    let mut open = daemon.account("alice").login();
    log.with(&["login ok"]);
    let killed = daemon.role(LOG);
    killed.iter().for_each(|process| process.signal(Signal::KILL));
    open.body("RETR 1");
    open.quit();
    log.with(&["log ended with signal 9; it is restarted", "logout user=<alice>"]);
    assert!(daemon.role(LOG).iter().all(|process| !killed.contains(process)));
}

#[test]
fn a_log_file_that_cannot_be_opened_stops_no_mail_and_gets_its_lines_later() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let folder = daemon.path("missing");
    let log = Log(folder.join("log"));
    let daemon = daemon.setting(&log.setting()).start();
    session(&daemon);
    session(&daemon);
    daemon.logged(&["logout"]);
    let said = daemon.logged(&["cannot be written"]);
    assert!(said.contains(&log.0.display().to_string()) && said.contains("No such file"), "{said}");
    fs::create_dir(&folder).expect("the folder");
    let text = eventually("what was kept", || {
        Some(log.read()).filter(|text| text.matches("INFO logout").count() == 2)
    });
    assert!(text.contains("listening on"), "{text}");
    assert_eq!(daemon.log().matches("cannot be written").count(), 1, "{}", daemon.log());
}

#[test]
fn a_full_disk_stops_no_mail_and_leaves_no_half_line() {
    let (daemon, log) = with_log_file(&[]);
    session(&daemon);
    log.with(&["logout"]);
    // No room for a whole line more: what a disk does that has a few octets left.
    let role = daemon.role(LOG)[0];
    role.limit("fsize", Some(u64::try_from(log.read().len()).expect("a size") + 30));
    for _ in 0..5 {
        session(&daemon);
    }
    daemon.logged(&["cannot be written"]);
    let text = log.read();
    assert_eq!(text.matches("logout").count(), 1, "{text}");
    assert!(text.ends_with('\n'), "{text}");
    role.limit("fsize", None);
    let text =
        eventually("what was kept", || Some(log.read()).filter(|text| text.matches("logout").count() == 6));
    assert!(text.lines().all(|line| line.contains(" INFO ") && line.starts_with("20")), "{text}");
    assert_eq!(text.matches("login ok").count(), 6, "{text}");
}

#[test]
fn mail_does_not_wait_for_a_log_that_hangs_and_what_is_lost_is_counted() {
    let (daemon, log) = with_log_file(&["allow_plaintext = \"never\""]);
    let refused = || {
        let mut pop = Pop3Client::connect(daemon.port());
        pop.err("USER alice");
        pop.quit();
    };
    refused();
    let before = log.with(&["login failed"]).matches("login failed").count();
    let role = daemon.role(LOG)[0];
    role.signal(Signal::STOP);
    // Each leaves a line: more of them than the kernel keeps.
    const REFUSED: usize = 5000;
    (0..REFUSED).for_each(|_| refused());
    role.signal(Signal::CONT);
    eventually("the log to go on", || (log.read().matches("login failed").count() > 100).then_some(()));
    refused();
    let text = log.with(&["log lines were lost"]);
    let lost: usize = text
        .lines()
        .filter_map(|line| {
            line.split_once(" WARN ")?.1.strip_suffix(" log lines were lost: the log could not keep up")
        })
        .map(|number| number.parse::<usize>().expect("a number"))
        .sum();
    eventually("every line that was not lost", || {
        (log.read().matches("login failed").count() + lost == before + REFUSED + 1).then_some(())
    });
}

#[test]
fn a_configuration_that_is_re_read_moves_the_log_for_sessions_that_go_on_too() {
    let (mut daemon, old) = with_log_file(&[]);
    let open = daemon.account("alice").login();
    old.with(&["login ok"]);
    let new = Log(daemon.path("new-log"));
    daemon.reconfigure("log_format = \"json\"");
    daemon.reconfigure(&new.setting());
    daemon.supervisor().signal(Signal::USR1);
    new.with(&["the configuration was re-read"]);
    open.quit();
    session(&daemon);
    let text = new.with(&["\"event\":\"login ok\""]);
    eventually("both ends", || (new.read().matches("\"event\":\"logout\"").count() == 2).then_some(()));
    assert!(text.lines().all(|line| line.starts_with('{')), "{text}");
    assert!(!old.read().contains("logout"), "{}", old.read());
}

#[test]
fn sigusr2_finds_a_log_folder_that_was_made_anew() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let folder = daemon.path("logs");
    fs::create_dir(&folder).expect("a folder");
    let log = Log(folder.join("log"));
    let daemon = daemon.setting(&log.setting()).start();
    session(&daemon);
    log.with(&["logout"]);
    fs::rename(&folder, daemon.path("old-logs")).expect("the old folder away");
    fs::create_dir(&folder).expect("another folder");
    daemon.supervisor().signal(Signal::USR2);
    eventually("a line in the new folder", || {
        session(&daemon);
        log.read().contains("login ok").then_some(())
    });
}

#[test]
fn the_last_line_is_written_before_the_daemon_ends() {
    let (mut daemon, log) = with_log_file(&[]);
    let _open = daemon.account("alice").login();
    let status = daemon.end(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    let text = log.read();
    assert!(text.contains("reason=shutdown"), "{text}");
    assert!(text.ends_with(" INFO mpopd halted\n"), "{text}");
}

#[test]
fn syslog_and_journald_that_are_not_there_stop_no_mail() {
    for target in ["syslog", "journald"] {
        let daemon = Daemon::new(Format::Mbox)
            .user("alice", &messages::ordinary())
            .setting(&format!("debug_log = \"{target}\""))
            .start();
        session(&daemon);
        daemon.logged(&["logout user=<alice>"]);
        let socket = if target == "syslog" { "/dev/log" } else { "/run/systemd/journal/socket" };
        if !Path::new(socket).exists() {
            daemon.logged(&[socket, "cannot be written"]);
        }
    }
}

/// A log file of the test's own.
struct Log(PathBuf);

impl Log {
    fn setting(&self) -> String {
        format!("debug_log = \"{}\"", self.0.display())
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// The text once all these words are in it.
    fn with(&self, words: &[&str]) -> String {
        eventually(&format!("{words:?} in {}", self.0.display()), || {
            Some(self.read()).filter(|text| words.iter().all(|word| text.contains(word)))
        })
    }
}

/// A daemon with one user and a log file.
fn with_log_file(settings: &[&str]) -> (Daemon, Log) {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let log = Log(daemon.path("log"));
    let daemon = settings.iter().fold(daemon.setting(&log.setting()), |daemon, line| daemon.setting(line));
    (daemon.start(), log)
}

fn session(daemon: &Daemon) {
    daemon.account("alice").login().quit();
}
