//! `mpopd try`, the first thing that anyone runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::mailbox::add_to_maildir;
use crate::harness::{Format, Message, OWNER, PATIENCE, RunBy, Trial, messages, need};

#[test]
fn the_printed_curl_line_prints_the_first_message() {
    let Some(_) = need::program("curl") else { return };
    for run_by in [RunBy::Owner, RunBy::Ourselves] {
        let mut trial = Trial::sample(run_by);
        let line = trial.curl_line().to_owned();
        let done = bounded(&["sh", "-c", &line]);
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        let message = String::from_utf8(done.stdout).expect("text");
        assert!(message.contains("Subject: ") && message.contains("\r\n\r\n"), "{message}");

        let (status, printed) = trial.interrupt();
        assert_eq!(status.code(), Some(0), "the output does not mention Ctrl-C: {printed}");
        for words in [["login ok", "ip=127.0.0.1"], ["logout", "reason=quit"]] {
            assert!(
                printed.lines().any(|l| words.iter().all(|w| l.contains(w))),
                "no {words:?} in: {printed}"
            );
        }
        let left: Vec<PathBuf> = entries(&trial.temporary());
        assert!(
            !left.iter().any(|path| path.join("mail").exists()),
            "the sample mailbox was not removed: {left:?}"
        );
    }
}

#[test]
fn with_tls_its_certificate_can_be_trusted_on_both_ports() {
    let Some(_) = need::program("curl") else { return };
    for run_by in [RunBy::Owner, RunBy::Ourselves] {
        let mut trial = Trial::sample_with_tls(run_by);
        let told = trial.next_line();
        let from_the_start = &told[told.find("curl").expect("a curl line")..];
        let certificate = from_the_start.split(' ').nth(2).expect("the certificate");
        let stls = trial.curl_line().replace("curl ", &format!("curl --ssl-reqd --cacert {certificate} "));
        for line in [from_the_start, &stls] {
            let done = bounded(&["sh", "-c", line]);
            assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
            assert!(String::from_utf8_lossy(&done.stdout).contains("Subject: "));
        }
        let untrusted = from_the_start.replace(&format!("--cacert {certificate} "), "");
        assert!(
            !bounded(&["sh", "-c", &untrusted]).status.success(),
            "the certificate must not be trusted by default"
        );
        let (_, printed) = trial.interrupt();
        assert_eq!(printed.matches("tls=TLSv1.3").count(), 2, "{printed}");
    }
}

#[test]
fn the_user_and_the_password_are_printed() {
    let trial = Trial::of(Format::Mbox, &[]);
    let said = trial.said();
    assert!(said.lines().any(|line| line.contains("user") && line.ends_with("me")), "{said}");
    assert!(said.lines().any(|line| line.contains("password") && line.ends_with("pass word")), "{said}");
}

#[test]
fn root_reads_a_mailbox_as_its_owner() {
    let Some(()) = need::root() else { return };
    let messages = messages::ordinary();
    let trial = Trial::of_mailbox(RunBy::Ourselves, |path| Format::Maildir.deliver(path, &messages));
    let mut pop = trial.account().login();
    assert_eq!(pop.stat().0, messages.len());
    let maildrop = trial.supervisor().descendants().into_iter().find(|p| p.name() == "mpopd-maildrop");
    assert_eq!(maildrop.expect("a maildrop process").uids(), [OWNER; 4]);
    pop.ok("DELE 1");
    pop.quit();
    assert_eq!(trial.account().login().stat().0, messages.len() - 1);
}

/// Real messages of all sorts, from the test data of Python's email package rather than written for these
/// tests.
#[test]
fn curl_prints_messages_that_the_tests_did_not_make() {
    let (Some(_), Some(messages)) = (need::program("curl"), foreign_messages()) else { return };
    let deliver = |path: &Path| {
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(path.join(part)).expect("a Maildir");
        }
        messages.iter().enumerate().for_each(|(number, message)| add_to_maildir(path, number, message));
    };
    let trial = Trial::of_mailbox(RunBy::Owner, deliver);
    let sizes = trial.account().login().list();
    for ((number, message), size) in (1..).zip(&messages).zip(sizes) {
        let url = format!("pop3://127.0.0.1:{}/{number}", trial.port());
        let done = bounded(&["curl", "--silent", "--show-error", "--user", "me:pass word", &url]);
        assert!(done.status.success(), "{url}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(done.stdout == message.wire(), "message {number}: {}", done.stdout.escape_ascii());
        assert_eq!(done.stdout.len(), size, "octets of message {number}");
    }
}

fn foreign_messages() -> Option<Vec<Message>> {
    let libraries = [Path::new("/usr/lib"), Path::new("/usr/local/lib")].into_iter().flat_map(entries);
    let data = libraries.map(|library| library.join("test/test_email/data")).find(|data| data.is_dir());
    let Some(data) = data else {
        return need::skip("Python's test data is not installed (Debian: libpython3-testsuite)");
    };
    let mut files = entries(&data);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() > 20, "too few messages: {files:?}");
    Some(files.iter().map(|file| Message(fs::read(file).expect("a message"))).collect())
}

fn bounded(command: &[&str]) -> Output {
    let limit = PATIENCE.as_secs().to_string();
    Command::new("timeout").arg(limit).args(command).output().expect("running timeout")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    found.map(|entry| entry.expect("a folder entry").path()).collect()
}
