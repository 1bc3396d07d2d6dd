//! Common mail programs download mailboxes. What they store must be what was delivered, octet for octet.
//!
//! Each program runs against the daemon (as root, with virtual users under another uid) and against `mpopd
//! try` without root, for both formats, once leaving the mail on the server and once deleting it. Programs
//! that support TLS repeat all of it with TLS.

mod curl;
mod fetchmail;
mod getmail;
mod mpop;
mod net_pop3;
mod poplib;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::harness::{
    Daemon, Format, Message, PATIENCE, Scratch, Snapshot, TestAccount, Trial, messages, need,
};
use crate::tls::secure;

/// A mail program and how the tests use it.
struct Client {
    /// The program that must be installed.
    needs: &'static str,
    /// The longest line that the program downloads whole, in octets.
    longest_line: usize,
    /// Downloads everything and returns what the program stored, in any order.
    drain: fn(&Job) -> Vec<Vec<u8>>,
    /// What the program stores for a message: its own changes to it, and no others.
    stores: fn(&Message) -> Vec<u8>,
}

/// A run of a program.
struct Job<'a> {
    account: &'a TestAccount,
    /// An empty folder for the program, which is also its home directory.
    work: &'a Path,
    /// Whether to leave the messages on the server.
    keep: bool,
    encryption: Encryption<'a>,
}

/// How a program connects. With TLS it calls the server `localhost` and trusts this certificate.
#[derive(Clone, Copy)]
enum Encryption<'a> {
    None,
    Stls(&'a Path),
    FromTheStart(&'a Path),
}

impl Encryption<'_> {
    /// The name or address that the program connects to.
    fn host(self) -> &'static str {
        match self {
            Encryption::None => "127.0.0.1",
            Encryption::Stls(_) | Encryption::FromTheStart(_) => "localhost",
        }
    }
}

impl Job<'_> {
    /// Runs a program with the work folder as its home and a time limit. It must succeed.
    fn run<A: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> String {
        let program = need::program(program).expect("checked before");
        let mut command = Command::new("timeout");
        command.arg(PATIENCE.as_secs().to_string()).arg(&program).args(arguments).current_dir(self.work);
        command.env("HOME", self.work).env("LC_ALL", "C.UTF-8");
        let done = command.output().expect("running a mail program");
        let said = [&done.stdout[..], &done.stderr].concat();
        assert!(
            done.status.success(),
            "{}: {}\n{}",
            program.display(),
            done.status,
            String::from_utf8_lossy(&said)
        );
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Writes a file into the work folder.
    fn file(&self, name: &str, content: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.work.join(name);
        std::fs::write(&path, content).expect("a file");
        // fetchmail and mpop refuse configuration files that others can read.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        path.display().to_string()
    }

    /// The files that the program created in a folder inside the work folder.
    fn stored_in(&self, folder: &str) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.work.join(folder)).expect("the program's folder");
        files.map(|file| std::fs::read(file.expect("an entry").path()).expect("a stored message")).collect()
    }

    /// A command line, split into words, for a delivery agent that writes the message on its stdin to a new
    /// file in `stored`.
    fn delivery_agent(&self) -> Vec<String> {
        std::fs::create_dir_all(self.work.join("stored")).expect("a folder");
        let folder = self.work.join("stored").display().to_string();
        // getmail 6 misses the exit of an agent that exits before getmail waits for it (`_wait_for_child`),
        // and then waits a minute.
        let script = self.file("deliver", &format!("cat > \"$(mktemp '{folder}/XXXXXXXX')\"\nsleep 0.05\n"));
        vec!["/bin/sh".to_owned(), script]
    }
}

/// What a program stores that writes LF line ends and changes nothing else.
fn lf(message: &Message) -> Vec<u8> {
    message.lf()
}

/// The same for a program that ends every header with a blank line, even if the message is nothing but a
/// header.
fn lf_with_blank_line(message: &Message) -> Vec<u8> {
    let mut stored = message.lf();
    if !stored.windows(2).any(|pair| pair == b"\n\n") {
        stored.push(b'\n');
    }
    stored
}

/// Runs the program against the daemon.
fn drains_the_daemon(client: &Client) {
    let Some(_) = need::program(client.needs) else { return };
    let delivered = messages::ordinary_with(client.longest_line);
    for format in Format::BOTH {
        let bystander = messages::ordinary().split_off(7);
        let daemon = Daemon::new(format).user("alice", &delivered).user("bystander", &bystander).start();
        let before = daemon.snapshot();
        check(client, &daemon.account("alice"), || daemon.snapshot());
        let changed = before.changed(&daemon.snapshot());
        assert!(
            changed.iter().all(|path| path.starts_with("alice")),
            "{format:?}: also changed: {changed:?}"
        );
        let others = daemon.account("bystander").login().retrieve_all();
        assert_eq!(others, bystander.iter().map(Message::wire).collect::<Vec<_>>());
    }
}

/// Runs the program against `mpopd try`.
fn drains_try(client: &Client) {
    let Some(_) = need::program(client.needs) else { return };
    for format in Format::BOTH {
        let trial = Trial::of(format, &messages::ordinary_with(client.longest_line));
        check(client, &trial.account(), || trial.snapshot());
    }
}

/// Runs the program against a daemon that accepts no password without TLS.
fn drains_over_tls(client: &Client) {
    let Some(_) = need::program(client.needs) else { return };
    for by_stls in [true, false] {
        let daemon =
            Daemon::new(Format::Maildir).user("alice", &messages::ordinary_with(client.longest_line));
        let Some(secured) = secure(daemon, "allow_plaintext = \"never\"", "") else { return };
        let (account, certificate) = (secured.daemon.account("alice"), secured.certificate.as_path());
        let (account, encryption) = match by_stls {
            true => (account, Encryption::Stls(certificate)),
            false => {
                (TestAccount { port: secured.tls.number, ..account }, Encryption::FromTheStart(certificate))
            }
        };
        for keep in [true, false] {
            let expected = expected(client);
            assert_same(&drained(client, &account, encryption, keep), &expected);
            let deleted = if keep { 0 } else { expected.len() };
            secured.daemon.logged(&["logout", "reason=quit", &format!("del={deleted}/{}", expected.len())]);
        }
        secured.daemon.logged(&["login ok", "tls=TLSv1."]);
    }
}

/// What the program is expected to store, sorted.
fn expected(client: &Client) -> Vec<Vec<u8>> {
    let mut expected: Vec<_> =
        messages::ordinary_with(client.longest_line).iter().map(client.stores).collect();
    expected.sort();
    expected
}

/// What a run of the program stored, sorted.
fn drained(client: &Client, account: &TestAccount, encryption: Encryption, keep: bool) -> Vec<Vec<u8>> {
    let home = Scratch::new();
    let mut stored = (client.drain)(&Job { account, work: home.path(), keep, encryption });
    stored.sort();
    stored
}

/// Downloads twice: the first run leaves the mail on the server, the second deletes it.
fn check(client: &Client, account: &TestAccount, snapshot: impl Fn() -> Snapshot) {
    for keep in [true, false] {
        let before = snapshot();
        assert_same(&drained(client, account, Encryption::None, keep), &expected(client));
        // Once this login succeeds, the program's session has ended completely.
        let mut after = account.login_when_free();
        let left = after.stat();
        after.quit();
        if keep {
            assert_eq!(
                before.changed(&snapshot()),
                [] as [std::path::PathBuf; 0],
                "leaving the mail changes nothing"
            );
        } else {
            assert_eq!(left, (0, 0), "all is deleted");
        }
    }
}

/// Asserts that two collections of messages are equal; otherwise shows the first difference, short enough to
/// fit on a screen.
fn assert_same(stored: &[Vec<u8>], delivered: &[Vec<u8>]) {
    let show = |bytes: &[u8]| bytes[..bytes.len().min(300)].escape_ascii().to_string();
    assert_eq!(stored.len(), delivered.len(), "number of messages");
    for (stored, delivered) in stored.iter().zip(delivered) {
        assert!(stored == delivered, "stored: {}\ndelivered: {}", show(stored), show(delivered));
    }
}
