//! Sandboxed roles still work, and no role has secrets in memory that it does not need. What the sandbox
//! forbids is tested in `crates/mpopd/src/process/sandbox_tests.rs`.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;

use crate::harness::{
    Daemon, Format, OWNER, Process, TestAccount, Trial, eventually, give, memory, messages, need,
};

const PASSWORD: &[u8] = b"what bob has never typed";
const HASH: &[u8] = b"$6$caroline$QvNwP4pXcY9mBnLk";

/// All processes of a daemon, including the daemon itself.
fn family(daemon: &Daemon) -> Vec<Process> {
    let supervisor = daemon.supervisor();
    let mut family = supervisor.descendants();
    family.push(supervisor);
    family
}

#[test]
fn only_auth_has_the_user_list_in_memory() {
    let Some(()) = need::root() else { return };
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user_with("bob", &format!("{{PLAIN}}{}", String::from_utf8_lossy(PASSWORD)))
        .user_with("carol", &String::from_utf8_lossy(HASH))
        .start();
    let hold = |when: &str| {
        let open = daemon.account("alice").login();
        for process in family(&daemon) {
            let knows = [PASSWORD, HASH].map(|text| memory::holds(process.0, text));
            let expected = process.name() == "mpopd-auth";
            assert_eq!(knows, [expected; 2], "{}, {when}", process.name());
        }
        open.quit();
    };
    eventually("the lists read by each auth process", || {
        daemon.role("mpopd-auth").iter().all(|auth| memory::holds(auth.0, HASH)).then_some(())
    });
    hold("at first");
    let session = daemon.role("mpopd-session")[0];
    session.signal(Signal::KILL);
    daemon.account("alice").login_when_free().quit();
    hold("after the session role was started again");
}

#[test]
fn roles_are_sandboxed_no_matter_who_starts_them() {
    let trial = Trial::of(Format::Maildir, &messages::ordinary());
    let _open = trial.account().login();
    let sandboxed = ["mpopd-session", "mpopd-maildrop"];
    let family = trial.supervisor().descendants();
    for process in family.iter().filter(|process| sandboxed.contains(&process.name().as_str())) {
        assert_eq!(process.status("Seccomp").as_deref(), Some("2"), "{}", process.name());
        assert_eq!(process.status("NoNewPrivs").as_deref(), Some("1"), "{}", process.name());
    }
}

#[test]
fn a_mail_folder_that_was_made_anew_is_served() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary()).start();
        daemon.account("alice").login().quit();
        let before = daemon.snapshot();
        // As if the file system had been mounted again, while the process that served it still runs.
        let mail = daemon.mailbox("alice").parent().expect("the folder of mail").to_owned();
        let old = mail.with_extension("old");
        fs::rename(&mail, &old).expect("the old folder away");
        let copied = std::process::Command::new("cp").arg("-a").arg(&old).arg(&mail).status();
        assert!(copied.expect("cp").success());
        let mut pop = eventually("a session", || daemon.account("alice").try_login().ok());
        assert_eq!(pop.stat().0, messages::ordinary().len(), "{format:?}");
        pop.quit();
        assert_eq!(before, daemon.snapshot());
    }
}

#[test]
fn a_mailbox_that_is_a_link_to_elsewhere_is_served() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary()).start();
        let mailbox = daemon.mailbox("alice");
        let away = daemon.path("elsewhere");
        fs::create_dir(&away).expect("another disk, as it were");
        let real = away.join("alice");
        fs::rename(&mailbox, &real).expect("the mailbox there");
        give(&away, OWNER);
        symlink(&real, &mailbox).expect("a link");
        let account: TestAccount = daemon.account("alice");
        let mut pop = account.login();
        pop.ok("DELE 1");
        pop.quit();
        let mut pop = account.login();
        assert_eq!(pop.stat().0, messages::ordinary().len() - 1, "{format:?}");
        pop.quit();
    }
}
