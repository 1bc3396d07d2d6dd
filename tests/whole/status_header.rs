//! How the `Status:` line of messages changes when they are read (setting `status_header`).

use std::fs;

use rustix::process::Signal;

use crate::harness::mailbox::append_mbox;
use crate::harness::{Daemon, Format, Message, eventually};

const MODES: [&str; 3] = ["mbox", "disk", "ram"];

fn daemon(storage: &str, format: Format) -> Daemon {
    let all: Vec<_> = (1..=5).map(message).collect();
    Daemon::new(format)
        .user("alice", &all)
        .setting(&format!("storage = \"{storage}\"\nstatus_header = true\nretry_on_lock = 1"))
}

fn message(number: u32) -> Message {
    let status = if number == 2 { "Status: O\n" } else { "" };
    Message(format!("Subject: {number}\n{status}\nbody of {number}\n").into())
}

/// The message after it was read.
fn read(number: u32) -> Message {
    let text = String::from_utf8(message(number).0).expect("text");
    Message(match number {
        2 => text.replace("Status: O", "Status: RO").into(),
        _ => format!("Status: RO\n{text}").into(),
    })
}

fn wire(messages: &[Message]) -> Vec<Vec<u8>> {
    messages.iter().map(Message::wire).collect()
}

#[test]
fn what_was_retrieved_whole_and_stays_is_marked_at_quit() {
    for mode in MODES {
        let daemon = daemon(mode, Format::Mbox).start();
        let late = Message(b"Subject: late\n\nx\n".to_vec());
        let mut pop = daemon.account("alice").login();
        let ids = pop.uidl();
        for command in ["RETR 1", "RETR 2", "TOP 3 100", "RETR 4"] {
            pop.body(command);
        }
        pop.ok("DELE 4");
        append_mbox(&daemon.mailbox("alice"), &late);
        pop.quit();
        let mut pop = daemon.account("alice").login_when_free();
        assert_eq!(pop.retrieve_all(), wire(&[read(1), read(2), message(3), message(5), late]), "{mode}");
        assert_eq!(pop.uidl()[..4], [&ids[0], &ids[1], &ids[2], &ids[4]].map(String::clone), "{mode}");
        pop.quit();
        // All messages have their marks, so nothing more is written.
        let marked = daemon.snapshot();
        let mut pop = daemon.account("alice").login_when_free();
        assert_eq!(pop.uidl()[..4], [&ids[0], &ids[1], &ids[2], &ids[4]].map(String::clone), "{mode}");
        pop.retrieve_all();
        pop.quit();
        assert_eq!(marked, daemon.snapshot(), "{mode}");
    }
}

#[test]
fn a_session_that_ends_otherwise_marks_nothing() {
    let mut daemon = daemon("mbox", Format::Mbox).start();
    let before = fs::read(daemon.mailbox("alice")).expect("the mailbox");
    let unchanged = |daemon: &Daemon| fs::read(daemon.mailbox("alice")).expect("the mailbox") == before;
    let mut pop = daemon.account("alice").login();
    pop.retrieve_all();
    drop(pop);
    let mut pop = daemon.account("alice").login_when_free();
    assert!(unchanged(&daemon), "a dropped line");
    pop.retrieve_all();
    assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
    assert!(unchanged(&daemon), "the end of the daemon");
}

#[test]
fn a_maildir_stays_as_it_is() {
    let daemon = daemon("maildir", Format::Maildir).start();
    let before = daemon.snapshot();
    let mut pop = daemon.account("alice").login();
    pop.retrieve_all();
    pop.quit();
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn marks_that_cannot_be_written_make_no_error_but_deletions_do() {
    let daemon = daemon("mbox", Format::Mbox).start();
    let before = fs::read(daemon.mailbox("alice")).expect("the mailbox");
    let lock = daemon.mailbox("alice").with_extension("lock");
    for deletes in [false, true] {
        let mut pop = daemon.account("alice").login_when_free();
        pop.body("RETR 1");
        if deletes {
            pop.ok("DELE 2");
        }
        fs::write(&lock, "1:elsewhere").expect("a lock file");
        match deletes {
            false => {
                pop.quit();
                daemon.logged(&[
                    "WARN",
                    "alice: the messages that were read got no Status: line",
                    "elsewhere",
                ]);
            }
            true => drop(pop.err("QUIT")),
        }
        fs::remove_file(&lock).expect("unlocking");
        assert_eq!(fs::read(daemon.mailbox("alice")).expect("the mailbox"), before);
    }
    eventually("the mailbox is free", || daemon.account("alice").try_login().ok()).quit();
}
