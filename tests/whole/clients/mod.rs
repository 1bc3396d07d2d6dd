//! Ordinary mail programs drain mailboxes, and what they stored is what was delivered, byte for byte.
//!
//! Each program meets the real daemon (as root with virtual users of a uid that is not root's) and `mpopd
//! try` without root, both formats, once leaving the mail on the server and once deleting it. Those that can,
//! do it over TLS too.

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
    /// Downloads everything and gives back what the program stored, in any order.
    drain: fn(&Job) -> Vec<Vec<u8>>,
    /// What the program stores of a message: its own changes and no others.
    stores: fn(&Message) -> Vec<u8>,
}

/// One run of a program.
struct Job<'a> {
    account: &'a TestAccount,
    /// An empty folder of the program's own; also its home.
    work: &'a Path,
    /// Leave the messages on the server?
    keep: bool,
    encryption: Encryption<'a>,
}

/// How a program is told to connect. With TLS it calls the server `localhost`, and trusts this certificate.
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
    /// Runs a program with its home in the work folder, bounded in time; it must succeed.
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
        // fetchmail and mpop want their passwords unreadable to others.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        path.display().to_string()
    }

    /// The files that the program made in a folder below the work folder.
    fn stored_in(&self, folder: &str) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.work.join(folder)).expect("the program's folder");
        files.map(|file| std::fs::read(file.expect("an entry").path()).expect("a stored message")).collect()
    }

    /// A shell command, the words of a program that takes a message on its stdin and writes it to a new file
    /// in `stored`.
    fn delivery_agent(&self) -> Vec<String> {
        std::fs::create_dir_all(self.work.join("stored")).expect("a folder");
        let folder = self.work.join("stored").display().to_string();
        // getmail 6 misses the end of an agent that ends before it has begun to wait (`_wait_for_child`), and
        // then waits a minute.
        let script = self.file("deliver", &format!("cat > \"$(mktemp '{folder}/XXXXXXXX')\"\nsleep 0.05\n"));
        vec!["/bin/sh".to_owned(), script]
    }
}

/// What a program stores that writes LF and changes nothing else.
fn lf(message: &Message) -> Vec<u8> {
    message.lf()
}

/// The same for one that ends every header with a blank line, even when the message is nothing but a header.
fn lf_with_blank_line(message: &Message) -> Vec<u8> {
    let mut stored = message.lf();
    if !stored.windows(2).any(|pair| pair == b"\n\n") {
        stored.push(b'\n');
    }
    stored
}

/// The program against the daemon.
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

/// The program against `mpopd try`.
fn drains_try(client: &Client) {
    let Some(_) = need::program(client.needs) else { return };
    for format in Format::BOTH {
        let trial = Trial::of(format, &messages::ordinary_with(client.longest_line));
        check(client, &trial.account(), || trial.snapshot());
    }
}

/// The program against a daemon that takes no password in the clear.
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

/// What the program should store, sorted.
fn expected(client: &Client) -> Vec<Vec<u8>> {
    let mut expected: Vec<_> =
        messages::ordinary_with(client.longest_line).iter().map(client.stores).collect();
    expected.sort();
    expected
}

/// What one run of the program stored, sorted.
fn drained(client: &Client, account: &TestAccount, encryption: Encryption, keep: bool) -> Vec<Vec<u8>> {
    let home = Scratch::new();
    let mut stored = (client.drain)(&Job { account, work: home.path(), keep, encryption });
    stored.sort();
    stored
}

/// First leaves the mail on the server, then takes it.
fn check(client: &Client, account: &TestAccount, snapshot: impl Fn() -> Snapshot) {
    for keep in [true, false] {
        let before = snapshot();
        assert_same(&drained(client, account, Encryption::None, keep), &expected(client));
        // Once this login succeeds the program's session is over in every respect.
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

/// Equal, or a message that fits on a screen.
fn assert_same(stored: &[Vec<u8>], delivered: &[Vec<u8>]) {
    let show = |bytes: &[u8]| bytes[..bytes.len().min(300)].escape_ascii().to_string();
    assert_eq!(stored.len(), delivered.len(), "number of messages");
    for (stored, delivered) in stored.iter().zip(delivered) {
        assert!(stored == delivered, "stored: {}\ndelivered: {}", show(stored), show(delivered));
    }
}
