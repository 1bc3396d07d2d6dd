//! syslog and the systemd journal. The test provides the sockets: the daemon runs in a mount namespace where
//! they replace `/dev/log` and `/run/systemd/journal/socket`, whatever this machine has there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use crate::harness::{Daemon, Format, MPOPD, Pop3Client, Scratch, eventually, messages, need};

#[test]
fn syslog_gets_each_line_with_facility_and_severity() {
    let Some((daemon, log)) = daemon_logging_to("syslog") else { return };
    daemon.account("alice").login().quit();
    // mail.info: 2 * 8 + 6.
    let line = log.received(" INFO login ok user=<alice> ip=127.0.0.1 ");
    assert!(line.starts_with("<22>") && line.contains(" mpopd["), "{line}");
    log.received(" INFO logout user=<alice> ip=127.0.0.1 reason=quit ");

    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("USER alice");
    pop.err("PASS wrong");
    let line = log.received(" WARN login failed user=<alice> ");
    assert!(line.starts_with("<20>"), "{line}");
}

#[test]
fn the_journal_gets_each_field() {
    let Some((daemon, log)) = daemon_logging_to("journald") else { return };
    daemon.account("alice").login().quit();
    let entry = log.received("MPOPD_EVENT=login ok\n");
    for field in ["PRIORITY=6", "SYSLOG_FACILITY=2", "SYSLOG_IDENTIFIER=mpopd", "MPOPD_USER=alice"] {
        assert!(entry.lines().any(|line| line == field), "{field}: {entry}");
    }
    assert!(entry.contains("\nMESSAGE=login ok user=<alice> ip=127.0.0.1 "), "{entry}");
    log.received("MPOPD_EVENT=logout\n");
}

/// A daemon that logs to `target`, and the system log that receives it.
fn daemon_logging_to(target: &str) -> Option<(Daemon, SystemLog)> {
    need::root()?;
    need::program("unshare")?;
    let scratch = Scratch::new();
    let socket = UnixDatagram::bind(scratch.path().join("socket")).expect("a socket");
    socket.set_nonblocking(true).expect("a socket that does not block");
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .setting(&format!("debug_log = \"{target}\""))
        .run_by(&with_system_logs_at(&scratch))
        .start();
    Some((daemon, SystemLog { socket, _folder: scratch }))
}

/// The test's end of both system logs.
struct SystemLog {
    socket: UnixDatagram,
    _folder: Scratch,
}

impl SystemLog {
    /// Waits for a datagram with these words.
    fn received(&self, words: &str) -> String {
        let mut buffer = vec![0; 65_536];
        eventually(&format!("a datagram with {words:?}"), || {
            while let Ok(octets) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..octets]).into_owned();
                if text.contains(words) {
                    return Some(text);
                }
            }
            None
        })
    }
}

/// A program that runs mpopd with this folder's socket as both system logs.
fn with_system_logs_at(scratch: &Scratch) -> PathBuf {
    let top = scratch.path().display();
    let inside = scratch.file(
        "inside",
        format!(
            "set -e\n\
             mount -t tmpfs tmpfs /run\n\
             mkdir -p /run/dev /run/systemd/journal\n\
             mount --rbind /dev /run/dev\n\
             mount -t tmpfs tmpfs /dev\n\
             for device in null zero random urandom; do\n\
             touch /dev/$device; mount --bind /run/dev/$device /dev/$device\n\
             done\n\
             ln -s {top}/socket /dev/log\n\
             ln -s {top}/socket /run/systemd/journal/socket\n\
             exec {MPOPD} \"$@\"\n"
        ),
    );
    let program =
        scratch.file("mpopd", format!("#!/bin/sh\nexec unshare --mount sh {} \"$@\"\n", inside.display()));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod of the program");
    program
}
