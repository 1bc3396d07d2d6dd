//! Vulnerabilities that were exploited in other POP3 servers. docs/pop3-cves.md has the source of each.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::others::base64;
use crate::harness::{Daemon, Format, Message, OTHER_OWNER, Pop3Client, TestAccount, messages, need};

#[test]
fn no_command_is_hurt_by_a_long_argument() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .setting("auth_failure_delay = 0\nmax_servers_per_ip = 1000")
        .start();
    let processes = daemon.supervisor().descendants();
    for length in [200, 240, 255, 256, 1023, 1024, 4096, 16_384, 70_000] {
        let long = "9".repeat(length);
        for command in ["USER", "PASS", "AUTH", "AUTH PLAIN", "CAPA", "STLS", "XTND", "APOP alice"] {
            // A new connection each time, because some of these are failed logins.
            let mut pop = Pop3Client::connect(daemon.port());
            if command == "PASS" {
                pop.ok("USER alice");
            }
            let reply = pop.ask(&format!("{command} {long}")).expect("a reply");
            assert!(reply.starts_with("-ERR") || command == "USER", "{command} {length}: {reply}");
            assert!(reply.len() < 512, "{command} {length}: {reply}");
            pop.quit();
        }
        let mut pop = daemon.account("alice").login();
        for command in ["LIST", "UIDL", "DELE", "RETR", "TOP", "TOP 1", "STAT", "NOOP", "MDEF", "LAST"] {
            pop.err(&format!("{command} {long}"));
        }
        pop.quit();
    }
    assert_eq!(daemon.role_now("mpopd-session").len(), 1);
    assert!(processes.iter().all(|process| process.is_alive()), "a process died");
}

#[test]
fn percent_signs_are_text() {
    let conversions = "%s%n%x%99999s%p%u%d%h%{user}$(id)`id`";
    let mail =
        Message(format!("From: {conversions}\nSubject: {conversions}\n\n{conversions}\n").into_bytes());
    let daemon = Daemon::new(Format::Mbox).user("alice", std::slice::from_ref(&mail)).start();
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok(&format!("USER {conversions}"));
    pop.err(&format!("PASS {conversions}"));
    assert!(
        daemon.logged(&["login failed", "user=<"]).contains("%s%n%x%99999s%p"),
        "the name is not logged unchanged"
    );
    let mut pop = daemon.account("alice").login();
    assert_eq!(pop.body("RETR 1"), mail.wire());
    assert!(!pop.uidl()[0].contains('%'));
}

#[test]
fn separators_of_other_programs_are_part_of_a_password() {
    // Separators that programs use between fields: a tab, a colon, and NUL where it can be sent at all.
    let password = "one\ttwo:three=four";
    let daemon = Daemon::new(Format::Mbox).user("bob", &[]).user_with("alice", "{PLAIN}secret word").start();
    for wrong in ["x\tskip_password_check=1", "secret word\tuid=0", "secret word:0:0", "\tsecret word"] {
        let account = TestAccount { password: wrong.to_owned(), ..daemon.account("alice") };
        let refused = account.try_login().err().expect("a refusal").to_string();
        assert!(refused.starts_with("-ERR [AUTH]"), "{wrong:?}: {refused}");
    }
    let mut pop = Pop3Client::connect(daemon.port());
    pop.err(&format!("AUTH PLAIN {}", base64(b"\0alice\0secret word\0uid=0")));
    pop.err(&format!("AUTH PLAIN {}", base64(format!("\0bob\0{password}").as_bytes())));
    daemon.account("alice").login().quit();
}

#[test]
fn there_is_no_master_user() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).user("bob", &messages::archive(1)).start();
    // The notations of Dovecot, Cyrus and qmail-ldap for two users in one name, and that of PLAIN.
    for name in ["bob*alice", "alice*bob", "bob%alice", "bob+alice", "bob\\alice"] {
        let account = TestAccount { user: name.to_owned(), ..daemon.account("alice") };
        assert!(account.try_login().is_err(), "{name}");
    }
    let mut pop = Pop3Client::connect(daemon.port());
    let said = pop.err(&format!("AUTH PLAIN {}", base64(b"bob\0alice\0secret word")));
    assert!(said.starts_with("[AUTH]"), "{said}");
    daemon.account("bob").login().quit();
}

#[test]
fn users_with_the_same_password_get_their_own_mail() {
    let mail = messages::archive(2);
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &mail[..1])
        .user("bob", &mail[1..])
        .setting("auth_cache = 600")
        .start();
    for _ in 0..3 {
        for (user, message) in [("alice", &mail[0]), ("bob", &mail[1])] {
            let mut pop = daemon.account(user).login();
            assert_eq!(pop.retrieve_all(), [message.wire()], "{user}");
            pop.quit();
        }
    }
}

#[test]
fn a_line_of_any_length_does_not_end_a_message() {
    // qpopper read lines of 1024 octets, and took the rest of a longer line for the next one.
    let mut text = b"Subject: long lines\n\n".to_vec();
    for length in [1022, 1023, 1024, 1025, 4095, 4096, 8191, 65_535, 65_536] {
        text.extend(vec![b'x'; length]);
        text.extend(b"\nFrom mallory Mon Nov 23 10:00:00 2026\n");
        text.extend(vec![b'y'; length]);
        text.extend(b"From mallory Mon Nov 23 10:00:00 2026\n.\n");
    }
    let all = [Message(text), messages::archive(1).remove(0)];
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &all).start();
        let mut pop = daemon.account("alice").login();
        assert_eq!(pop.retrieve_all(), [all[0].wire(), all[1].wire()], "{format:?}");
        pop.ok("DELE 1");
        pop.quit();
        assert_eq!(daemon.account("alice").login().retrieve_all(), [all[1].wire()], "{format:?}");
    }
}

#[test]
fn headers_that_hurt_parsers_are_octets_like_any() {
    let boundary =
        |depth: usize| format!("Content-Type: multipart/mixed; boundary=\"b{depth}\"\n\n--b{depth}\n");
    let all = [
        ["To: a@example.org, b@example.org\n".repeat(100_000).as_bytes(), b"\nmany addresses\n"].concat(),
        [&b"X-Large: "[..], &b"folded\n\t".repeat(500_000), b"\n\none large field\n"].concat(),
        b"Sub\0ject: a NUL in a name\n\0\0: x\n: no name\nX\n\nbody\n".to_vec(),
        (0..10_000).map(boundary).collect::<String>().into_bytes(),
        b"Content-Type: text/plain; name*0*=utf-8''%\nFrom: (((((((((((((\nDate: Fri, 99 Foo -1\n\n\n"
            .to_vec(),
    ]
    .map(Message);
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &all).start();
        let mut pop = daemon.account("alice").login();
        let wire: Vec<_> = all.iter().map(Message::wire).collect();
        assert!(pop.retrieve_all() == wire, "{format:?}");
        let top = pop.body("TOP 1 0");
        assert_eq!(top.len(), wire[0].len() - "many addresses\r\n".len(), "{format:?}");
        pop.quit();
    }
}

#[test]
fn headers_in_utf8_are_parsed_in_bounds() {
    // Clients that have not sent UTF8 get surrogates for these messages.
    let comments = "(ä".repeat(20_000);
    let all = [
        "To: \"ä\" <a@example.org>, b@example.org\n".repeat(100_000) + "\nmany addresses\n",
        format!("X-Large: {}\n\none large field\n", "ä folded\n\t".repeat(300_000)),
        format!("From: {comments}\nSubject: {}\n\nodd\n", "ä".repeat(500_000)),
        "Content-Type: text/plain; name=\"ä\"; name*0*=utf-8''%\nFrom: ä\0b <<<>@\n\n".to_owned(),
    ]
    .map(|text| Message(text.into_bytes()));
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &all).start();
        let mut pop = daemon.account("alice").login();
        let sizes = pop.list();
        let surrogates = pop.retrieve_all();
        assert_eq!(surrogates.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{format:?}");
        // Only the beginning of a long header is scanned.
        assert!(surrogates[0][..10_000].is_ascii() && surrogates[3].is_ascii(), "{format:?}");
        pop.quit();
        let mut pop = Pop3Client::connect(daemon.port());
        pop.ok("UTF8");
        pop.ok("USER alice");
        pop.ok("PASS secret word");
        assert!(
            pop.retrieve_all() == all.iter().map(Message::wire).collect::<Vec<_>>(),
            "{format:?}: not sent unchanged"
        );
        pop.quit();
    }
}

#[test]
fn a_mailbox_that_leads_to_somebody_elses_file_is_not_read() {
    let Some(()) = need::root() else { return };
    let secret = b"From root Mon Nov 23 10:00:00 2026\nSubject: secret\n\nfor root only\n\n";
    for (format, target) in [(Format::Mbox, "secret"), (Format::Maildir, "folder")] {
        let daemon =
            Daemon::new(format).user("alice", &[]).user_of(OTHER_OWNER, "bob", &messages::archive(1));
        let (mailbox, target) = (daemon.mailbox("alice"), daemon.path(target));
        match format {
            Format::Mbox => {
                fs::write(&target, secret).expect("a file of root's");
                fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("chmod");
                fs::remove_file(&mailbox).expect("the mailbox");
            }
            Format::Maildir => {
                fs::rename(daemon.mailbox("bob"), &target).expect("moving a Maildir");
                fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).expect("chmod");
                fs::remove_dir_all(&mailbox).expect("the mailbox");
            }
        }
        symlink(&target, &mailbox).expect("a link");
        let daemon = daemon.start();
        let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
        assert!(refused.starts_with("-ERR [SYS/"), "{format:?}: {refused}");
        if format == Format::Mbox {
            assert_eq!(fs::read(target).expect("the file"), secret);
        }
    }
}

#[test]
fn a_link_in_place_of_the_lock_file_is_not_written_through() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::archive(2))
        .setting("retry_on_lock = 1\nstale_lock = 10")
        .start();
    let victim = daemon.path("victim");
    fs::write(&victim, "precious").expect("a file");
    for lock in ["alice.lock", "alice.journal", "alice.tmp"] {
        symlink(&victim, daemon.mailbox(lock)).expect("a link");
    }
    if let Ok(mut pop) = daemon.account("alice").try_login() {
        pop.ok("DELE 1");
        // It does not matter whether the lock was acquired.
        let _ = pop.ask("QUIT");
    }
    assert_eq!(fs::read(&victim).expect("the file"), b"precious");
}

#[test]
fn what_mpopd_keeps_of_its_own_is_for_nobody_else() {
    for mode in ["mbox", "disk"] {
        let daemon = Daemon::new(Format::Mbox)
            .setting(&format!("storage = \"{mode}\""))
            .user("alice", &messages::archive(5))
            .start();
        let mut pop = daemon.account("alice").login();
        pop.ok("DELE 2");
        assert_private(&daemon.path("state"));
        pop.quit();
        assert_private(&daemon.path("state"));
        if mode == "disk" {
            let _open = daemon.account("alice").login();
            assert_private(&daemon.spool());
        }
    }
}

/// Asserts that group and others can neither read nor write this file or folder, or anything in it.
fn assert_private(path: &Path) {
    let mode = fs::symlink_metadata(path).expect("metadata").permissions().mode() & 0o7777;
    assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            assert_private(&entry.expect("an entry").path());
        }
    }
}

#[test]
fn logins_that_are_broken_off_cost_no_memory() {
    /// A leak in each exchange would add up to more than [`MOST_KB`] after this number of logins.
    const LOGINS: usize = 3000;
    const MOST_KB: u64 = 6 * 1024;
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .setting("max_servers_per_ip = 100000\nmax_servers = 100000")
        .start();
    let memory = || -> u64 {
        ["mpopd-session", "mpopd-auth"]
            .iter()
            .flat_map(|role| daemon.role(role))
            .map(|process| process.resident_kb())
            .sum()
    };
    let break_off = |times: usize| {
        for number in 0..times {
            let mut pop = Pop3Client::connect(daemon.port());
            let mechanism = ["LOGIN", "PLAIN", "SCRAM-SHA-256"][number % 3];
            assert!(pop.ask(&format!("AUTH {mechanism}")).expect("a challenge").starts_with("+ "));
            match number % 2 {
                0 => drop(pop.err("*")),
                // Disconnect without a word.
                _ => drop(pop),
            }
        }
    };
    // Warm up: some memory is allocated only once.
    break_off(LOGINS / 10);
    let before = memory();
    break_off(LOGINS);
    let after = memory();
    assert!(after < before + MOST_KB, "grew from {before} kB to {after} kB");
    daemon.account("alice").login().quit();
}

#[test]
fn a_login_of_nothing_lets_nobody_in_and_hurts_nothing() {
    let daemon = Daemon::new(Format::Mbox).user_with("nopass", "{PLAIN}").user("alice", &[]).start();
    let processes = daemon.supervisor().descendants();
    for commands in [
        &["USER", "PASS"][..],
        &["USER nobody", "PASS"],
        &["USER nobody", "PASS x"],
        &["USER nopass", "PASS "],
        &["AUTH PLAIN ="],
        &["AUTH PLAIN AAA="],
        &["AUTH LOGIN =", ""],
        &["AUTH PLAIN", "="],
        &["AUTH LOGIN", "", ""],
        &["AUTH SCRAM-SHA-256", ""],
        &["AUTH SCRAM-SHA-256 ="],
    ] {
        let mut pop = Pop3Client::connect(daemon.port());
        let replies: Vec<_> = commands.iter().map(|command| pop.ask(command).expect("a reply")).collect();
        assert!(!replies.iter().any(|reply| reply.starts_with("+OK maildrop")), "{commands:?}: {replies:?}");
        assert!(replies.last().is_some_and(|reply| reply.starts_with("-ERR")), "{commands:?}: {replies:?}");
    }
    assert!(processes.iter().all(|process| process.is_alive()), "a process died");
}
