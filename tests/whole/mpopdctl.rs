//! mpopdctl starts and stops the daemon and makes it reload its configuration.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use crate::harness::ctl::{Controlled, Said, said};
use crate::harness::{Daemon, Format, Pop3Client, Port, eventually, messages};

#[test]
fn start_and_stop() {
    let daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &messages::ordinary()));
    let started = daemon.ctl(&["start"]);
    assert_eq!(started.out, format!("mpopd started on port {}\n", daemon.port()), "{started:?}");
    assert_eq!((started.status, started.err.as_str()), (Some(0), ""));
    // No waiting: the daemon accepts connections when mpopdctl returns.
    daemon.account("alice").login().quit();
    let pid = daemon.supervisor();

    for again in [&["start"][..], &["-f", "start"]] {
        let again = daemon.ctl(again);
        assert_eq!((again.status, again.out.as_str()), (Some(1), ""));
        assert!(again.err.contains(&format!("running already, process {}", pid.0)), "{again:?}");
    }
    let mut open = daemon.account("alice").login();
    assert_done(&daemon.ctl(&["stop"]), "mpopd halted\n");
    assert!(!pid.is_alive(), "stop must return only when the daemon is gone");
    assert!(open.rest().starts_with(b"-ERR [SYS/TEMP] "));
    assert!(!daemon.pid_file().exists());
    let again = daemon.ctl(&["stop"]);
    assert_eq!(again.status, Some(1));
    assert!(again.err.contains("mpopd is not running"), "{again:?}");
}

#[test]
fn a_pid_file_left_behind_is_removed_with_f() {
    let daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    daemon.end_by(Signal::KILL);
    assert!(daemon.pid_file().exists());
    let stopped = daemon.ctl(&["stop"]);
    assert!(stopped.status == Some(1) && stopped.err.contains("not running"), "{stopped:?}");
    let refused = daemon.ctl(&["start"]);
    assert_eq!((refused.status, refused.out.as_str()), (Some(1), ""));
    assert!(refused.err.contains("-f removes it"), "{refused:?}");
    let started = daemon.ctl(&["-f", "start"]);
    assert_done(&started, &format!("mpopd started on port {}\n", daemon.port()));
    daemon.account("alice").login().quit();
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    let failed = daemon.ctl(&["-p", &port, "start"]);
    assert_eq!((failed.status, failed.out.as_str()), (Some(1), ""));
    assert!(failed.err.contains("another program listens there"), "{failed:?}");
    assert!(!daemon.pid_file().exists());
}

#[test]
fn restart_keeps_the_port() {
    let mut daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    let other = Port::reserve();
    let port = other.number.to_string();
    assert_done(&daemon.ctl(&["-p", &port, "start"]), &format!("mpopd started on port {port}\n"));
    let first = daemon.supervisor();
    assert_done(&daemon.ctl(&["restart"]), &format!("mpopd halted\nmpopd started on port {port}\n"));
    assert!(daemon.supervisor() != first && !first.is_alive());
    let own = daemon.port();
    let moved = daemon.ctl(&["-p", &own.to_string(), "restart"]);
    assert_done(&moved, &format!("mpopd halted\nmpopd started on port {own}\n"));

    // An invalid configuration leaves the running server alone.
    let living = daemon.supervisor();
    daemon.reconfigure("prot = 1");
    let refused = daemon.ctl(&["restart"]);
    assert_eq!((refused.status, refused.out.as_str()), (Some(1), ""));
    assert!(refused.err.contains("prot: unknown setting"), "{refused:?}");
    assert!(living.is_alive());
    // The daemon can still be stopped.
    assert_done(&daemon.ctl(&["stop"]), "mpopd halted\n");
    daemon.forget("prot");
    assert_done(&daemon.ctl(&["restart"]), &format!("mpopd started on port {own}\n"));
}

#[test]
fn config_has_new_sessions_follow_the_file_and_tells_its_faults() {
    let mut daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &messages::ordinary()));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    let mut open = daemon.account("alice").login();
    daemon.reconfigure("greeting = \"well met\"");
    assert_done(&daemon.ctl(&["config"]), "mpopd re-read its config file\n");
    assert_eq!(Pop3Client::connect(daemon.port()).greeting(), "+OK well met");

    daemon.reconfigure("prot = 1");
    daemon.reconfigure("greeting = 5");
    let kept = daemon.ctl(&["config"]);
    assert_eq!((kept.status, kept.out.as_str()), (Some(1), ""));
    for words in ["prot: unknown setting", "greeting: ", "the old settings stay in force"] {
        assert!(kept.err.contains(words), "{words} in {kept:?}");
    }
    assert_eq!(Pop3Client::connect(daemon.port()).greeting(), "+OK well met");
    open.ok("NOOP");
    // Sessions that began before the reload are listed and counted with the others.
    let who = daemon.ctl(&["who"]);
    assert!(who.out.contains(" alice "), "{who:?}");
    assert!(daemon.ctl(&["status"]).value("sessions").starts_with("1 now, 1 in all"));
    assert_done(&daemon.ctl(&["kick", "alice"]), "kicked 1 session\n");
    assert!(open.rest().starts_with(b"-ERR [SYS/TEMP] "));
    // The old generation ends with its last session; its counts stay.
    eventually("no session", || daemon.ctl(&["status"]).value("sessions").starts_with("0 now").then_some(()));
    daemon.forget("prot");
    daemon.reconfigure("greeting = \"well met\"");
    assert_done(&daemon.ctl(&["refresh"]), &format!("mpopd refreshed on port {}\n", daemon.port()));
    eventually("all totals", || {
        (daemon.ctl(&["status"]).value("sessions") == "0 now, 1 in all").then_some(())
    });
}

#[test]
fn many_at_once_are_all_told() {
    let mut daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    daemon.reconfigure("greeting = \"well met\"");
    let piped = |command: &str| {
        let mut command = daemon.ctl_command(&[command]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mpopdctl")
    };
    let refreshed = format!("mpopd refreshed on port {}\n", daemon.port());
    let all = ["config", "refresh", "config", "config", "refresh", "config", "config", "config"];
    let running: Vec<_> = all.iter().map(|command| piped(command)).collect();
    for (command, running) in all.iter().zip(running) {
        let out = if *command == "refresh" { &refreshed } else { "mpopd re-read its config file\n" };
        assert_done(&said(running.wait_with_output().expect("mpopdctl")), out);
    }
    assert_eq!(Pop3Client::connect(daemon.port()).greeting(), "+OK well met");
}

#[test]
fn refresh_ends_sessions_and_can_move_the_port() {
    let mut daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &messages::ordinary()));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    let before = daemon.snapshot();
    let mut open = daemon.account("alice").login();
    open.ok("DELE 1");
    let port = daemon.port();
    assert_done(&daemon.ctl(&["refresh"]), &format!("mpopd refreshed on port {port}\n"));
    assert!(open.rest().starts_with(b"-ERR [SYS/TEMP] "));
    daemon.account("alice").login_when_free().quit();
    assert_eq!(before, daemon.snapshot());

    let other = Port::reserve();
    daemon.reconfigure(&format!("port = {}", other.number));
    assert_done(&daemon.ctl(&["refresh"]), &format!("mpopd refreshed on port {}\n", other.number));
    daemon.reconfigure("port = -1");
    let kept = daemon.ctl(&["refresh"]);
    assert_eq!((kept.status, kept.out.as_str()), (Some(1), ""));
    assert!(kept.err.contains("port: -1 is not accepted"), "{kept:?}");
    let sessions = daemon.ctl(&["status"]);
    assert_eq!(sessions.value("ports"), format!("127.0.0.1:{}", other.number));
}

#[test]
fn e_edits_checks_and_asks() {
    let mut daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    let port = daemon.port();
    let greeting = || Pop3Client::connect(port).greeting().to_owned();
    let before = greeting();

    let edited = edit(&mut daemon, "greeting = \"edited\"", "maybe\nn\n");
    let question = "Re-read the config file now [y/n]? ";
    assert_eq!((edited.status, edited.out), (Some(0), question.repeat(2)), "{}", edited.err);
    assert_eq!(greeting(), before, "the answer was no");

    let edited = edit(&mut daemon, "greeting = 5", "y\n");
    assert_eq!((edited.status, edited.out.as_str()), (Some(1), ""), "an invalid file must not be offered");
    assert!(edited.err.contains("greeting: "), "{edited:?}");

    let edited = edit(&mut daemon, "greeting = \"edited\"", "y\n");
    assert_done(&edited, &format!("{question}mpopd re-read its config file\n"));
    assert_eq!(greeting(), "+OK edited");
}

/// Runs `mpopdctl -e config` with an editor that replaces its previous line with this one, and with these
/// answers to the questions.
fn edit(daemon: &mut Controlled, line: &str, answers: &str) -> Said {
    daemon.configure();
    let script = format!("#!/bin/sh\n[ \"$1\" = --wait ] || exit 9\necho '{line}' >> \"$2\"\n");
    let editor = daemon.configuration().with_file_name("an editor");
    fs::write(&editor, script).expect("an editor");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut command = daemon.ctl_command(&["-e", "config"]);
    command.env("VISUAL", quoted(&editor) + " --wait").env("EDITOR", "false");
    let mut running = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mpopdctl");
    // It may have exited without asking.
    let _ = running.stdin.take().expect("its input").write_all(answers.as_bytes());
    said(running.wait_with_output().expect("mpopdctl"))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    let mut command = daemon.ctl_command(&["-e", "config"]);
    let failed = said(command.env_remove("VISUAL").env("EDITOR", "false").output().expect("mpopdctl"));
    assert_eq!((failed.status, failed.out.as_str()), (Some(1), ""));
    assert!(failed.err.contains("the editor false failed"), "{failed:?}");
}

#[test]
fn a_daemon_without_its_control_socket_can_still_be_stopped() {
    let daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    fs::remove_file(daemon.control_socket()).expect("the socket");
    let config = daemon.ctl(&["config"]);
    assert_eq!(config.status, Some(1));
    assert!(config.err.contains("mpopd runs, process"), "{config:?}");
    assert_done(&daemon.ctl(&["stop"]), "mpopd halted\n");
}

#[test]
fn what_mpopdctl_starts_ends_by_signals_too() {
    let daemon = Controlled::of(Daemon::new(Format::Mbox).user("alice", &[]));
    assert_eq!(daemon.ctl(&["start"]).status, Some(0));
    let supervisor = daemon.supervisor();
    daemon.end_by(Signal::TERM);
    assert!(!supervisor.is_alive());
    assert!(!daemon.pid_file().exists() && !daemon.control_socket().exists());
}

fn assert_done(said: &Said, out: &str) {
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (Some(0), out, ""));
}
