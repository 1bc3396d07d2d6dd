//! `mpopd` as a daemon: it detaches, exits only when it serves, and maintains its pid file.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use crate::harness::{Daemon, Format, MPOPD, Pop3Client, Port, Process, eventually, messages};

/// A daemon that has detached. It is killed at the end of the test.
struct Detached {
    described: Daemon,
    supervisor: Process,
}

#[test]
fn it_answers_when_it_serves_and_leaves_everything_behind() {
    let detached = Detached::start(Daemon::new(Format::Mbox).user("alice", &messages::ordinary()), &[]);
    // No retry: the daemon said that it serves.
    let mut pop = detached.described.account("alice").login();
    assert_eq!(pop.retrieve_all().len(), messages::ordinary().len());
    pop.quit();

    let supervisor = detached.supervisor;
    let me = Process(std::process::id());
    assert_ne!(session_of(supervisor), session_of(me), "it must have its own session");
    assert_ne!(
        session_of(supervisor),
        supervisor.0,
        "it must not lead its session, or it could acquire a terminal"
    );
    let link = |name: &str| fs::read_link(format!("/proc/{}/{name}", supervisor.0)).expect("a link in /proc");
    assert_eq!(link("cwd"), Path::new("/"));
    for standard in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(link(standard), Path::new("/dev/null"));
    }
    detached.end();
}

#[test]
fn the_pid_file_names_the_daemon_and_its_port_and_goes_with_it() {
    let detached = Detached::start(Daemon::new(Format::Mbox).user("alice", &[]), &[]);
    let (file, port) = (detached.described.pid_file(), detached.described.port());
    let found = sys::pid_file::read(&file).expect("the pid file").expect("a pid file");
    assert_eq!(found.pid.map(|pid| pid.as_raw_nonzero().get()), i32::try_from(detached.supervisor.0).ok());
    assert_eq!((found.port, found.held), (Some(port), true));
    assert_eq!(
        fs::read_to_string(&file).expect("the pid file"),
        format!("{}\n{port}\n", detached.supervisor.0)
    );
    assert_eq!(fs::metadata(&file).expect("the pid file").permissions().mode() & 0o777, 0o644);
    detached.end();
    let folder = file.parent().expect("its folder");
    assert_eq!(fs::read_dir(folder).expect("its folder").count(), 0, "files were left");
}

#[test]
fn a_port_on_the_command_line_replaces_the_files() {
    let port = Port::reserve();
    let detached = Detached::start(Daemon::new(Format::Mbox).user("alice", &[]), &[&port.number.to_string()]);
    Pop3Client::connect(port.number).quit();
    assert!(TcpStream::connect(("127.0.0.1", detached.described.port())).is_err());
    let found = sys::pid_file::read(&detached.described.pid_file()).expect("reading").expect("a pid file");
    assert_eq!(found.port, Some(port.number));
}

#[test]
fn a_second_daemon_refuses_while_the_first_one_lives() {
    let detached = Detached::start(Daemon::new(Format::Mbox).user("alice", &[]), &[]);
    let port = Port::reserve();
    for more in [vec![port.number.to_string()], vec![port.number.to_string(), "-F".to_owned()]] {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let second = mpopd(&detached.described.configuration(), &more);
        let said = refusal(&second);
        assert!(said.contains("still running"), "{said}");
        assert!(said.contains(&detached.described.pid_file().display().to_string()), "{said}");
    }
    Pop3Client::connect(detached.described.port()).quit();
    let found = sys::pid_file::read(&detached.described.pid_file()).expect("reading").expect("a pid file");
    assert_eq!((found.port, found.held), (Some(detached.described.port()), true), "the pid file changed");
}

#[test]
fn a_pid_file_that_was_left_behind_is_no_obstacle() {
    let mut detached = Detached::start(Daemon::new(Format::Mbox).user("alice", &[]), &[]);
    let file = detached.described.pid_file();
    let family = detached.supervisor.descendants();
    detached.supervisor.signal(Signal::KILL);
    all_gone(&[vec![detached.supervisor], family].concat());
    let found = sys::pid_file::read(&file).expect("reading").expect("it is still there");
    assert!(!found.held);
    // By now another program may have this pid.
    fs::write(&file, "1\n110\n").expect("the pid file");
    detached.again();
    let found = sys::pid_file::read(&file).expect("reading").expect("a pid file");
    assert_eq!(found.pid.map(|pid| pid.as_raw_nonzero().get()), i32::try_from(detached.supervisor.0).ok());
    Pop3Client::connect(detached.described.port()).quit();
}

#[test]
fn what_keeps_it_from_starting_is_said_in_one_line_and_leaves_nothing() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]);
    let taken = std::net::TcpListener::bind(("127.0.0.1", daemon.port())).expect("listening");
    let said = refusal(&mpopd(&daemon.configure(), &[]));
    assert!(said.contains("another program listens there"), "{said}");
    assert!(!daemon.pid_file().exists());
    drop(taken);

    let mut daemon = daemon;
    daemon.reconfigure("timeout = \"soon\"");
    let said = refusal(&mpopd(&daemon.configuration(), &[]));
    assert!(said.contains("timeout: "), "{said}");
    daemon.reconfigure("timeout = 600");
    fs::remove_dir(daemon.pid_file().parent().expect("its folder")).expect("an empty folder");
    daemon.reconfigure("mpopd_pid_file = \"/proc/mpopd.pid\"");
    let said = refusal(&mpopd(&daemon.configuration(), &[]));
    assert!(said.contains("mpopd_pid_file: /proc/mpopd.pid: "), "{said}");
}

#[test]
fn without_root_it_is_a_daemon_too() {
    let daemon = Daemon::new(Format::Maildir).user("alice", &messages::ordinary()).owned_by_its_user();
    let detached = Detached::start(daemon, &[]);
    assert!(!detached.supervisor.uids().contains(&0));
    detached.described.account("alice").login().quit();
    detached.end();
}

impl Detached {
    fn start(described: Daemon, more: &[&str]) -> Self {
        described.configure();
        let mut detached = Self { described, supervisor: Process(0) };
        detached.start_with(more);
        detached
    }

    fn again(&mut self) {
        self.start_with(&[]);
    }

    fn start_with(&mut self, more: &[&str]) {
        let done = self.described.command(more).output().expect("running mpopd");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{said}");
        let found = sys::pid_file::read(&self.described.pid_file()).expect("reading").expect("a pid file");
        let pid = found.pid.expect("a pid in it").as_raw_nonzero().get();
        self.supervisor = Process(u32::try_from(pid).expect("a pid"));
    }

    /// Stops it as `mpopdctl stop` does.
    fn end(&self) {
        let family = [vec![self.supervisor], self.supervisor.descendants()].concat();
        self.supervisor.signal(Signal::TERM);
        all_gone(&family);
        assert!(!self.described.pid_file().exists(), "the pid file is left");
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if self.supervisor.name() == "mpopd" {
            // The roles exit with it.
            self.supervisor.signal(Signal::KILL);
        }
    }
}

/// Waits for the process that was started, and for every process that has its standard error.
fn mpopd(configuration: &Path, more: &[&str]) -> Output {
    Command::new(MPOPD)
        .arg("-c")
        .arg(configuration)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("running mpopd")
}

/// The only line that it printed when it failed.
fn refusal(done: &Output) -> String {
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

fn all_gone(family: &[Process]) {
    eventually("the end of every process", || (!family.iter().any(|p| p.is_alive())).then_some(()));
}

/// The session id of a process (proc(5), stat).
fn session_of(process: Process) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.0)).expect("its stat");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    fields.split(' ').nth(3).and_then(|session| session.parse().ok()).expect("a session id")
}
