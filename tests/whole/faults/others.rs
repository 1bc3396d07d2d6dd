//! Bugs that other POP3 servers have or had, in the order of the table in docs/conformance.md.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::FileExt;

use rustix::process::Signal;

use crate::harness::{
    Daemon, Format, Message, OWNER, PATIENCE, Pop3Client, TestAccount, eventually, give, messages,
};

fn three() -> Vec<Message> {
    ["one", "two", "three"]
        .map(|text| Message(format!("Subject: {text}\nX: y\n\n1 {text}\n2\n3\n").into_bytes()))
        .to_vec()
}

/// A session with the three messages of [`three`], and its daemon.
fn session() -> (Daemon, Pop3Client) {
    let daemon = Daemon::new(Format::Mbox).user("alice", &three()).start();
    let pop = daemon.account("alice").login();
    (daemon, pop)
}

#[test]
fn message_0_is_not_message_1() {
    let (_daemon, mut pop) = session();
    for command in ["RETR 0", "DELE 0", "LIST 0", "UIDL 0", "TOP 0 1", "RETR 00"] {
        pop.err(command);
    }
    assert_eq!(pop.stat().0, 3);
}

#[test]
fn stat_list_and_uidl_do_not_count_deleted_messages() {
    let (_daemon, mut pop) = session();
    let (sizes, ids) = (pop.list(), pop.uidl());
    pop.ok("DELE 2");
    assert_eq!(pop.stat(), (2, sizes[0] + sizes[2]));
    assert_eq!(pop.lines("LIST"), [format!("1 {}", sizes[0]), format!("3 {}", sizes[2])]);
    assert_eq!(pop.lines("UIDL"), [format!("1 {}", ids[0]), format!("3 {}", ids[2])]);
}

#[test]
fn retr_and_top_of_a_deleted_message_are_refused() {
    let (_daemon, mut pop) = session();
    pop.ok("DELE 2");
    for command in ["RETR 2", "TOP 2 0", "DELE 2", "LIST 2", "UIDL 2"] {
        pop.err(command);
    }
    assert_eq!(pop.body("RETR 3"), three()[2].wire());
}

#[test]
fn top_does_not_count_header_lines() {
    let (_daemon, mut pop) = session();
    assert_eq!(pop.body("TOP 1 1"), b"Subject: one\r\nX: y\r\n\r\n1 one\r\n");
}

#[test]
fn top_0_sends_the_header_only() {
    let (_daemon, mut pop) = session();
    assert_eq!(pop.body("TOP 1 0"), b"Subject: one\r\nX: y\r\n\r\n");
}

#[test]
fn a_dot_on_the_very_first_line_is_stuffed() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &[Message(b".\n\n.\n".to_vec())]).start();
        let mut pop = daemon.account("alice").login();
        for command in ["RETR 1", "TOP 1 9"] {
            pop.ok(command);
            let lines: Vec<_> = (0..4).map(|_| pop.reply().expect("a line")).collect();
            assert_eq!(lines, ["..", "", "..", "."], "{format:?}: {command}");
        }
    }
}

#[test]
fn a_message_without_a_last_newline_is_terminated() {
    for format in Format::BOTH {
        let daemon =
            Daemon::new(format).user("alice", &[Message(b"Subject: x\n\nlast line".to_vec())]).start();
        let mut pop = daemon.account("alice").login();
        for command in ["RETR 1", "TOP 1 1"] {
            assert_eq!(pop.body(command), b"Subject: x\r\n\r\nlast line\r\n", "{format:?}: {command}");
        }
        assert_eq!(pop.list(), [25]);
    }
}

#[test]
fn sums_over_32_bits_are_told_whole() {
    let daemon = Daemon::new(Format::Maildir).user("alice", &[]);
    for number in 1..=2 {
        // A sparse file that ends with a newline, and whose name states its size.
        let name = format!("new/170000000{number}.M1P1.host,S=2999999999,W=3000000000");
        let file = File::create(daemon.mailbox("alice").join(name)).expect("a file");
        file.write_all_at(b"\n", 2_999_999_998).expect("a large file");
    }
    give(&daemon.mailbox("alice"), OWNER);
    let daemon = daemon.start();
    let mut pop = daemon.account("alice").login();
    assert_eq!(pop.ok("STAT"), "2 6000000000");
    assert_eq!(pop.ok("LIST 2"), "2 3000000000");
    pop.ok("DELE 1");
    assert_eq!(pop.ok("STAT"), "1 3000000000");
}

#[test]
fn a_password_may_have_spaces() {
    let daemon = Daemon::new(Format::Mbox).user_with("alice", "{PLAIN}  two  and three ").start();
    let account = |password: &str| TestAccount { password: password.to_owned(), ..daemon.account("alice") };
    account("  two  and three ").login().quit();
    for wrong in ["two and three", "two", "  two  and three", " two  and three "] {
        assert!(account(wrong).try_login().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_sasl_response_may_be_longer_than_1_kib() {
    let password = "x".repeat(5000);
    let daemon = Daemon::new(Format::Mbox).user_with("alice", &format!("{{PLAIN}}{password}")).start();
    let response = base64(format!("\0alice\0{password}").as_bytes());
    let mut pop = Pop3Client::connect(daemon.port());
    assert_eq!(pop.ask("AUTH PLAIN").expect("a challenge"), "+ ");
    pop.ok(&response);
    pop.quit();
    // Old clients and Outlook send the response with the command, longer than the 255 octets of other
    // commands.
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok(&format!("AUTH PLAIN {response}"));
    pop.quit();
}

#[test]
fn a_star_cancels_auth() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    for mechanism in ["PLAIN", "LOGIN"] {
        assert!(pop.ask(&format!("AUTH {mechanism}")).expect("a challenge").starts_with("+ "));
        let said = pop.err("*");
        assert!(!said.starts_with("[AUTH]"), "the reply calls it a wrong password: {said}");
    }
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    pop.quit();
}

#[test]
fn a_bare_auth_lists_the_mechanisms_for_old_outlook() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    let listed = pop.lines("AUTH");
    assert!(listed.contains(&"PLAIN".to_owned()), "{listed:?}");
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    pop.quit();
}

#[test]
fn capa_is_the_same_before_and_after_login_and_has_uidl() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    let before = pop.lines("CAPA");
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    assert_eq!(pop.lines("CAPA"), before);
    for capability in ["UIDL", "TOP", "USER"] {
        assert!(before.contains(&capability.to_owned()), "{capability}: {before:?}");
    }
}

#[test]
fn quit_is_not_ok_when_the_deletion_failed() {
    let (daemon, mut pop) = session();
    pop.ok("DELE 1");
    // Another program rewrites the mailbox, ignoring all locks.
    fs::write(daemon.mailbox("alice"), b"From x\nSubject: another mailbox\n\n").expect("rewriting");
    assert!(pop.err("QUIT").starts_with("[SYS/"));
    assert_eq!(pop.rest(), b"");
    let left = fs::read(daemon.mailbox("alice")).expect("the mailbox");
    assert_eq!(left, b"From x\nSubject: another mailbox\n\n");
}

#[test]
fn quit_is_answered_exactly_once() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &three()).start();
    let script = |commands: &str| {
        let mut pop = Pop3Client::connect(daemon.port());
        pop.send(commands.as_bytes()).expect("sending");
        String::from_utf8(pop.rest()).expect("ASCII")
    };
    for before in [
        "",
        "USER alice\r\n",
        "USER alice\r\nPASS secret word\r\n",
        "USER alice\r\nPASS secret word\r\nDELE 1\r\n",
    ] {
        let said = script(&format!("{before}QUIT\r\n"));
        assert_eq!(said.lines().count(), before.lines().count() + 1, "{before}: {said}");
        assert!(said.lines().last().is_some_and(|line| line.starts_with("+OK")), "{said}");
    }
    // Commands after QUIT are not answered.
    let said = script("QUIT\r\nNOOP\r\nQUIT\r\n");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_client_that_drops_the_line_right_after_quit_has_its_deletions_done() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &three()).start();
        let mut pop = daemon.account("alice").login();
        pop.send(b"DELE 1\r\nDELE 2\r\nQUIT\r\n").expect("sending");
        drop(pop);
        daemon.logged(&["logout", "user=<alice>", "del=2/3"]);
        let mut pop = daemon.account("alice").login_when_free();
        assert_eq!(pop.retrieve_all(), [three()[2].wire()], "{format:?}");
    }
}

#[test]
fn a_session_that_crashes_leaves_no_lock() {
    for mode in ["mbox", "disk", "ram"] {
        let setting = format!("storage = \"{mode}\"\nretry_on_lock = 1");
        let mut daemon = Daemon::new(Format::Mbox).setting(&setting).user("alice", &three()).start();
        for role in ["mpopd-session", "mpopd-maildrop"] {
            let mut pop = daemon.account("alice").login_when_free();
            pop.ok("DELE 1");
            let killed = daemon.role(role);
            killed.iter().for_each(|process| process.signal(Signal::KILL));
            // Wait for all of their threads: a thread that is still exiting could be given a login.
            eventually("their end", || {
                (!killed.iter().any(|process| process.status("State").is_some())).then_some(())
            });
            drop(pop);
            // The next login works at once, without minutes of waiting or help from an administrator.
            assert_eq!(
                daemon.account("alice").login_when_free().stat().0,
                3,
                "{mode}: after {role} was killed"
            );
        }
        let mut pop = daemon.account("alice").login_when_free();
        pop.ok("DELE 1");
        daemon.end(Signal::KILL);
        daemon.start_again();
        assert_eq!(daemon.account("alice").login().stat().0, 3, "{mode}: after all were killed");
    }
}

#[test]
fn uidls_stay_when_the_index_is_lost() {
    for format in Format::BOTH {
        let mut daemon = Daemon::new(format).user("alice", &messages::archive(20)).start();
        let mut pop = daemon.account("alice").login();
        pop.ok("DELE 3");
        pop.quit();
        let ids = daemon.account("alice").login().uidl();
        daemon.end(Signal::TERM);
        fs::remove_dir_all(daemon.path("state")).expect("all that mpopd keeps of its own");
        daemon.start_again();
        assert_eq!(daemon.account("alice").login().uidl(), ids, "{format:?}");
    }
}

#[test]
fn uidls_stay_when_another_program_edits_the_mailbox() {
    let all = messages::archive(6);
    let daemon = Daemon::new(Format::Mbox).user("alice", &all).start();
    let ids = daemon.account("alice").login().uidl();
    // A mail program marks messages as read and removes the second one.
    let text = fs::read_to_string(daemon.mailbox("alice")).expect("ASCII");
    let edited: Vec<String> = text
        .split("From sender@example.org")
        .enumerate()
        .filter(|(number, _)| *number != 2)
        .map(|(_, part)| part.replacen("\nFrom: ", "\nStatus: RO\nX-Status: A\nFrom: ", 1))
        .collect();
    fs::write(daemon.mailbox("alice"), edited.join("From sender@example.org")).expect("editing");
    let kept = [&ids[..1], &ids[2..]].concat();
    assert_eq!(daemon.account("alice").login_when_free().uidl(), kept);

    let daemon = Daemon::new(Format::Maildir).user("alice", &all).start();
    let ids = daemon.account("alice").login().uidl();
    for entry in fs::read_dir(daemon.mailbox("alice").join("new")).expect("new") {
        let entry = entry.expect("an entry");
        let seen = format!("cur/{}:2,RS", entry.file_name().to_string_lossy());
        fs::rename(entry.path(), daemon.mailbox("alice").join(seen)).expect("marking as seen");
    }
    assert_eq!(daemon.account("alice").login_when_free().uidl(), ids);
}

#[test]
fn a_client_that_reads_only_when_it_cannot_send_is_served() {
    const COMMANDS: usize = 100_000;
    let (_daemon, pop) = session();
    let mut line: &TcpStream = pop.stream();
    let pipeline = "UIDL 1\r\n".repeat(COMMANDS) + "QUIT\r\n";
    let mut to_send = pipeline.as_bytes();
    let (mut replies, mut buffer) = (0, vec![0; 4096]);
    let mut take = |octets: &[u8]| replies += octets.iter().filter(|&&octet| octet == b'\n').count();
    line.set_nonblocking(true).expect("not to wait");
    while !to_send.is_empty() {
        match line.write(to_send) {
            Ok(sent) => to_send = &to_send[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                line.set_nonblocking(false).expect("waiting");
                line.set_read_timeout(Some(PATIENCE)).expect("a bound");
                let got = line.read(&mut buffer).expect("replies, since nothing more can be sent");
                assert_ne!(got, 0, "the connection must be closed");
                take(&buffer[..got]);
                line.set_nonblocking(true).expect("not to wait");
            }
            Err(error) => panic!("{error}"),
        }
    }
    line.set_nonblocking(false).expect("waiting");
    line.shutdown(Shutdown::Write).expect("the end");
    let mut rest = Vec::new();
    line.read_to_end(&mut rest).expect("the other replies");
    take(&rest);
    assert_eq!(replies, COMMANDS + 1);
}

#[test]
fn a_limit_does_not_look_like_a_wrong_password() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &three())
        .setting("max_servers_per_user = 1\nmax_servers_per_ip = 3")
        .start();
    let first = eventually("a session", || daemon.account("alice").try_login().ok());
    let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
    assert!(refused.starts_with("-ERR [SYS/TEMP]") || refused.starts_with("-ERR [IN-USE]"), "{refused}");
    assert!(!refused.contains("password"), "{refused}");
    let others: Vec<_> =
        (0..3).map(|_| Pop3Client::try_connect(daemon.port()).expect("a greeting")).collect();
    let turned_away = others.iter().map(Pop3Client::greeting).find(|greeting| !greeting.starts_with("+OK"));
    let turned_away = turned_away.expect("one over the limit");
    assert!(turned_away.starts_with("-ERR [SYS/TEMP]") && !turned_away.contains("password"), "{turned_away}");
    first.quit();
}

pub(super) fn base64(octets: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(octets)
}
