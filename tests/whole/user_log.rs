//! The users' own logs: what they contain, who owns them, and that mail does not depend on them.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::{Daemon, Format, OWNER, eventually, is_root, messages};

#[test]
fn level_1_has_the_session_and_what_was_retrieved() {
    for format in Format::BOTH {
        let (daemon, log) = with_log(format, &["[user_log]", "alice = 1"]);
        let octets: Vec<usize> = messages::ordinary().iter().map(|message| message.wire().len()).collect();
        let mut pop = daemon.account("alice").login();
        pop.body("RETR 1");
        pop.body("TOP 2 0");
        pop.body("RETR 3");
        pop.quit();
        let expected = [
            "DATE CONNECTION OPENED".to_owned(),
            format!("RETRieved\t{}\tDATE", octets[0]),
            format!("RETRieved\t{}\tDATE", octets[2]),
            "DATE CONNECTION CLOSED quit".to_owned(),
        ];
        assert_eq!(log.lines_with("CLOSED quit"), expected, "{format:?}");
        let about = fs::metadata(&log.0).expect("the log");
        assert_eq!(about.mode() & 0o777, 0o600);
        if is_root() {
            assert_eq!((about.uid(), about.gid()), (OWNER, OWNER));
        }
        drop(daemon.account("alice").login());
        assert_eq!(log.lines_with("CLOSED closed").len(), expected.len() + 2);
    }
}

#[test]
fn level_2_has_every_command_and_no_password() {
    let (daemon, log) = with_log(Format::Mbox, &["[user_log]", "alice = 2"]);
    let mut pop = daemon.account("alice").login();
    pop.ok("STAT");
    // The log is written while the session is open.
    log.lines_with("STAT");
    pop.err("RETR 99");
    pop.err("PASS again secret");
    pop.err("nonsense");
    pop.ok("DELE 2");
    pop.quit();
    let lines = log.lines_with("CLOSED quit");
    let commands: Vec<&str> = lines.iter().map(|line| line.strip_prefix("DATE ").unwrap_or(line)).collect();
    assert_eq!(commands[..3], ["CONNECTION OPENED", "PASS ******", "STAT"]);
    assert!(commands[3].starts_with("RETR 99 ("), "{}", commands[3]);
    assert!(commands[4].starts_with("PASS ****** ("), "{}", commands[4]);
    assert!(commands[5].starts_with("bad line"), "{}", commands[5]);
    assert_eq!(commands[6..], ["DELE 2", "QUIT", "CONNECTION CLOSED quit"]);
    assert!(!log.read().contains("secret"), "{}", log.read());
}

#[test]
fn without_passsecret_level_2_has_the_password_and_the_central_log_does_not() {
    let (daemon, log) = with_log(Format::Mbox, &["passsecret = false", "[user_log]", "alice = 2"]);
    let mut pop = daemon.account("alice").login();
    pop.ok("NOOP");
    pop.quit();
    assert_eq!(log.lines_with("CLOSED quit")[1], "DATE PASS <secret word>");
    daemon.logged(&["logout"]);
    assert!(!daemon.log().contains("secret word"), "{}", daemon.log());
}

#[test]
fn a_long_pipeline_is_logged_whole_and_in_order() {
    const COMMANDS: usize = 3000;
    let (daemon, log) = with_log(Format::Maildir, &["[user_log]", "alice = 2"]);
    let mut pop = daemon.account("alice").login();
    for command in ["NOOP\r\n", "LIST 1\r\n"] {
        pop.send(command.repeat(COMMANDS / 2).as_bytes()).expect("the pipeline");
        for _ in 0..COMMANDS / 2 {
            assert!(pop.reply().expect("a reply").starts_with("+OK"));
        }
    }
    pop.quit();
    let lines = log.lines_with("CLOSED quit");
    let noops = lines.iter().position(|line| line == "DATE LIST 1").expect("the second half") - 2;
    assert_eq!((noops, lines.len()), (COMMANDS / 2, COMMANDS + 4), "{:?}", &lines[..4]);
}

#[test]
fn a_log_that_was_rotated_begins_anew_without_a_signal() {
    let (daemon, log) = with_log(Format::Mbox, &["[user_log]", "alice = 1"]);
    daemon.account("alice").login().quit();
    log.lines_with("CLOSED");
    let old = log.0.with_extension("1");
    fs::rename(&log.0, &old).expect("renaming");
    daemon.account("alice").login().quit();
    assert_eq!(log.lines_with("CLOSED").len(), 2);
    assert_eq!(fs::read_to_string(&old).expect("the old log").lines().count(), 2);
}

#[test]
fn a_log_that_cannot_be_had_keeps_nobody_from_mail() {
    let (daemon, log) = with_log(Format::Mbox, &["[user_log]", "alice = 2"]);
    let elsewhere = daemon.path("elsewhere");
    fs::write(&elsewhere, "precious").expect("a file");
    symlink(&elsewhere, &log.0).expect("a link");
    let mut pop = daemon.account("alice").login();
    pop.body("RETR 1");
    pop.quit();
    daemon.logged(&["the own log of user=<alice> cannot be opened"]);
    assert_eq!(fs::read(&elsewhere).expect("the file"), b"precious");
}

#[test]
fn a_configuration_that_is_re_read_gives_and_takes_logs() {
    let (mut daemon, log) = with_log(Format::Mbox, &["user_log.alice = 1"]);
    let folder = log.0.parent().expect("the folder").to_owned();
    let mut before = daemon.account("alice").login();
    daemon.forget("user_log.alice");
    daemon.reconfigure("user_log.bob = 2");
    daemon.supervisor().signal(Signal::USR1);
    daemon.logged(&["the configuration was re-read"]);
    // A session keeps the settings that it began with.
    before.body("RETR 1");
    before.quit();
    assert_eq!(log.lines_with("CLOSED quit").len(), 3);
    daemon.account("alice").login().quit();
    daemon.account("bob").login().quit();
    Log(folder.join("bob")).lines_with("CLOSED quit");
    assert_eq!(log.read().lines().count(), 3);
}

#[test]
fn who_is_not_named_has_no_log() {
    let (daemon, log) = with_log(Format::Mbox, &["[user_log]", "bob = 2"]);
    daemon.account("alice").login().quit();
    daemon.logged(&["logout", "user=<alice>"]);
    assert!(!log.0.exists());
    assert_eq!(fs::read_dir(daemon.path("logs")).expect("the folder").count(), 0);
}

/// Alice's log.
struct Log(PathBuf);

impl Log {
    fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// Waits until a line has these words; returns all lines, with each date as `DATE`.
    fn lines_with(&self, words: &str) -> Vec<String> {
        let text = eventually(&format!("{words} in {}", self.0.display()), || {
            Some(self.read()).filter(|text| text.contains(words))
        });
        text.lines().map(undated).collect()
    }
}

/// The line with its date replaced by `DATE`.
fn undated(line: &str) -> String {
    const SHAPE: &str = "0000-00-00T00:00:00Z";
    let shape: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let at = shape.find(SHAPE).unwrap_or_else(|| panic!("no date in: {line}"));
    format!("{}DATE{}", &line[..at], &line[at + SHAPE.len()..])
}

/// A daemon with alice and these settings.
fn with_log(format: Format, settings: &[&str]) -> (Daemon, Log) {
    let daemon = Daemon::new(format).user("alice", &messages::ordinary()).user("bob", &[]);
    let folder = daemon.path("logs");
    let daemon = daemon.setting(&format!("user_log_dir = \"{}\"", folder.display()));
    let daemon = settings.iter().fold(daemon, |daemon, line| daemon.setting(line));
    (daemon.start(), Log(folder.join("alice")))
}
