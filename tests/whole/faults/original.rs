//! Bugs of mpopd 2.x and of Mail::POP3, in the order of the table in docs/conformance.md.

use std::fs::{self, OpenOptions};

use rustix::fs::{FlockOperation, fcntl_lock};

use crate::harness::mailbox::append_mbox;
use crate::harness::{Daemon, Format, Message, OWNER, Pop3Client, Scratch, give, messages};

#[test]
fn pass_failure_does_not_echo_the_password() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("USER alice");
    for attempt in ["PASS hunter2 is wrong", "PASS hunter2", "PAS hunter2", "hunter2"] {
        let said = pop.err(attempt);
        assert!(!said.contains("hunter2"), "{attempt}: {said}");
    }
    daemon.logged(&["login failed", "user=<alice>"]);
    assert!(!daemon.log().contains("hunter2"), "{}", daemon.log());
}

#[test]
fn the_octet_count_is_what_is_sent() {
    let all = messages::nasty();
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &all).start();
        let mut pop = daemon.account("alice").login();
        let listed = pop.list();
        let sent: Vec<usize> = pop.retrieve_all().iter().map(Vec::len).collect();
        assert_eq!(listed, sent, "{format:?}");
        assert_eq!(pop.stat(), (all.len(), sent.iter().sum()));
    }
}

#[test]
fn a_uidl_needs_no_message_id() {
    let with = |id: &str, body: &str| Message(format!("{id}Subject: x\n\n{body}\n").into_bytes());
    let id = "Message-ID: <the-same@example.org>\n";
    let all =
        [with(id, "one"), with(id, "two"), with(id, "two"), with("", "three"), with("Message-ID:\n", "four")];
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &all).start();
        let mut pop = daemon.account("alice").login();
        let ids = pop.uidl();
        let mut different = ids.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), all.len(), "{format:?}: {ids:?}");
        assert!(!ids.iter().any(|id| id.contains("the-same")), "{ids:?}");
        pop.ok("DELE 2");
        pop.quit();
        let kept = [&ids[..1], &ids[2..]].concat();
        assert_eq!(
            daemon.account("alice").login().uidl(),
            kept,
            "{format:?}: deleting one of two equal messages"
        );
    }
}

#[test]
fn deletion_works_in_a_maildir() {
    let all = messages::archive(5);
    let daemon = Daemon::new(Format::Maildir).user("alice", &all).start();
    let mut pop = daemon.account("alice").login();
    pop.ok("DELE 2");
    pop.ok("DELE 5");
    pop.quit();
    let left = |folder| fs::read_dir(daemon.mailbox("alice").join(folder)).expect("a folder").count();
    assert_eq!(left("new") + left("cur"), 3);
    let wire: Vec<_> = [0, 2, 3].iter().map(|&index: &usize| all[index].wire()).collect();
    assert_eq!(daemon.account("alice").login().retrieve_all(), wire);
}

#[test]
fn both_folders_of_a_maildir_are_read() {
    let all = messages::archive(2);
    let daemon = Daemon::new(Format::Maildir).user("alice", &all).start();
    let mailbox = daemon.mailbox("alice");
    for folder in ["new", "cur"] {
        for entry in fs::read_dir(mailbox.join(folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            let unique = name.split(':').next().expect("a name").to_owned();
            let to = if unique.contains("M000000") {
                format!("cur/{unique}:2,S")
            } else {
                format!("new/{unique}")
            };
            fs::rename(entry.path(), mailbox.join(to)).expect("moving a message");
        }
    }
    assert_eq!(daemon.account("alice").login().retrieve_all(), [all[0].wire(), all[1].wire()]);
}

#[test]
fn the_lock_of_a_maildir_lasts_as_long_as_its_session() {
    let daemon = Daemon::new(Format::Maildir).user("alice", &messages::archive(3)).start();
    let account = daemon.account("alice");
    let mut first = account.login();
    for command in ["NOOP", "DELE 1", "RSET"] {
        let refused = account.try_login().err().expect("a refusal").to_string();
        assert!(refused.starts_with("-ERR [IN-USE] "), "{refused}");
        first.ok(command);
    }
    first.body("RETR 1");
    assert!(account.try_login().is_err());
    first.quit();
    account.login().quit();
}

#[test]
fn ram_mode_writes_back_what_was_there() {
    let all = messages::nasty();
    let daemon = Daemon::new(Format::Mbox).setting("storage = \"ram\"").user("alice", &all).start();
    let mut pop = daemon.account("alice").login();
    pop.retrieve_all();
    pop.ok("DELE 1");
    pop.quit();
    let scratch = Scratch::new();
    let expected = scratch.path().join("expected");
    Format::Mbox.deliver(&expected, &all[1..]);
    let left = fs::read(daemon.mailbox("alice")).expect("the mailbox");
    assert!(left == fs::read(expected).expect("a file"), "{}", left.escape_ascii());
}

#[test]
fn top_ends_once_in_a_maildir() {
    let daemon = Daemon::new(Format::Maildir).user("alice", &messages::ordinary()).start();
    let mut pop = daemon.account("alice").login();
    for lines in [0, 1, 1000] {
        pop.body(&format!("TOP 1 {lines}"));
        assert!(
            pop.ask("STAT").expect("a reply").starts_with("+OK "),
            "a second terminator follows TOP 1 {lines}"
        );
    }
}

#[test]
fn a_user_name_is_neither_a_pattern_nor_a_path() {
    let all = messages::archive(1);
    let daemon = Daemon::new(Format::Mbox).user("alice", &all).user("a.b", &[]).start();
    // The file that the second name would lead to as a path.
    fs::write(daemon.path("mail/secret"), b"From x\nSubject: not for you\n\n").expect("a file");
    for name in [
        ".*",
        "al.ce",
        "a[l]ice",
        "alic",
        "alice$",
        "^alice",
        "axb",
        "../mail/alice",
        "./alice",
        "alice/",
        "secret",
        "*",
    ] {
        let mut pop = Pop3Client::connect(daemon.port());
        let said = match pop.ask(&format!("USER {name}")).expect("a reply") {
            user if user.starts_with("+OK") => pop.ask("PASS secret word").expect("a reply"),
            refused => refused,
        };
        assert!(said.starts_with("-ERR [AUTH]"), "{name}: {said}");
    }
    daemon.account("alice").login().quit();
    daemon.account("a.b").login().quit();
}

#[test]
fn access_rules_are_addresses_and_no_patterns() {
    let scratch = Scratch::new();
    // Read as regular expressions, prefixes or suffixes, these three rules would deny 127.0.0.1.
    let rules = scratch.file("access", "DENY 127.0.0.10\nDENY 27.0.0.1\nDENY 12.\n");
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .setting(&format!("hosts_allow_deny = \"{}\"", rules.display()))
        .start();
    daemon.account("alice").login().quit();
}

#[test]
fn one_invalid_command_does_not_close_the_session() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    for _ in 0..10 {
        pop.err("HELO example.org");
    }
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    for _ in 0..10 {
        pop.err("XTND XLST");
    }
    assert_eq!(pop.stat(), (0, 0));
    pop.quit();
}

#[test]
fn no_lock_is_held_while_a_client_downloads() {
    let big = Message([&b"Subject: big\n\n"[..], &b"A line that takes its time.\n".repeat(400_000)].concat());
    let late = messages::archive(1).remove(0);
    let daemon = Daemon::new(Format::Mbox).user("alice", std::slice::from_ref(&big)).start();
    let mailbox = daemon.mailbox("alice");
    let mut pop = daemon.account("alice").login();
    pop.send(b"RETR 1\r\n").expect("sending");
    assert!(pop.reply().expect("a status line").starts_with("+OK"));
    // A delivery agent must now get every kind of lock.
    assert!(!mailbox.with_extension("lock").exists(), "the dotlock is left");
    let file = OpenOptions::new().read(true).write(true).open(&mailbox).expect("the mailbox");
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).expect("the fcntl lock is left");
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).expect("the flock lock is left");
    append_mbox(&mailbox, &late);
    give(&mailbox, OWNER);
    drop(file);
    let rest: usize =
        std::iter::from_fn(|| pop.reply().ok().filter(|line| line != ".")).map(|line| line.len() + 2).sum();
    assert_eq!(rest, big.wire().len());
    pop.quit();
    assert_eq!(daemon.account("alice").login().stat().0, 2);
}

#[test]
fn rset_and_last_do_not_work_before_login() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let mut pop = Pop3Client::connect(daemon.port());
    for user in ["", "USER alice"] {
        if !user.is_empty() {
            pop.ok(user);
        }
        for command in ["RSET", "LAST", "STAT", "LIST", "UIDL", "RETR 1", "DELE 1", "TOP 1 0", "NOOP"] {
            pop.err(command);
        }
    }
    pop.ok("PASS secret word");
    assert_eq!(pop.ok("LAST"), "0");
    pop.quit();
}
