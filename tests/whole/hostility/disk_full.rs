//! Full disks, either the one with the mail or the one with mpopd's own files. No mail is ever lost.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::timed_session;
use crate::harness::{Daemon, Format, Pop3Client, messages, need};

/// A file system of some hundred kilobytes. It is unmounted when this is dropped, which must happen before
/// the folders around it are removed.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf) -> Option<Self> {
        need::root()?;
        let mount = need::program("mount")?;
        fs::create_dir_all(&path).expect("a folder");
        let mounted = Command::new(mount)
            .args(["-t", "tmpfs", "-o", "size=512k,mode=0700", "mpopd-test"])
            .arg(&path)
            .output();
        match mounted.expect("mount").status.success() {
            true => Some(Self(path)),
            false => need::skip("nothing can be mounted here"),
        }
    }

    /// Fills the file system with a file. Removing that file frees the space again.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("everything");
        let mut file = File::create(&path).expect("a file");
        while file.write(&[0; 4096]).is_ok_and(|octets| octets > 0) {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a process of the daemon may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The remaining messages, as a new session sees them.
fn left(daemon: &Daemon) -> Vec<Vec<u8>> {
    let mut pop = daemon.account("alice").login_when_free();
    let left = pop.retrieve_all();
    pop.quit();
    left
}

/// Removes a message in the middle. Returns whether the server reported success.
fn removes_the_second(mut pop: Pop3Client) -> bool {
    pop.ok("DELE 2");
    pop.ask("QUIT").expect("a reply").starts_with("+OK")
}

fn wire() -> Vec<Vec<u8>> {
    messages::ordinary().iter().map(|message| message.wire()).collect()
}

#[test]
fn a_full_state_dir_loses_no_mail() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary());
        let Some(disk) = Disk::mount(daemon.path("state")) else { return };
        let (daemon, disk) = (daemon.start(), disk);
        assert_eq!(left(&daemon), wire(), "{format:?}");
        let everything = disk.fill();
        // Reading needs no disk space.
        assert_eq!(left(&daemon), wire(), "{format:?}: with a full disk");
        check_removal(&daemon, format, &everything);
    }
}

#[test]
fn a_state_dir_that_was_full_from_the_start_refuses_or_serves_and_loses_nothing() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages::ordinary());
        let Some(disk) = Disk::mount(daemon.path("state")) else { return };
        let everything = disk.fill();
        let (daemon, _disk) = (daemon.start(), disk);
        if let Err(refused) = daemon.account("alice").try_login() {
            assert!(refused.to_string().starts_with("-ERR [SYS/TEMP]"), "{format:?}: {refused}");
        }
        fs::remove_file(&everything).expect("room again");
        assert_eq!(left(&daemon), wire(), "{format:?}");
        timed_session(&daemon.account("alice"));
    }
}

#[test]
fn a_full_disk_of_the_mail_loses_no_mail() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format);
        let Some(disk) = Disk::mount(daemon.path("mail")) else { return };
        open_to_all(&disk.0);
        let (daemon, disk) = (daemon.user("alice", &messages::ordinary()).start(), disk);
        let everything = disk.fill();
        assert_eq!(left(&daemon), wire(), "{format:?}");
        check_removal(&daemon, format, &everything);
    }
}

/// A folder with the mode of /var/mail, where all users' programs create dotlocks.
fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o1777)).expect("a folder for all");
}

/// Checks that a removal did what its reply says and nothing else, and that it succeeds once there is space
/// again.
fn check_removal(daemon: &Daemon, format: Format, everything: &Path) {
    let mut without = wire();
    without.remove(1);
    if removes_the_second(daemon.account("alice").login_when_free()) {
        eprintln!("{format:?}: removed on a full disk");
        assert_eq!(left(daemon), without, "{format:?}: reported as done, but was not");
    } else {
        assert_eq!(left(daemon), wire(), "{format:?}: refused, but messages are gone");
        fs::remove_file(everything).expect("room again");
        assert!(
            removes_the_second(daemon.account("alice").login_when_free()),
            "{format:?}: with free space again"
        );
        assert_eq!(left(daemon), without, "{format:?}");
    }
}
