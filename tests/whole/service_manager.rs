//! Notifications to a service manager, and the sockets that it passes. The test plays the part of systemd.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::harness::{Daemon, Format, MPOPD, PATIENCE, Pop3Client, Process, eventually, messages};

#[test]
fn it_is_told_when_the_daemon_serves_re_reads_and_ends() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("notify");
    let socket = listening(UnixDatagram::bind(&path).expect("a socket"));
    let name = path.to_str().expect("text");
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &[]).variable("NOTIFY_SOCKET", name).start();
    let pid = daemon.supervisor().0;
    let told = next(&socket);
    assert_eq!(told[..2], ["READY=1".to_owned(), format!("MAINPID={pid}")]);
    assert!(told[2].starts_with("STATUS=") && told[2].contains(&daemon.port().to_string()), "{told:?}");

    let before = monotonic_microseconds();
    for (signal, line) in
        [(Signal::USR1, "timeout = 500"), (Signal::HUP, "timeout = 400"), (Signal::USR1, "x = 1")]
    {
        daemon.reconfigure(line);
        daemon.supervisor().signal(signal);
        let told = next(&socket);
        assert_eq!(told[0], "RELOADING=1");
        let since: u64 = told[1].strip_prefix("MONOTONIC_USEC=").expect("a time").parse().expect("a number");
        assert!((before..=monotonic_microseconds()).contains(&since), "{since}");
        // Even if the notification failed, the daemon serves.
        assert_eq!(next(&socket)[0], "READY=1");
    }
    daemon.end(Signal::TERM);
    assert_eq!(next(&socket)[0], "STOPPING=1");
}

#[test]
fn an_abstract_socket_is_found_and_the_watchdog_is_fed() {
    let name = format!("mpopd-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = listening(UnixDatagram::bind_addr(&address).expect("a socket"));
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .variable("NOTIFY_SOCKET", &format!("@{name}"))
        .variable("WATCHDOG_USEC", "200000")
        .start();
    let mut told: Vec<String> = Vec::new();
    while told.iter().filter(|line| *line == "WATCHDOG=1").count() < 3 {
        told.extend(next(&socket));
    }
    assert!(told.contains(&"READY=1".to_owned()), "{told:?}");
    // It sends watchdog pings only while its main loop runs.
    daemon.supervisor().signal(Signal::STOP);
    eventually("a stopped supervisor", || {
        daemon.supervisor().status("State")?.starts_with('T').then_some(())
    });
    socket.set_nonblocking(true).expect("a socket");
    while socket.recv(&mut [0; 512]).is_ok() {}
    socket.set_nonblocking(false).expect("a socket");
    socket.set_read_timeout(Some(std::time::Duration::from_millis(500))).expect("a timeout");
    assert!(socket.recv(&mut [0; 512]).is_err(), "a stopped daemon sent a message");
    daemon.supervisor().signal(Signal::CONT);
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    assert_eq!(next(&socket), ["WATCHDOG=1"]);
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("notify");
    let socket = listening(UnixDatagram::bind(&path).expect("a socket"));
    let mut daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .variable("NOTIFY_SOCKET", path.to_str().expect("text"))
        .variable("WATCHDOG_USEC", "1000")
        .variable("WATCHDOG_PID", "1")
        .start();
    daemon.end(Signal::TERM);
    let mut told = Vec::new();
    while !told.contains(&"STOPPING=1".to_owned()) {
        told.extend(next(&socket));
    }
    assert!(!told.contains(&"WATCHDOG=1".to_owned()), "{told:?}");
}

#[test]
fn sockets_that_listen_are_used_in_place_of_binding() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    daemon.configure();
    let socket = TcpListener::bind("127.0.0.1:0").expect("listening");
    let port = socket.local_addr().expect("an address").port();
    // The connection waits in the socket's queue before a daemon exists.
    let early = std::thread::spawn(move || Pop3Client::connect(port));
    let passed = Passed::start(&daemon, socket.into(), "-F");
    early.join().expect("a greeting").quit();
    assert!(
        TcpStream::connect(("127.0.0.1", daemon.port())).is_err(),
        "the daemon must not bind a port itself"
    );
    let found = eventually("a pid file", || {
        sys::pid_file::read(&daemon.pid_file()).expect("reading").filter(|found| found.pid.is_some())
    });
    assert_eq!((found.port, found.held), (Some(port), true));
    // The passed sockets survive a reload.
    passed.process.signal(Signal::HUP);
    let mut account = daemon.account("alice");
    account.port = port;
    // A connection that is accepted just before the sessions are closed is closed with them.
    let served = || account.try_login().ok()?.ask("QUIT").ok().filter(|reply| reply.starts_with("+OK"));
    eventually("a session", served);
}

#[test]
fn a_connection_is_served_and_then_it_ends() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    daemon.configure();
    let socket = TcpListener::bind("127.0.0.1:0").expect("listening");
    let port = socket.local_addr().expect("an address").port();
    let client = std::thread::spawn({
        let mut account = daemon.account("alice");
        account.port = port;
        move || account.login()
    });
    let (connection, _) = socket.accept().expect("a connection");
    let mut passed = Passed::start(&daemon, connection.into(), "");
    let mut pop = client.join().expect("a session");
    assert_eq!(pop.stat().0, messages::ordinary().len());
    pop.quit();
    let status = eventually("its end", || passed.child.try_wait().expect("waiting"));
    assert_eq!(status.code(), Some(0));
    assert!(!daemon.pid_file().exists(), "it must not run as a daemon");
}

/// Starts mpopd with a socket as descriptor 3.
struct Passed {
    child: Child,
    process: Process,
}

impl Passed {
    fn start(daemon: &Daemon, socket: OwnedFd, option: &str) -> Self {
        let script = format!(
            "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec '{MPOPD}' {option} -c '{}'",
            daemon.configuration().display()
        );
        let child = Command::new("sh").arg("-c").arg(script).stdin(Stdio::from(socket)).spawn();
        let child = child.expect("running sh");
        Self { process: Process(child.id()), child }
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening(socket: UnixDatagram) -> UnixDatagram {
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// The lines of the next message.
fn next(socket: &UnixDatagram) -> Vec<String> {
    let mut message = [0; 512];
    let length = socket.recv(&mut message).expect("a message");
    String::from_utf8_lossy(&message[..length]).lines().map(str::to_owned).collect()
}

fn monotonic_microseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1000).expect("a time after the start")
}
