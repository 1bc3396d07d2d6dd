//! Clients get what is in the mailbox: the octets, sizes and unique ids. Also what deleting does and does not
//! do.

use std::collections::HashSet;
use std::fs;

use rustix::process::Signal;

use crate::harness::mailbox::{add_to_maildir, append_mbox};
use crate::harness::{Daemon, Format, Message, Pop3Client, Scratch, messages};

#[test]
fn every_octet_arrives_and_was_announced() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::nasty()).start();
        let before = daemon.snapshot();
        let mut pop = daemon.account("alice").login();
        assert_served(&mut pop, &messages::nasty());
        pop.quit();
        assert_eq!(before, daemon.snapshot(), "{format:?}: reading changed the mailbox");
    }
}

#[test]
fn an_archive_of_thousands_is_served_whole() {
    let archive = messages::archive(3000);
    for format in Format::BOTH {
        let mut daemon = Daemon::new(format).user("alice", &archive).start();
        let mut pop = daemon.account("alice").login();
        assert_served(&mut pop, &archive);
        let ids = pop.uidl();
        // Delete every third message.
        for number in (1..=archive.len()).step_by(3) {
            pop.ok(&format!("DELE {number}"));
        }
        pop.quit();
        let is_kept = |index: &usize| !index.is_multiple_of(3);
        let kept: Vec<Message> =
            (0..archive.len()).filter(is_kept).map(|index| archive[index].clone()).collect();
        let kept_ids: Vec<String> =
            (0..archive.len()).filter(is_kept).map(|index| ids[index].clone()).collect();
        assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
        daemon.start_again();
        let mut pop = daemon.account("alice").login();
        assert_served(&mut pop, &kept);
        assert!(pop.uidl() == kept_ids, "{format:?}: unique ids must survive deletions and a restart");
        pop.quit();
    }
}

#[test]
fn top_counts_lines_of_the_body() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::nasty()).start();
        let mut pop = daemon.account("alice").login();
        for (number, message) in (1..).zip(messages::nasty()) {
            for lines in [0, 1, 3, 1_000_000] {
                let top = pop.body(&format!("TOP {number} {lines}"));
                let expected = first_lines(&message.wire(), lines);
                assert!(top == expected, "{format:?}: TOP {number} {lines}: {}", top.escape_ascii());
            }
        }
        pop.quit();
    }
}

#[test]
fn deleted_messages_do_not_count_until_rset() {
    for format in Format::BOTH {
        let all = messages::ordinary();
        let daemon = Daemon::new(format).user("alice", &all).start();
        let before = daemon.snapshot();
        let mut pop = daemon.account("alice").login();
        let whole = pop.stat();
        let ids = pop.uidl();
        assert_eq!(pop.ok("LAST"), "0");
        pop.body("RETR 3");
        assert_eq!(pop.ok("LAST"), "3");
        pop.ok("DELE 2");
        assert_eq!(pop.stat(), (all.len() - 1, whole.1 - all[1].wire().len()));
        for command in ["RETR 2", "TOP 2 0", "LIST 2", "UIDL 2", "DELE 2"] {
            pop.err(command);
        }
        assert!(!pop.lines("LIST").iter().any(|line| line.starts_with("2 ")));
        assert!(!pop.lines("UIDL").iter().any(|line| line.starts_with("2 ")));
        assert_eq!(pop.body("RETR 4"), all[3].wire(), "the other numbers must not change");
        assert_eq!(pop.ok("UIDL 4"), format!("4 {}", ids[3]));
        pop.ok("RSET");
        assert_eq!(pop.stat(), whole);
        assert_eq!(pop.body("RETR 2"), all[1].wire());
        pop.quit();
        assert_eq!(before, daemon.snapshot(), "{format:?}");
    }
}

#[test]
fn deleting_leaves_the_rest_as_it_was() {
    let all = messages::nasty();
    let last = all.len();
    for format in Format::BOTH {
        for gone in
            [vec![1], vec![last], vec![1, last], vec![2, 3, 7], (1..last).collect(), (1..=last).collect()]
        {
            let daemon = Daemon::new(format).user("alice", &all).user("bob", &all).start();
            let before = daemon.snapshot();
            let mut pop = daemon.account("alice").login();
            let ids = pop.uidl();
            gone.iter().for_each(|number| drop(pop.ok(&format!("DELE {number}"))));
            pop.quit();
            let kept: Vec<usize> = (1..=last).filter(|number| !gone.contains(number)).collect();
            let kept_messages: Vec<Message> = kept.iter().map(|&number| all[number - 1].clone()).collect();
            if format == Format::Mbox {
                let scratch = Scratch::new();
                let expected = scratch.path().join("expected");
                format.deliver(&expected, &kept_messages);
                let left = fs::read(daemon.mailbox("alice")).expect("the mailbox");
                assert!(
                    left == fs::read(expected).expect("a file"),
                    "after deleting {gone:?}: {}",
                    left.escape_ascii()
                );
            }
            let changed = before.changed(&daemon.snapshot());
            assert!(
                changed.iter().all(|path| path.starts_with("alice")),
                "{format:?}: also changed: {changed:?}"
            );
            let mut pop = daemon.account("alice").login();
            assert_served(&mut pop, &kept_messages);
            assert_eq!(pop.uidl(), kept.iter().map(|&number| ids[number - 1].clone()).collect::<Vec<_>>());
            pop.quit();
        }
    }
}

#[test]
fn mail_that_arrives_during_a_session_is_kept() {
    for format in Format::BOTH {
        let all = messages::archive(20);
        let (old, new) = all.split_at(17);
        let daemon = Daemon::new(format).user("alice", old).start();
        let mailbox = daemon.mailbox("alice");
        let mut pop = daemon.account("alice").login();
        pop.ok("DELE 1");
        pop.ok("DELE 17");
        for (number, message) in (17..).zip(new) {
            match format {
                Format::Mbox => append_mbox(&mailbox, message),
                Format::Maildir => add_to_maildir(&mailbox, number, message),
            }
        }
        assert_eq!(pop.stat().0, 15, "{format:?}: a new message must not appear in a running session");
        pop.quit();
        let mut pop = daemon.account("alice").login();
        assert_served(&mut pop, &[&old[1..16], new].concat());
        pop.quit();
    }
}

#[test]
fn a_mailbox_that_another_program_rewrote_loses_nothing() {
    let all = messages::archive(10);
    let daemon = Daemon::new(Format::Mbox).user("alice", &all).start();
    let mailbox = daemon.mailbox("alice");
    let mut pop = daemon.account("alice").login();
    pop.ok("DELE 5");
    // Another mail program removes the first message in place.
    let scratch = Scratch::new();
    let rest = scratch.path().join("rest");
    Format::Mbox.deliver(&rest, &all[1..]);
    let rewritten = fs::read(rest).expect("a file");
    fs::write(&mailbox, &rewritten).expect("rewriting the mailbox");
    pop.err("QUIT");
    assert!(fs::read(&mailbox).expect("the mailbox") == rewritten, "something was deleted");
    let mut pop = daemon.account("alice").login_when_free();
    assert_served(&mut pop, &all[1..]);
    pop.quit();
}

#[test]
fn a_message_that_vanished_is_an_error_for_that_message() {
    let all = messages::archive(10);
    let daemon = Daemon::new(Format::Maildir).user("alice", &all).start();
    let mut pop = daemon.account("alice").login();
    for part in ["new", "cur"] {
        for entry in fs::read_dir(daemon.mailbox("alice").join(part)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.display().to_string().contains("M000004") {
                fs::remove_file(path).expect("removing message 5");
            }
        }
    }
    pop.err("RETR 5");
    assert_eq!(pop.body("RETR 6"), all[5].wire());
    pop.quit();
}

#[test]
fn the_second_session_of_a_maildrop_is_told_in_use() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary()).start();
        let account = daemon.account("alice");
        let first = account.login();
        let refused = account.try_login().err().expect("a refusal");
        assert!(refused.to_string().starts_with("-ERR [IN-USE] "), "{format:?}: {refused}");
        first.quit();
        account.login().quit();
    }
}

#[test]
fn a_delivery_agents_dotlock_is_honoured() {
    let daemon =
        Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).setting("retry_on_lock = 1").start();
    let lock = daemon.mailbox("alice").with_extension("lock");
    // The lock file has the pid of a live process of this host, as if a delivery agent had written it.
    fs::write(&lock, std::process::id().to_string()).expect("a lock file");
    let refused = daemon.account("alice").try_login().err().expect("a refusal");
    assert!(refused.to_string().starts_with("-ERR [IN-USE] "), "{refused}");
    assert!(lock.exists(), "the lock of another process was removed");
    fs::remove_file(&lock).expect("unlocking");
    let mut pop = daemon.account("alice").login_when_free();
    assert!(!lock.exists(), "a lock is held while the client downloads");
    pop.ok("DELE 1");
    pop.quit();
    assert!(!lock.exists(), "a lock is left");
}

#[test]
fn no_mailbox_yet_is_an_empty_one() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    fs::remove_file(daemon.mailbox("alice")).expect("removing the mailbox");
    let before = daemon.snapshot();
    let mut pop = daemon.account("alice").login();
    assert_eq!(pop.stat(), (0, 0));
    assert_eq!(pop.lines("LIST"), [] as [String; 0]);
    pop.quit();
    assert_eq!(before, daemon.snapshot(), "a mailbox was created");
}

/// Asserts that STAT, LIST, UIDL and RETR agree with each other and with what was delivered.
fn assert_served(pop: &mut Pop3Client, delivered: &[Message]) {
    let sizes = pop.list();
    let ids = pop.uidl();
    assert_eq!(pop.stat(), (delivered.len(), sizes.iter().sum()));
    assert_eq!((sizes.len(), ids.len()), (delivered.len(), delivered.len()));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "duplicate unique ids");
    for id in &ids {
        assert!((1..=70).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()), "unique id {id}");
    }
    for (number, message) in (1..).zip(delivered) {
        let body = pop.body(&format!("RETR {number}"));
        assert!(body == message.wire(), "RETR {number}: {}", body.escape_ascii());
        assert_eq!(body.len(), sizes[number - 1], "octets of message {number}");
        assert_eq!(pop.ok(&format!("LIST {number}")), format!("{number} {}", body.len()));
    }
}

/// The header, its blank line, and this number of lines of the body.
fn first_lines(wire: &[u8], lines: usize) -> Vec<u8> {
    let all: Vec<&[u8]> = wire.split_inclusive(|&b| b == b'\n').collect();
    let header = all.iter().position(|line| *line == b"\r\n").map_or(all.len(), |blank| blank + 1);
    all[..all.len().min(header.saturating_add(lines))].concat()
}
