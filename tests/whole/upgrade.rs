//! `mpopdctl upgrade`: the installed program replaces the running one without clients noticing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::harness::ctl::Said;
use crate::harness::{Daemon, Format, MPOPD, Process, TestAccount, eventually, messages};

/// A daemon whose program is a file of the test.
struct Installed {
    daemon: Daemon,
    program: PathBuf,
}

impl Drop for Installed {
    fn drop(&mut self) {
        // The harness knows only the first process.
        if let Some(last) = pid_file(&self.daemon) {
            last.signal(Signal::KILL);
        }
    }
}

#[test]
fn under_load_nobody_is_refused_and_sessions_go_on() {
    const CLIENTS: usize = 4;
    let mut daemon = Daemon::new(Format::Maildir).user("old", &messages::ordinary());
    for client in 0..CLIENTS {
        daemon = daemon.user(&format!("client{client}"), &messages::ordinary());
    }
    let installed = Installed::start(daemon);
    let daemon = &installed.daemon;
    let mut old = daemon.account("old").login();
    old.ok("DELE 1");

    let (over, sessions) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let account = daemon.account(&format!("client{client}"));
                let (over, sessions) = (&over, &sessions);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        whole_session(&account);
                        sessions.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let mut supervisors = vec![daemon.supervisor()];
        for _ in 0..3 {
            let before = sessions.load(Ordering::Relaxed);
            installed.replace();
            let next = upgraded(&daemon.ctl(&["upgrade"]));
            assert!(!supervisors.contains(&next), "it must be another process");
            supervisors.push(next);
            assert_eq!(pid_file(daemon), Some(next));
            let exe = fs::read_link(format!("/proc/{}/exe", next.0)).expect("its program");
            assert_eq!(exe, installed.program, "it must run the newly installed program");
            let goes_on = || (sessions.load(Ordering::Relaxed) > before + CLIENTS).then_some(());
            eventually("sessions with the new one", goes_on);
        }
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("a client that was always served");
        }
        // The first one still has its session; those between have none.
        eventually("the end of those between", || {
            (!supervisors[1..3].iter().any(|one| one.is_alive())).then_some(())
        });
        assert!(supervisors[0].is_alive());
        assert_eq!(old.body("RETR 2"), messages::ordinary()[1].wire());
        let in_use = daemon.account("old").try_login().err().expect("a refusal");
        assert!(in_use.to_string().starts_with("-ERR [IN-USE] "), "{in_use}");
        old.quit();
        eventually("the end of the first", || (!supervisors[0].is_alive()).then_some(()));
        assert_eq!(daemon.account("old").login().stat().0, messages::ordinary().len() - 1);

        let last = supervisors[3];
        let family = [vec![last], last.descendants()].concat();
        last.signal(Signal::TERM);
        eventually("the end of all", || (!family.iter().any(|one| one.is_alive())).then_some(()));
        assert!(!daemon.pid_file().exists() && !daemon.control_socket().exists());
    });
}

#[test]
fn a_program_that_does_not_serve_changes_nothing() {
    let mut installed = Installed::start(Daemon::new(Format::Mbox).user("alice", &messages::ordinary()));
    let supervisor = installed.daemon.supervisor();
    let mut session = installed.daemon.account("alice").login();

    installed.daemon.reconfigure("timeout = \"soon\"");
    let refused = installed.daemon.ctl(&["upgrade"]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.err.contains("timeout: "), "{refused:?}");
    installed.daemon.reconfigure("timeout = 500");

    fs::remove_file(&installed.program).expect("the program");
    for (script, named) in [(None, "No such file"), (Some("#!/bin/sh\nexit 0\n"), "ended before it served")] {
        if let Some(script) = script {
            // Another process writes the file: see `harness::trial::program`.
            let write = format!("printf '%s' '{script}' >\"$0\" && chmod 755 \"$0\"");
            let done = Command::new("sh").arg("-c").arg(write).arg(&installed.program).status();
            assert!(done.expect("running sh").success());
        }
        let refused = installed.daemon.ctl(&["upgrade"]);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.err.contains(named), "{refused:?}");
        assert_eq!(pid_file(&installed.daemon), Some(supervisor));
    }
    session.ok("NOOP");
    session.quit();
    installed.daemon.account("alice").login().quit();
    // It can still be controlled and replaced.
    installed.replace();
    let next = upgraded(&installed.daemon.ctl(&["upgrade"]));
    eventually("the end of the first", || (!supervisor.is_alive()).then_some(()));
    next.signal(Signal::TERM);
    eventually("the end of the second", || (!next.is_alive()).then_some(()));
}

impl Installed {
    fn start(daemon: Daemon) -> Self {
        let program = daemon.path("mpopd");
        let mut installed = Self { daemon: daemon.run_by(&program), program };
        installed.replace();
        installed.daemon.start_again();
        installed
    }

    /// Replaces the program as package managers do: the new file is renamed to the old name.
    fn replace(&self) {
        let new = self.program.with_extension("new");
        // In another process: see `harness::trial::program`.
        let script = "cp \"$0\" \"$1\" && mv \"$1\" \"$2\"";
        let mut replace = Command::new("sh");
        replace.args(["-c", script, MPOPD]).arg(new).arg(&self.program);
        assert!(replace.status().expect("running sh").success());
    }
}

fn whole_session(account: &TestAccount) {
    let mut pop = account.try_login().expect("a login");
    assert_eq!(pop.body("RETR 1"), messages::ordinary()[0].wire());
    pop.quit();
}

/// The process that now serves, according to mpopdctl.
fn upgraded(done: &Said) -> Process {
    assert_eq!(done.status, Some(0), "{done:?}");
    let pid = done.out.strip_prefix("mpopd upgraded: process ").and_then(|rest| rest.split(' ').next());
    Process(pid.and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("no pid: {done:?}")))
}

fn pid_file(daemon: &Daemon) -> Option<Process> {
    let found = sys::pid_file::read(&daemon.pid_file()).expect("reading").filter(|found| found.held)?;
    Some(Process(found.pid?.as_raw_nonzero().get().unsigned_abs()))
}
