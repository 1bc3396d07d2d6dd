//! `mpopdctl check-migration`, run as administrators run it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const OWNER: u32 = 54_321;
const DOVECOT: &str = "3 V1795424235 N3\n1 :1700000001.M1P1.host\n2 :1700000002.M2P1.host\n";

/// A Maildir with three messages of which Dovecot has seen two, and the configuration with this line.
fn prepared(setting: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // The program becomes the owner, who needs access to the folder.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let maildir = folder.path().join("Maildir");
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(maildir.join(part)).unwrap();
    }
    for number in 1..=3 {
        fs::write(maildir.join(format!("cur/170000000{number}.M{number}P1.host:2,S")), "Subject: x\n\n")
            .unwrap();
    }
    fs::write(maildir.join("dovecot-uidlist"), DOVECOT).unwrap();
    fs::write(folder.path().join("mpopd.conf"), setting).unwrap();
    if rustix::process::geteuid().is_root() {
        give(&maildir);
    }
    folder
}

fn give(path: &Path) {
    std::os::unix::fs::chown(path, Some(OWNER), Some(OWNER)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}

fn check(folder: &Path, from: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpopdctl"));
    command.arg("-c").arg(folder.join("mpopd.conf")).args(["check-migration", "alice", "--from", from]);
    if more.is_empty() {
        command.arg("--maildrop").arg(folder.join("Maildir"));
    }
    // A temporary folder that everyone may use.
    command.args(more).env("TMPDIR", "/tmp").output().unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.stderr.is_empty(), "{}", output.stderr.escape_ascii());
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn old_and_new_stand_side_by_side_and_differences_are_counted() {
    let folder = prepared("uidl = \"dovecot\"\n");
    let output = check(folder.path(), "dovecot", &[]);
    let lines = lines(&output);
    assert_eq!(output.status.code(), Some(1), "Dovecot does not know one message");
    assert_eq!(lines.len(), 5);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&lines[1]), ["1", "000000016b03ffeb", "000000016b03ffeb"]);
    assert_eq!(words(&lines[3]), ["3", "-", "1700000003.M3P1.host", "differs"]);
    assert_eq!(lines[4], "3 messages, 1 with another UIDL than before");
    let maildir: Vec<_> = fs::read_dir(folder.path().join("Maildir")).unwrap().collect();
    assert_eq!(maildir.len(), 4, "files were written");
}

#[test]
fn it_succeeds_when_all_are_the_same() {
    let folder = prepared("uidl = \"default\"\n");
    let output = check(folder.path(), "qmail", &[]);
    assert_eq!(lines(&output).last().unwrap(), "3 messages, 0 with another UIDL than before");
    assert_eq!(output.status.code(), Some(0));
    let output = check(folder.path(), "dovecot", &[]);
    assert_eq!(lines(&output).last().unwrap(), "3 messages, 3 with another UIDL than before");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let folder = prepared("");
    let nowhere = ["--maildrop", "/nonexistent/mail"];
    for (from, more, status, said) in [
        ("cyrus", &[][..], 2, "is no scheme of UIDLs"),
        ("dovecot", &nowhere, 1, "/nonexistent/mail: No such file"),
        ("dovecot", &["--maildrop", "/etc/passwd"], 1, "/etc/passwd: "),
    ] {
        let output = check(folder.path(), from, more);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    let user = "no-such-user-of-this-system";
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpopdctl"));
    command.arg("-c").arg(folder.path().join("mpopd.conf")).args([
        "check-migration",
        user,
        "--from",
        "qmail",
    ]);
    let output = command.output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("name the maildrop with --maildrop PATH"));
}
