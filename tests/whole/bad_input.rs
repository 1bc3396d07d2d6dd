//! Input that no proper client sends. The server answers with a clear -ERR or closes the connection, its
//! memory stays bounded, and afterwards the mailbox is unchanged and unlocked.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;

use crate::harness::messages::{self, Random};
use crate::harness::{Daemon, Format, Message, Pop3Client, Scratch, Trial};

/// How much one misbehaving connection may make the session role grow, in kB. The limit is generous: it is
/// there to catch a server that keeps what it is sent, megabyte for megabyte.
const GROWTH_KB: u64 = 16 * 1024;

#[test]
fn garbage_gets_only_errors() {
    unharmed(|daemon, logged_in| {
        for seed in 1..6 {
            let mut pop = connection(daemon, logged_in);
            let mut random = Random(seed * 0x1234_5678_9ABC_DEF1);
            let garbage: Vec<u8> = (0..65_536).map(|_| (random.next() >> 32).to_le_bytes()[0]).collect();
            // The server closes the connection after a number of bad commands, so sending may fail.
            let _ = pop.send(&garbage);
            let _ = pop.stream().shutdown(Shutdown::Write);
            let rest = pop.rest();
            for reply in rest.split_inclusive(|&b| b == b'\n') {
                assert!(reply.starts_with(b"-ERR"), "to garbage: {}", reply.escape_ascii());
            }
        }
    });
}

#[test]
fn a_line_without_an_end_is_cut_short() {
    unharmed(|daemon, logged_in| {
        let before = session_kb(daemon);
        let mut pop = connection(daemon, logged_in);
        let _ = pop.send(&vec![b'A'; 1 << 20]);
        match pop.reply() {
            Ok(reply) => assert!(reply.starts_with("-ERR"), "{reply}"),
            Err(e) => assert!(is_closed(e.kind()), "neither an error nor a closed connection: {e}"),
        }
        assert_bounded(before, session_kb(daemon));
    });
}

#[test]
fn lines_with_nul_are_no_commands() {
    unharmed(|daemon, logged_in| {
        let mut pop = connection(daemon, logged_in);
        for line in
            [&b"\0\r\n"[..], b"NOOP\0\r\n", b"QUIT\0\r\n", b"\0QUIT\r\n", b"CAPA\0\r\n", b"USER a\0b\r\n"]
        {
            pop.send(line).expect("sending");
            let reply = pop.reply().expect("a reply");
            assert!(reply.starts_with("-ERR"), "{}: {reply}", line.escape_ascii());
        }
        pop.quit();
    });
}

#[test]
fn half_commands_are_refused_or_waited_for() {
    unharmed(|daemon, logged_in| {
        let mut pop = connection(daemon, logged_in);
        for command in
            ["", " ", "RETR", "DELE", "TOP", "TOP 1", "LISTE", "US", "USER", "+OK", "RETR1", "CAPA\rQUIT"]
        {
            pop.err(command);
        }
        // A command may arrive in pieces. The octets after it are the start of the next one.
        for piece in [&b"C"[..], b"AP", b"A\r", b"\nQU"] {
            pop.send(piece).expect("sending");
        }
        let mut capabilities = vec![pop.reply().expect("a reply")];
        while capabilities.last().is_some_and(|line| line != ".") {
            capabilities.push(pop.reply().expect("a line"));
        }
        assert!(capabilities[0].starts_with("+OK"), "{capabilities:?}");
        // The client leaves in the middle of QUIT: the server must neither treat that as QUIT nor reply.
        pop.stream().shutdown(Shutdown::Write).expect("closing one half");
        assert_eq!(pop.rest().escape_ascii().to_string(), "");
    });
}

#[test]
fn message_numbers_are_decimal_and_in_range() {
    unharmed(|daemon, logged_in| {
        if !logged_in {
            return;
        }
        let mut pop = connection(daemon, true);
        let (count, _) = pop.stat();
        let beyond = (count + 1).to_string();
        let wrong = [
            "0",
            "-1",
            "+1",
            "1x",
            "0x1",
            "1.0",
            "one",
            "1 2 3",
            "4294967297",
            "18446744073709551617",
            &beyond,
        ];
        for number in wrong {
            for command in ["RETR", "DELE", "LIST", "UIDL"] {
                pop.err(&format!("{command} {number}"));
            }
            pop.err(&format!("TOP {number} 0"));
        }
        for lines in ["-1", "+1", "x", "1 1"] {
            pop.err(&format!("TOP 1 {lines}"));
        }
        assert_eq!(pop.stat().0, count, "nothing was deleted");
        pop.quit();
    });
}

#[test]
fn commands_wait_for_the_login() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let before = daemon.snapshot();
    let mut pop = Pop3Client::connect(daemon.port());
    for command in ["STAT", "LIST", "LIST 1", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "NOOP", "RSET", "LAST"] {
        pop.err(command);
    }
    pop.err("PASS secret word");
    pop.ok("USER alice");
    pop.err("RETR 1");
    pop.quit();
    let mut pop = daemon.account("alice").login();
    for command in ["USER alice", "PASS secret word"] {
        pop.err(command);
    }
    pop.quit();
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn a_hundred_bad_commands_in_a_row_close_the_line() {
    unharmed(|daemon, logged_in| {
        let mut pop = connection(daemon, logged_in);
        for _ in 0..99 {
            pop.err("BOGUS");
        }
        // A good command resets the count.
        pop.body("CAPA");
        for _ in 0..100 {
            pop.err("BOGUS");
        }
        assert_eq!(pop.rest().escape_ascii().to_string(), "");
    });
}

#[test]
fn three_failed_logins_close_the_line() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let before = daemon.snapshot();
    let mut pop = Pop3Client::connect(daemon.port());
    for (user, password) in [("alice", "secret"), ("nobody-here", "secret word"), ("alice", "Tr0ub4dor")] {
        pop.ok(&format!("USER {user}"));
        let reply = pop.err(&format!("PASS {password}"));
        assert!(!reply.contains(password), "the reply repeats the password: {reply}");
    }
    assert_eq!(pop.rest().escape_ascii().to_string(), "");
    daemon.account("alice").login().quit();
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn a_client_that_never_reads_is_not_buffered_for() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &[big_message()]).start();
        let before = daemon.snapshot();
        daemon.account("alice").login().quit();
        let resident = session_kb(&daemon);
        let pop = daemon.account("alice").login_when_free();
        let mut line = pop.stream();
        line.set_write_timeout(Some(Duration::from_secs(2))).expect("a write timeout");
        let commands = "RETR 1\r\n".repeat(8192);
        let mut sent = 0;
        // Until the server stops reading commands, as it must when its replies are not read, or 64 MB are
        // sent.
        let blocked = (0..1024).any(|_| {
            sent += commands.len();
            match line.write_all(commands.as_bytes()) {
                Ok(()) => false,
                Err(e) => {
                    assert!(is_closed(e.kind()) || e.kind() == ErrorKind::WouldBlock, "sending: {e}");
                    true
                }
            }
        });
        assert!(blocked, "{format:?}: {sent} octets of commands were taken from a client that reads nothing");
        assert_bounded(resident, session_kb(&daemon));
        drop(pop);
        daemon.account("alice").login_when_free().quit();
        assert_eq!(before, daemon.snapshot(), "{format:?}");
    }
}

#[test]
fn a_client_that_drops_in_the_middle_of_retr_changes_nothing() {
    for format in Format::BOTH {
        let small = messages::ordinary().swap_remove(0);
        let daemon = Daemon::new(format).user("alice", &[small, big_message()]).start();
        let before = daemon.snapshot();
        let mut pop = daemon.account("alice").login();
        pop.ok("DELE 1");
        pop.ok("RETR 2");
        for _ in 0..10 {
            pop.reply().expect("a line of the message");
        }
        drop(pop);
        let mut pop = daemon.account("alice").login_when_free();
        assert_eq!(pop.stat().0, 2, "{format:?}: the deletion did not happen");
        assert_eq!(pop.body("RETR 2"), big_message().wire());
        pop.quit();
        assert_eq!(before, daemon.snapshot(), "{format:?}");
        daemon.logged(&["logout", "user=<alice>", "reason=closed"]);
    }
}

#[test]
fn a_path_that_is_no_mailbox_is_refused_with_one_line() {
    let scratch = Scratch::new();
    let text = scratch.file("notes.txt", "Dear diary,\n\nnothing came.\n");
    let folder = scratch.folder("folder", 0o755);
    fs::write(folder.join("a-file"), "x").expect("a file");
    let half = scratch.folder("half", 0o755);
    fs::create_dir(half.join("cur")).expect("a folder");
    let missing = scratch.path().join("missing");
    for path in [&text, &folder, &half, &missing, Path::new("/dev/null")] {
        let output = Trial::refused(&[path.as_os_str()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{}: {said}", path.display());
        assert_eq!(said.lines().count(), 1, "{}: not one line: {said}", path.display());
        assert!(said.contains(&path.display().to_string()), "the path is missing: {said}");
        if path != missing {
            assert!(
                said.contains("From ") && said.contains("cur"),
                "what was expected there is missing: {said}"
            );
        }
        assert!(output.stdout.is_empty(), "a server that fails to start must announce nothing");
    }
    let output = Trial::refused(&[OsStr::new("--no-such-option")]);
    assert_eq!(output.status.code(), Some(2), "wrong usage");
}

/// Runs `abuse` against both formats, before and after login. The mailbox must then be unchanged and
/// unlocked.
fn unharmed(abuse: impl Fn(&Daemon, bool)) {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary()).start();
        let before = daemon.snapshot();
        let ids = daemon.account("alice").login().uidl();
        for logged_in in [false, true] {
            abuse(&daemon, logged_in);
            let mut pop = daemon.account("alice").login_when_free();
            assert_eq!(pop.uidl(), ids, "{format:?}: the messages changed");
            pop.quit();
            assert_eq!(before, daemon.snapshot(), "{format:?}: the mailbox changed, or a lock is left");
        }
    }
}

fn connection(daemon: &Daemon, logged_in: bool) -> Pop3Client {
    if logged_in { daemon.account("alice").login_when_free() } else { Pop3Client::connect(daemon.port()) }
}

fn big_message() -> Message {
    let line = b"A line of a long message, of which the client reads only the beginning.\n".repeat(300_000);
    Message([&b"Subject: big\n\n"[..], &line].concat())
}

/// The resident memory of the session role in kB.
fn session_kb(daemon: &Daemon) -> u64 {
    daemon.role("mpopd-session").iter().map(|p| p.resident_kb()).sum()
}

fn assert_bounded(before: u64, after: u64) {
    assert!(after < before + GROWTH_KB, "the session role grew from {before} kB to {after} kB");
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
