//! The storage modes: the same dialogue in all of them, what each leaves on the disk, and how an mbox is
//! divided into messages.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::mailbox::append_mbox;
use crate::harness::{Daemon, Format, Message, OWNER, Pop3Client, eventually, is_root, messages, need};

/// All modes, with the format of the mailbox that they serve.
const MODES: [(&str, Format); 4] =
    [("mbox", Format::Mbox), ("disk", Format::Mbox), ("ram", Format::Mbox), ("maildir", Format::Maildir)];
/// The modes that serve a copy of an mbox.
const COPIES: [&str; 2] = ["disk", "ram"];

fn daemon(mode: &str, format: Format) -> Daemon {
    Daemon::new(format).setting(&format!("storage = \"{mode}\""))
}

#[test]
fn every_mode_says_the_same_octet_for_octet() {
    let all = messages::nasty();
    let mut scripts = vec![String::from("STAT\r\nLIST\r\n")];
    for command in ["LIST #", "TOP # 0", "TOP # 3", "RETR #"] {
        scripts[0].extend((1..=all.len()).map(|n| command.replace('#', &n.to_string()) + "\r\n"));
    }
    scripts[0].push_str(
        "DELE 2\r\nRETR 2\r\nSTAT\r\nLIST\r\nRSET\r\nLAST\r\nDELE 1\r\nDELE 4\r\nRETR 0\r\nQUIT\r\n",
    );
    scripts.push("STAT\r\nLIST\r\nRETR 1\r\nRETR 2\r\nDELE 1\r\nNOOP\r\n".to_owned());
    scripts.push("STAT\r\nLIST\r\nDELE 1\r\nQUIT\r\n".to_owned());

    let mut expected: Option<Vec<Vec<u8>>> = None;
    let mut unique_ids: Option<Vec<String>> = None;
    for (mode, format) in MODES {
        let daemon = daemon(mode, format).user("alice", &all).start();
        let said: Vec<Vec<u8>> = scripts.iter().map(|script| said(&daemon, script)).collect();
        assert!(
            said[0].len() > all.iter().map(|message| message.wire().len()).sum(),
            "{mode}: no messages were sent"
        );
        assert!(
            said[0].windows(5).filter(|said| said == b"-ERR ").count() == 2,
            "{mode}: only RETR 2 and RETR 0 must fail"
        );
        let expected = expected.get_or_insert_with(|| said.clone());
        for ((said, expected), script) in said.iter().zip(expected).zip(&scripts) {
            assert!(said == expected, "{mode}: {script}\n{}", said.escape_ascii());
        }
        if format == Format::Mbox {
            let ids = daemon.account("alice").login_when_free().uidl();
            assert_eq!(unique_ids.get_or_insert_with(|| ids.clone()), &ids, "{mode}");
        }
    }
}

/// The replies of a session to `script`, which is sent at once. A script without QUIT ends by closing the
/// connection.
fn said(daemon: &Daemon, script: &str) -> Vec<u8> {
    let mut pop = daemon.account("alice").login_when_free();
    pop.send(script.as_bytes()).expect("sending");
    pop.stream().shutdown(std::net::Shutdown::Write).expect("ending the line");
    pop.rest()
}

#[test]
fn a_copy_is_served_whatever_becomes_of_the_mailbox_and_then_nothing_is_deleted() {
    let all = messages::archive(10);
    for mode in COPIES {
        let daemon = daemon(mode, Format::Mbox).user("alice", &all).start();
        let mailbox = daemon.mailbox("alice");
        let mut pop = daemon.account("alice").login();
        pop.ok("DELE 5");
        Format::Mbox.deliver(&mailbox, &all[1..]);
        let rewritten = fs::read(&mailbox).expect("the mailbox");
        assert_eq!(pop.body("RETR 1"), all[0].wire(), "{mode}");
        assert_eq!(pop.body("RETR 10"), all[9].wire(), "{mode}");
        pop.err("QUIT");
        assert!(fs::read(&mailbox).expect("the mailbox") == rewritten, "{mode}: messages were deleted");
        let mut pop = daemon.account("alice").login_when_free();
        assert_eq!(pop.stat().0, 9);
        pop.ok("DELE 1");
        append_mbox(&mailbox, &all[0]);
        pop.quit();
        let mut pop = daemon.account("alice").login_when_free();
        assert_eq!(
            pop.retrieve_all(),
            all[2..].iter().chain([&all[0]]).map(Message::wire).collect::<Vec<_>>()
        );
        pop.quit();
    }
}

#[test]
fn the_spool_holds_a_file_for_each_message_while_a_session_lasts() {
    let all = messages::archive(5);
    let daemon = daemon("disk", Format::Mbox).user("alice", &all).start();
    let before = daemon.snapshot();
    let mut pop = daemon.account("alice").login();
    let folder = spool_folder(&daemon);
    let owner = if is_root() { OWNER } else { rustix::process::getuid().as_raw() };
    let about =
        |path: &Path| fs::metadata(path).map(|about| (about.uid(), about.mode() & 0o777)).expect("metadata");
    assert_eq!(about(&daemon.spool()), (rustix::process::getuid().as_raw(), 0o700));
    assert_eq!(about(&folder), (owner, 0o700));
    for (number, message) in (1..).zip(&all) {
        let file = folder.join(number.to_string());
        assert_eq!(fs::read(&file).expect("a file of the spool"), message.0);
        assert_eq!(about(&file), (owner, 0o600));
    }
    assert_eq!(pop.stat().0, 5);
    pop.quit();
    assert_eq!(spooled(&daemon), Vec::<PathBuf>::new(), "after QUIT");

    let mut pop = daemon.account("alice").login();
    pop.ok("DELE 1");
    drop(pop);
    eventually("an empty spool after a dropped line", || spooled(&daemon).is_empty().then_some(()));

    let mut pop = daemon.account("alice").login_when_free();
    pop.ok("DELE 1");
    let [maildrop] = daemon.role("mpopd-maildrop")[..] else { panic!("there must be one maildrop process") };
    maildrop.signal(Signal::KILL);
    pop.rest();
    assert!(!spooled(&daemon).is_empty(), "no process was left to remove it");
    daemon.account("alice").login_when_free().quit();
    assert_eq!(spooled(&daemon), Vec::<PathBuf>::new(), "after the next session");
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn user_debug_leaves_the_files_of_that_user_in_the_spool() {
    let all = messages::archive(3);
    let daemon = daemon("disk", Format::Mbox)
        .user("alice", &all)
        .user("bob", &all)
        .setting("[user_debug]\nalice = true\nbob = false")
        .start();
    daemon.account("bob").login().quit();
    assert_eq!(spooled(&daemon), Vec::<PathBuf>::new());
    daemon.account("alice").login().quit();
    let folder = spool_folder(&daemon);
    assert!(folder.file_name().expect("a name").to_string_lossy().starts_with("alice-"), "{folder:?}");
    assert_eq!(fs::read(folder.join("2")).expect("a file of the spool"), all[1].0);
    assert_eq!(daemon.account("alice").login().stat().0, 3, "the file must not get in the way");
}

#[test]
fn users_have_their_own_modes() {
    let all = messages::archive(3);
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &all)
        .user("bob", &all)
        .setting("[user_storage]\nbob = \"disk\"")
        .start();
    let _alice = daemon.account("alice").login();
    assert!(!daemon.spool().join(owner_name()).exists() || spooled(&daemon).is_empty());
    let _bob = daemon.account("bob").login();
    assert!(spool_folder(&daemon).file_name().expect("a name").to_string_lossy().starts_with("bob-"));
}

#[test]
fn a_mailbox_in_mmdf_form() {
    const LINE: &str = "\u{1}\u{1}\u{1}\u{1}\n";
    let texts = ["Subject: one\n\nFrom here\n\n", "Subject: two\n\n\n", "Subject: three\n\n.\n"];
    for mode in ["mbox", "disk", "ram"] {
        let daemon = daemon(mode, Format::Mbox)
            .user("alice", &[])
            .setting("message_start = '^\\x01{4}$'\nmessage_end = '^\\x01{4}$'")
            .start();
        let mailbox: String = texts.iter().flat_map(|text| [LINE, text, LINE]).collect();
        fs::write(daemon.mailbox("alice"), mailbox).expect("the mailbox");
        let mut pop = daemon.account("alice").login();
        let wire: Vec<Vec<u8>> = texts.iter().map(|text| text.replace('\n', "\r\n").into_bytes()).collect();
        assert_eq!(pop.retrieve_all(), wire, "{mode}");
        assert_eq!(pop.list(), wire.iter().map(Vec::len).collect::<Vec<_>>());
        pop.ok("DELE 2");
        pop.quit();
        let left = fs::read_to_string(daemon.mailbox("alice")).expect("the mailbox");
        assert_eq!(left, [LINE, texts[0], LINE, LINE, texts[2], LINE].concat(), "{mode}");
    }
}

#[test]
fn quoted_from_lines_are_served_as_they_were_written() {
    let text = "Subject: x\n>From header\n\n>From a\n>>From b\nFrom c\n>Frum\n";
    for mode in ["mbox", "disk", "ram"] {
        for (unescape, a, b) in
            [("none", ">From", ">>From"), ("mboxo", "From", ">>From"), ("mboxrd", "From", ">From")]
        {
            let daemon = daemon(mode, Format::Mbox)
                .user("alice", &[Message(text.into()), Message(b"Subject: y\n\n".to_vec())])
                .setting(&format!("unescape_from = \"{unescape}\""))
                .start();
            let before = daemon.snapshot();
            let wire = format!("Subject: x\r\n>From header\r\n\r\n{a} a\r\n{b} b\r\nFrom c\r\n>Frum\r\n");
            let mut pop: Pop3Client = daemon.account("alice").login();
            assert_eq!(
                pop.body("RETR 1").escape_ascii().to_string(),
                wire.as_bytes().escape_ascii().to_string()
            );
            assert_eq!(pop.list()[0], wire.len(), "{mode} {unescape}");
            assert_eq!(pop.stat(), (2, wire.len() + 14));
            assert!(wire.as_bytes().starts_with(&pop.body("TOP 1 1")));
            pop.quit();
            assert_eq!(before, daemon.snapshot());
        }
    }
}

/// The only folder in the spool of the mailboxes' owner.
fn spool_folder(daemon: &Daemon) -> PathBuf {
    let [folder] = &spooled(daemon)[..] else {
        panic!("not exactly one folder in the spool: {:?}", spooled(daemon))
    };
    folder.clone()
}

fn spooled(daemon: &Daemon) -> Vec<PathBuf> {
    let entries = fs::read_dir(daemon.spool().join(owner_name())).expect("the owner's spool");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn owner_name() -> String {
    if is_root() { OWNER.to_string() } else { rustix::process::getuid().as_raw().to_string() }
}

/// Debian's group for the mail spool.
const MAIL: (&str, u32) = ("mail", 8);

#[test]
fn lock_files_are_made_with_the_mail_group_and_nothing_else_is_done_with_it() {
    let Some(()) = need::root() else { return };
    let all = messages::archive(3);
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &all)
        .spool_of_group(MAIL.1)
        .setting(&format!("mailgroup = \"{}\"\nlock_methods = [\"dotlock\"]\nretry_on_lock = 1", MAIL.0))
        .start();
    let lock = daemon.mailbox("alice").with_extension("lock");
    fs::write(&lock, "1:elsewhere").expect("a lock file");
    let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
    assert!(refused.starts_with("-ERR [IN-USE] "), "{refused}");
    fs::remove_file(&lock).expect("unlocking");

    let mut pop = daemon.account("alice").login_when_free();
    let [maildrop] = daemon.role("mpopd-maildrop")[..] else { panic!("there must be one maildrop process") };
    assert_eq!(maildrop.gids(), [OWNER, OWNER, MAIL.1, OWNER], "real, effective, saved and filesystem uid");
    assert_eq!(maildrop.groups(), [0u32; 0]);
    assert!(maildrop.has_no_capabilities());
    pop.ok("DELE 2");
    pop.quit();
    assert!(!lock.exists());
    assert_eq!(daemon.account("alice").login().stat().0, 2);
    // The process still may not do anything else: it cannot create another file in this user's folder.
    assert_eq!(
        fs::read_dir(daemon.mailbox("alice").parent().expect("a folder")).expect("a folder").count(),
        1
    );
}

#[test]
fn without_the_right_group_nothing_is_locked_and_the_log_says_why() {
    let Some(()) = need::root() else { return };
    for (group, told) in [("daemon", "is another one"), ("no-such-group", "there is no group no-such-group")]
    {
        let daemon = Daemon::new(Format::Mbox)
            .user("alice", &messages::archive(3))
            .spool_of_group(MAIL.1)
            .setting(&format!("mailgroup = \"{group}\"\nlock_methods = [\"dotlock\"]"))
            .start();
        daemon.logged(&["WARN", "mailgroup: ", told]);
        let before = daemon.snapshot();
        let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
        assert!(refused.starts_with("-ERR [SYS/"), "{refused}");
        daemon.logged(&["maildrop of user=<alice> not opened", "cannot make a lock file for this mailbox"]);
        assert_eq!(before, daemon.snapshot());
    }
}

#[test]
fn what_is_no_maildrop_is_refused_for_good_and_left_as_it_is() {
    for (mode, format) in MODES {
        let daemon = daemon(mode, format).user("alice", &[]).user("bob", &messages::archive(1)).start();
        let mailbox = daemon.mailbox("alice");
        if mailbox.is_dir() {
            fs::remove_dir_all(&mailbox).expect("removing the Maildir");
        }
        fs::write(&mailbox, "Dear diary,\n\nFrom here on\n").expect("a file");
        let before = daemon.snapshot();
        let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
        assert!(refused.starts_with("-ERR [SYS/PERM] "), "{mode}: {refused}");
        daemon.logged(&["WARN", "maildrop of user=<alice> not opened", "looked for"]);
        assert_eq!(daemon.account("bob").login().stat().0, 1, "{mode}: another user is affected");
        assert_eq!(before, daemon.snapshot(), "{mode}");
    }
}

#[test]
fn a_received_line_is_a_part_of_the_message_everywhere() {
    let all = messages::nasty();
    let line = |date: &str| {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let from = "Received: from mail.example.org";
        format!("{from} by {host} (mpopd) for <alice@mail.example.org>;\r\n\t{date}\r\n")
    };
    for (mode, format) in MODES {
        let received = "addreceived = [\"alice\"]\nreceivedfrom = \"mail.example.org\"\ntimezone = \"+0100\"";
        let mut daemon = daemon(mode, format).user("alice", &all).user("bob", &all).setting(received).start();
        let plain = daemon.account("bob").login().uidl();
        let mut first = None;
        for _ in 0..2 {
            let mut pop = daemon.account("alice").login_when_free();
            let sizes = pop.list();
            assert_eq!(pop.stat(), (all.len(), sizes.iter().sum()), "{mode}");
            for (number, message) in (1..).zip(&all) {
                let body = pop.body(&format!("RETR {number}"));
                let date = match format {
                    // The date in the From_ line of the tests' delivery agent.
                    Format::Mbox => line("Mon, 23 Nov 2026 10:00:00 +0100"),
                    Format::Maildir => line(&format!("Tue, 14 Nov 2023 23:13:{:02} +0100", 19 + number)),
                };
                let expected = [date.as_bytes(), &message.wire()].concat();
                assert!(body == expected, "{mode} {number}: {}", body[..body.len().min(300)].escape_ascii());
                assert_eq!(body.len(), sizes[number - 1]);
                assert!(body.starts_with(&pop.body(&format!("TOP {number} 0"))));
            }
            let ids = pop.uidl();
            assert_eq!(ids, plain, "{mode}: unique ids must depend on the mail alone");
            assert_eq!(first.get_or_insert_with(|| (sizes.clone(), ids.clone())), &(sizes, ids));
            pop.quit();
            assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
            daemon.start_again();
        }
        let mut bob = daemon.account("bob").login();
        assert_eq!(
            bob.body("RETR 1"),
            all[0].wire(),
            "{mode}: the setting must affect only the users that it names"
        );
    }
}
