//! The control socket, and what mpopdctl requests through it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use ipc::control::ControlRequest;
use ipc::wire::{self, Wait};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Signal;

use crate::harness::ctl::{mpopdctl, said};
use crate::harness::{Daemon, Format, OTHER_OWNER, Pop3Client, eventually, is_root, messages, need};

#[test]
fn status_tells_what_the_daemon_is_and_has_done() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user_of(OTHER_OWNER, "bob", &messages::ordinary())
        .start();
    // The harness has already connected once, to wait for a greeting.
    let before = settled(&daemon);
    let mut alice = daemon.account("alice").login();
    let octets = alice.body("RETR 1").len();
    daemon.account("bob").login().quit();
    let mut failing = Pop3Client::connect(daemon.port());
    for user in ["alice", "mallory"] {
        failing.ok(&format!("USER {user}"));
        failing.err("PASS not the word");
    }
    drop(failing);
    eventually("one connection left", || {
        daemon.ctl(&["status"]).value("connections").starts_with("1 now").then_some(())
    });

    let status = daemon.ctl(&["status"]);
    assert_eq!((status.status, status.err.as_str()), (Some(0), ""));
    assert_eq!(status.value("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(status.value("pid"), daemon.supervisor().0.to_string());
    assert_eq!(status.value("ports"), format!("127.0.0.1:{}", daemon.port()));
    assert_eq!(status.value("sessions"), "1 now, 2 in all");
    assert_eq!(status.value("connections"), format!("1 now, {} in all, 0 refused", before + 3));
    assert_eq!(status.value("logins failed"), "2 (password 1, unknown-user 1)");
    let sent: usize = status.value("bytes sent").parse().expect("a number");
    assert!(
        sent > octets && sent < octets + 10_000,
        "{sent} octets sent, including a message of {octets} octets"
    );

    let json = daemon.ctl(&["status", "--json"]);
    assert_eq!(json.status, Some(0));
    for words in ["\"sessions_total\": 2", "\"unknown-user\": 1", &format!("\"bytes_sent\": {sent},")] {
        assert!(json.out.contains(words), "{words} in {}", json.out);
    }
    alice.quit();
}

#[test]
fn who_has_a_line_for_each_connection() {
    let all = messages::ordinary();
    let daemon = Daemon::new(Format::Maildir).user("alice", &all).start();
    settled(&daemon);
    let alice = daemon.account("alice").login();
    let stranger = Pop3Client::connect(daemon.port());
    let log = daemon.logged(&["login ok", "user=<alice>"]);
    let (_, session) = log.rsplit_once("session=").expect("its id");

    let who = daemon.ctl(&["who"]);
    assert_eq!(who.status, Some(0), "{who:?}");
    let rows: Vec<Vec<&str>> = who.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "USER", "ADDRESS", "TLS", "STATE", "IDLE", "MESSAGES", "BYTES"]);
    assert_eq!(rows.len(), 3, "{who:?}");
    assert_eq!(rows[1][..5], [session, "alice", "127.0.0.1", "none", "transaction"]);
    assert_eq!(rows[1][6], all.len().to_string());
    assert_eq!(rows[2][1..5], ["-", "127.0.0.1", "none", "authorization"]);
    let json = daemon.ctl(&["who", "--json"]).out;
    assert!(json.contains(&format!("\"id\": \"{session}\"")) && json.contains("\"user\": null"), "{json}");

    drop(stranger);
    alice.quit();
    eventually("nobody", || (daemon.ctl(&["who"]).out.lines().count() == 1).then_some(()));
}

#[test]
fn a_thousand_connections_are_listed() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[])
        .setting("max_servers = 2000")
        .setting("max_servers_per_ip = 2000")
        .start();
    sys::process::raise_descriptor_limit();
    let _all: Vec<Pop3Client> = (0..1000).map(|_| Pop3Client::connect(daemon.port())).collect();
    let who = daemon.ctl(&["who"]);
    assert!(who.out.lines().count() > 1000, "{}", who.err);
}

#[test]
fn a_kicked_session_is_told_and_deletes_nothing() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user_of(OTHER_OWNER, "bob", &messages::ordinary())
        .start();
    let before = daemon.snapshot();
    let mut bob = daemon.account("bob").login();
    let mut id = String::new();
    for by_id in [false, true] {
        let mut alice = daemon.account("alice").login_when_free();
        alice.ok("DELE 1");
        if by_id {
            let who = daemon.ctl(&["who"]).out;
            let line = who.lines().find(|line| line.contains(" alice ")).expect("her line");
            id = line.split(' ').next().expect("an id").to_owned();
        }
        let kicked = daemon.ctl(&["kick", if by_id { &id } else { "alice" }]);
        assert_eq!((kicked.status, kicked.out.as_str()), (Some(0), "kicked 1 session\n"), "{kicked:?}");
        let farewell = alice.rest();
        assert!(farewell.starts_with(b"-ERR [SYS/TEMP] "), "{}", farewell.escape_ascii());
        assert!(farewell.ends_with(b"\r\n"), "{}", farewell.escape_ascii());
        daemon.logged(&["logout", "user=<alice>", "reason=kicked", "del=0/"]);
    }
    eventually("a line for each", || (daemon.log().matches("reason=kicked").count() == 2).then_some(()));
    let nobody = daemon.ctl(&["kick", &id]);
    assert_eq!((nobody.status, nobody.out.as_str()), (Some(1), ""));
    assert!(nobody.err.contains("is neither logged in nor the id of a session"), "{nobody:?}");
    bob.ok("NOOP");
    bob.quit();
    assert_eq!(daemon.account("alice").login_when_free().stat().0, messages::ordinary().len());
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn a_client_that_never_pauses_is_kicked_too() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let mut alice = daemon.account("alice").login();
    let kicking = daemon.ctl_command(&["kick", "alice"]).spawn().expect("mpopdctl");
    // The session goes on while commands arrive. Its last reply says why it ends.
    let last = loop {
        match alice.ask("NOOP") {
            Ok(reply) if reply.starts_with("+OK") => {}
            Ok(reply) => break reply,
            Err(error) => panic!("no farewell: {error}"),
        }
    };
    assert!(last.starts_with("-ERR [SYS/TEMP] "), "{last}");
    assert_eq!(said(kicking.wait_with_output().expect("mpopdctl")).status, Some(0));
}

#[test]
fn the_socket_is_for_its_owner_alone() {
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let about = fs::metadata(daemon.control_socket()).expect("the socket");
    assert!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    assert_eq!(about.uid(), rustix::process::geteuid().as_raw());
    if is_root() {
        let mut stranger = daemon.ctl_command(&["status"]);
        // The test programs may be in a folder that other users cannot enter.
        let copy = daemon.chroot().with_file_name("mpopdctl");
        fs::copy(mpopdctl(), &copy).expect("a copy");
        let mut command = std::process::Command::new(copy);
        command.args(stranger.get_args()).uid(OTHER_OWNER).gid(OTHER_OWNER);
        stranger = command;
        let refused = said(stranger.output().expect("mpopdctl"));
        assert_eq!(refused.status, Some(1));
        assert!(refused.err.contains("Permission denied"), "{refused:?}");
        // Even if the file mode would let them in.
        let all = fs::Permissions::from_mode(0o666);
        fs::set_permissions(daemon.control_socket(), all).expect("chmod");
        let refused = said(stranger.output().expect("mpopdctl"));
        assert_eq!((refused.status, refused.out.as_str()), (Some(1), ""), "{refused:?}");
        daemon.logged(&["may not use the control socket"]);
    }
    daemon.end(Signal::TERM);
    assert!(!daemon.control_socket().exists(), "the socket must be removed with the daemon");
    let gone = daemon.ctl(&["status"]);
    assert_eq!(gone.status, Some(1));
    assert!(gone.err.starts_with("mpopdctl: mpopd is not running"), "{gone:?}");
}

#[test]
fn a_socket_left_behind_is_replaced_and_a_living_daemons_is_not() {
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let line = format!("control_socket = \"{}\"", daemon.control_socket().display());
    let second = Daemon::new(Format::Mbox).user("bob", &[]).setting(&line).refused();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.said.contains("another mpopd serves it"), "{}", second.said);
    assert_eq!(daemon.ctl(&["status"]).value("pid"), daemon.supervisor().0.to_string());

    daemon.end(Signal::KILL);
    assert!(daemon.control_socket().exists());
    daemon.start_again();
    assert_eq!(daemon.ctl(&["status"]).value("pid"), daemon.supervisor().0.to_string());
}

#[test]
fn what_clients_of_the_socket_do_wrong_harms_nobody() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let mut alice = daemon.account("alice").login();
    let path = daemon.control_socket();

    let junk = connect(&path);
    sys::seqpacket::send(&junk, &[0xff; 100], &[], Wait::Forever).expect("sending");
    assert_eq!(sys::seqpacket::receive(&junk, &mut [0; 9], Wait::Forever).expect("an end").length, 0);

    // A client that keeps sending requests and never reads a reply.
    let deaf = connect(&path);
    let ended =
        (0..1_000_000).find_map(|_| ipc::send(&deaf, &ControlRequest::Status, &[], Wait::Forever).err());
    assert!(matches!(ended, Some(wire::Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe
            || error.kind() == io::ErrorKind::ConnectionReset));

    // More connections than the socket allows: the oldest are closed to make room.
    let idle: Vec<OwnedFd> = (0..100).map(|_| connect(&path)).collect();
    assert_eq!(daemon.ctl(&["status"]).status, Some(0));
    drop(idle);

    alice.ok("NOOP");
    alice.quit();
    assert_eq!(daemon.ctl(&["who"]).status, Some(0));
}

#[test]
fn status_survives_the_session_role() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    daemon.account("alice").login().quit();
    assert!(daemon.ctl(&["status"]).value("sessions").ends_with("1 in all"));
    daemon.role("mpopd-session").iter().for_each(|session| session.signal(Signal::KILL));
    eventually("figures of the new session role", || {
        let status = daemon.ctl(&["status"]);
        let new =
            status.out.lines().any(|line| line.split_whitespace().eq("sessions 0 now, 0 in all".split(' ')));
        new.then_some(())
    });
}

#[test]
fn check_says_what_mpopd_says() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).start();
    let good = daemon.ctl(&["check"]);
    assert_eq!(good.status, Some(0), "{good:?}");
    assert!(good.out.ends_with("no faults\n"), "{good:?}");
    fs::write(daemon.configuration(), "prot = 110\n").expect("a fault");
    let bad = daemon.ctl(&["check"]);
    assert_eq!(bad.status, Some(1));
    assert!(bad.err.contains("mpopd.conf:1: prot: unknown setting"), "{bad:?}");
    // mpopdctl finds the daemon even with an invalid configuration. Otherwise nobody could stop it.
    let nowhere = daemon.ctl(&["status"]);
    assert!(!nowhere.err.contains("prot"), "{nowhere:?}");
}

#[test]
fn top_shows_the_sessions_until_q() {
    let Some(script) = need::program("script") else { return };
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let _alice = daemon.account("alice").login();
    let line = format!(
        "stty cols 100 rows 30; {} -c {} top",
        mpopdctl().display(),
        daemon.configuration().display()
    );
    let mut watching = std::process::Command::new(script)
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("script");
    let mut screen = io::BufReader::new(watching.stdout.take().expect("its screen"));
    let mut shown = String::new();
    while !shown.contains("alice") {
        let mut octets = [0; 4096];
        let read = io::Read::read(&mut screen, &mut octets).expect("the screen");
        assert!(read > 0, "top ended: {shown}");
        shown.push_str(&String::from_utf8_lossy(&octets[..read]));
    }
    let mut keys = watching.stdin.take().expect("its keys");
    io::Write::write_all(&mut keys, b"q").expect("a key");
    let mut rest = Vec::new();
    io::Read::read_to_end(&mut screen, &mut rest).expect("the screen");
    assert!(watching.wait().expect("script").success());
    let piped = daemon.ctl(&["top"]);
    assert_eq!(piped.status, Some(1));
    assert!(piped.err.contains("needs a terminal"), "{piped:?}");
}

/// The number of connections so far, once none is open.
fn settled(daemon: &Daemon) -> usize {
    eventually("an idle daemon", || {
        let status = daemon.ctl(&["status"]);
        let all = status.value("connections").strip_prefix("0 now, ")?;
        all.split(' ').next()?.parse().ok()
    })
}

fn connect(path: &Path) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a socket");
    let address = SocketAddrUnix::new(path).expect("a path");
    rustix::net::connect(&socket, &address).expect("the control socket");
    socket
}
