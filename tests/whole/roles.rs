//! The roles are processes with the privileges that the design gives them. Any of them may be killed without
//! harm.

use std::io;

use rustix::process::Signal;

use crate::harness::{
    Daemon, Format, OTHER_OWNER, OWNER, Pop3Client, Process, Trial, eventually, messages, need,
};

const SESSION: &str = "mpopd-session";
const AUTH: &str = "mpopd-auth";
const MAILDROP: &str = "mpopd-maildrop";

/// The uid and gid of Debian's `nobody`, the `user` in the tests' configuration.
const NOBODY: (u32, u32) = (65_534, 65_534);

#[test]
fn the_session_role_can_reach_nothing() {
    let Some(()) = need::root() else { return };
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let _open = daemon.account("alice").login();
    for session in daemon.role(SESSION) {
        assert_eq!(session.uids(), [NOBODY.0; 4]);
        assert_eq!(session.gids(), [NOBODY.1; 4]);
        assert!(session.groups().iter().all(|&gid| gid == NOBODY.1), "groups: {:?}", session.groups());
        assert_eq!(session.root(), daemon.chroot());
        assert_eq!(session.status("NoNewPrivs").as_deref(), Some("1"));
        assert!(session.has_no_capabilities());
    }
}

#[test]
fn the_auth_role_keeps_root_and_every_maildrop_has_its_owners_ids() {
    let Some(()) = need::root() else { return };
    let daemon = Daemon::new(Format::Maildir)
        .user_of(OWNER, "alice", &messages::ordinary())
        .user_of(OWNER, "carol", &messages::ordinary())
        .user_of(OTHER_OWNER, "bob", &messages::ordinary())
        .start();
    assert!(daemon.role(AUTH).iter().all(|auth| auth.uids() == [0; 4]));
    assert_eq!(daemon.role_now(MAILDROP), [], "a maildrop process was started before it was needed");
    let _open = ["alice", "carol", "bob"].map(|user| daemon.account(user).login());
    let mut owners: Vec<u32> = daemon.role(MAILDROP).iter().map(|maildrop| maildrop.uids()[0]).collect();
    owners.sort_unstable();
    assert_eq!(owners, [OWNER, OTHER_OWNER], "there must be one process for each uid");
    for maildrop in daemon.role(MAILDROP) {
        let owner = maildrop.uids()[0];
        assert_eq!(maildrop.uids(), [owner; 4]);
        assert_eq!(maildrop.gids(), [owner; 4]);
        assert!(!maildrop.groups().contains(&0), "groups: {:?}", maildrop.groups());
        assert!(maildrop.has_no_capabilities());
    }
}

#[test]
fn without_root_the_roles_are_the_same_processes() {
    let trial = Trial::of(Format::Mbox, &messages::ordinary());
    let _open = trial.account().login();
    let supervisor = trial.supervisor();
    let uids = supervisor.uids();
    assert!(!uids.contains(&0), "mpopd try must run without root here");
    let family = supervisor.descendants();
    for role in [SESSION, AUTH, MAILDROP] {
        assert!(family.iter().any(|p| p.name() == role), "no {role} among {family:?}");
    }
    assert!(family.iter().all(|p| p.uids() == uids), "all must have the same uid");
}

#[test]
fn root_owns_no_maildrop() {
    let Some(()) = need::root() else { return };
    for format in Format::BOTH {
        let daemon = Daemon::new(format)
            .user_of(0, "superuser", &messages::ordinary())
            .user("alice", &messages::ordinary())
            .start();
        let before = daemon.snapshot();
        let refused = daemon.account("superuser").try_login().err().expect("a refusal");
        assert!(refused.to_string().starts_with("-ERR"), "{refused}");
        assert_eq!(daemon.role_now(MAILDROP), [], "a maildrop process was started");
        daemon.account("alice").login().quit();
        assert_eq!(before, daemon.snapshot());
    }
}

#[test]
fn a_killed_session_role_is_restarted() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let before = daemon.snapshot();
    let mut open = daemon.account("alice").login();
    open.ok("DELE 1");
    let killed = kill(&daemon, SESSION);
    assert_eq!(open.rest(), b"", "the connection must be closed");
    let mut pop = daemon.account("alice").login_when_free();
    assert_eq!(pop.stat().0, messages::ordinary().len(), "messages were deleted without QUIT");
    pop.quit();
    assert!(daemon.role(SESSION).iter().all(|session| !killed.contains(session)));
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn killed_auth_roles_are_restarted() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let mut open = daemon.account("alice").login();
    let number = daemon.role(AUTH).len();
    let one = daemon.role(AUTH)[0];
    one.signal(Signal::KILL);
    eventually("another auth process", || {
        let now = daemon.role_now(AUTH);
        (now.len() == number && !now.contains(&one)).then_some(())
    });
    open.ok("NOOP");
    open.quit();
    let all = kill(&daemon, AUTH);
    eventually("as many auth processes as before", || {
        let now = daemon.role_now(AUTH);
        (now.len() == number && !now.iter().any(|p| all.contains(p))).then_some(())
    });
    daemon.account("alice").login_when_free().quit();
}

#[test]
fn a_killed_maildrop_role_ends_its_own_sessions_only() {
    let Some(()) = need::root() else { return };
    for format in Format::BOTH {
        let daemon = Daemon::new(format)
            .user_of(OWNER, "alice", &messages::ordinary())
            .user_of(OTHER_OWNER, "bob", &messages::ordinary())
            .start();
        let before = daemon.snapshot();
        let mut alice = daemon.account("alice").login();
        let mut bob = daemon.account("bob").login();
        alice.ok("DELE 1");
        let of_alice =
            daemon.role(MAILDROP).into_iter().find(|p| p.uids()[0] == OWNER).expect("her maildrop");
        of_alice.signal(Signal::KILL);
        assert_ended(&mut alice);
        let wire: Vec<_> = messages::ordinary().iter().map(|message| message.wire()).collect();
        assert_eq!(bob.retrieve_all(), wire, "{format:?}: the other session must go on");
        bob.quit();
        let mut alice = daemon.account("alice").login_when_free();
        assert_eq!(alice.retrieve_all(), wire, "{format:?}: messages were deleted, or a lock is left");
        alice.quit();
        assert_eq!(before, daemon.snapshot());
    }
}

#[test]
fn a_login_whose_maildrop_role_is_killed_is_refused_at_once() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    // The lock of a live delivery agent makes opening the mailbox take as long as the test needs.
    let lock = daemon.mailbox("alice").with_extension("lock");
    std::fs::write(&lock, std::process::id().to_string()).expect("a lock file");
    let account = daemon.account("alice");
    let client = std::thread::spawn(move || account.try_login().map(drop));
    // If a maildrop process is killed before it gets its request, the server starts another one.
    eventually("a reply", || {
        daemon.role_now(MAILDROP).iter().for_each(|maildrop| maildrop.signal(Signal::KILL));
        client.is_finished().then_some(())
    });
    let refused = client.join().expect("the client").expect_err("no maildrop").to_string();
    assert!(refused.starts_with("-ERR [SYS/TEMP]"), "{refused}");
    let log = daemon.log();
    assert!(!log.contains("no answer to a login"), "the lock was not waited for: {log}");
    std::fs::remove_file(lock).expect("the lock file");
    daemon.account("alice").login_when_free().quit();
}

#[test]
fn sigterm_tells_every_session_and_undoes_deletions() {
    for format in Format::BOTH {
        let mut daemon = Daemon::new(format)
            .user("alice", &messages::ordinary())
            .user_of(OTHER_OWNER, "bob", &messages::ordinary())
            .start();
        let before = daemon.snapshot();
        let mut sessions = [
            daemon.account("alice").login(),
            daemon.account("bob").login(),
            Pop3Client::connect(daemon.port()),
        ];
        sessions[0].ok("DELE 1");
        let family = [vec![daemon.supervisor()], daemon.supervisor().descendants()].concat();
        let status = daemon.end(Signal::TERM);
        assert_eq!(status.code(), Some(0), "{format:?}: {}", daemon.log());
        for session in &mut sessions {
            let farewell = session.rest();
            assert!(farewell.starts_with(b"-ERR [SYS/TEMP] "), "{format:?}: {}", farewell.escape_ascii());
            assert_eq!(farewell.iter().filter(|&&b| b == b'\n').count(), 1, "{}", farewell.escape_ascii());
        }
        assert_all_gone(&family);
        assert_eq!(before, daemon.snapshot(), "{format:?}");
        daemon.logged(&["logout", "user=<alice>", "reason=shutdown"]);
        daemon.start_again();
        assert_eq!(daemon.account("alice").login().stat().0, messages::ordinary().len());
    }
}

#[test]
fn no_role_outlives_a_killed_supervisor() {
    let mut daemon = Daemon::new(Format::Maildir).user("alice", &messages::ordinary()).start();
    let before = daemon.snapshot();
    let mut open = daemon.account("alice").login();
    open.ok("DELE 1");
    let family = daemon.supervisor().descendants();
    daemon.end(Signal::KILL);
    assert_all_gone(&family);
    daemon.start_again();
    assert_eq!(daemon.account("alice").login().stat().0, messages::ordinary().len());
    assert_eq!(before, daemon.snapshot());
}

/// Kills every process of a role.
fn kill(daemon: &Daemon, role: &str) -> Vec<Process> {
    let all = daemon.role(role);
    all.iter().for_each(|process| process.signal(Signal::KILL));
    all
}

/// The next command gets -ERR or finds the connection closed. Afterwards the connection must be closed.
fn assert_ended(pop: &mut Pop3Client) {
    match pop.ask("RETR 2") {
        Ok(reply) => assert!(reply.starts_with("-ERR"), "{reply}"),
        Err(e) => assert!(!matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{e}"),
    }
    let _ = pop.rest();
}

fn assert_all_gone(family: &[Process]) {
    eventually("the end of every process", || {
        let left = family.iter().any(|p| p.is_alive() && p.name().starts_with("mpopd"));
        (!left).then_some(())
    });
}
