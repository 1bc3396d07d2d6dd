//! `mpopd try`, without root: tests that run as root start it with another uid.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::process::Signal;

use super::scratch::give;
use super::{
    Format, MPOPD, Message, OWNER, PATIENCE, Process, Scratch, Snapshot, TestAccount, eventually, is_root,
};

/// A running `mpopd try`.
pub(crate) struct Trial {
    scratch: Scratch,
    child: Child,
    stdout: Receiver<String>,
    stderr: Option<thread::JoinHandle<String>>,
    /// The lines that it printed, up to and including the `curl` line.
    said: Vec<String>,
}

/// The user who starts `mpopd try`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunBy {
    /// The owner of the mailbox, who is not root. Without root, that is the user who runs the tests.
    Owner,
    /// The user who runs the tests, even root.
    Ourselves,
}

impl Trial {
    /// Serves a mailbox with these messages, without root, to the user `me` with the password `pass word`.
    pub(crate) fn of(format: Format, messages: &[Message]) -> Self {
        Self::of_mailbox(RunBy::Owner, |path| format.deliver(path, messages))
    }

    /// The same for a mailbox that `deliver` creates. It belongs to [`OWNER`].
    pub(crate) fn of_mailbox(run_by: RunBy, deliver: impl Fn(&Path)) -> Self {
        let scratch = Scratch::new();
        let mailbox = scratch.folder("mail", 0o755).join("box");
        deliver(&mailbox);
        give(&scratch.path().join("mail"), OWNER);
        let mailbox = mailbox.display().to_string();
        Self::start(run_by, scratch, &["--user", "me", "--password", "pass word", &mailbox])
    }

    /// `mpopd try` with its sample mailbox, user and password.
    pub(crate) fn sample(run_by: RunBy) -> Self {
        Self::start(run_by, Scratch::new(), &[])
    }

    /// The same with TLS and a certificate made for it.
    pub(crate) fn sample_with_tls(run_by: RunBy) -> Self {
        Self::start(run_by, Scratch::new(), &["--tls"])
    }

    /// The next line that it prints.
    pub(crate) fn next_line(&mut self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("one more line from mpopd try")
    }

    /// Runs `mpopd try` with arguments that should make it end by itself. Every user must be able to read the
    /// files that they name.
    pub(crate) fn refused(arguments: &[&OsStr]) -> Output {
        let scratch = Scratch::new();
        // `timeout` bounds it, because it would run forever if it served.
        let mut command = Command::new("timeout");
        command.arg(PATIENCE.as_secs().to_string()).arg(program(&scratch)).arg("try").args(arguments);
        prepared(&mut command, RunBy::Owner, &scratch).output().expect("running mpopd try")
    }

    /// The account of [`Trial::of`].
    pub(crate) fn account(&self) -> TestAccount {
        TestAccount {
            host: "127.0.0.1".to_owned(),
            port: self.port(),
            user: "me".to_owned(),
            password: "pass word".to_owned(),
        }
    }

    /// The port in the printed `curl` line.
    pub(crate) fn port(&self) -> u16 {
        let line = self.curl_line();
        let (_, address) =
            line.split_once("pop3://127.0.0.1:").unwrap_or_else(|| panic!("no address in: {line}"));
        let digits: String = address.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a port in the curl line")
    }

    pub(crate) fn supervisor(&self) -> Process {
        Process(self.child.id())
    }

    /// The command that it suggests.
    pub(crate) fn curl_line(&self) -> &str {
        let line = self.said.last().expect("the curl line");
        &line[line.find("curl").expect("the curl line")..]
    }

    /// What it printed before it served.
    pub(crate) fn said(&self) -> String {
        self.said.join("\n")
    }

    /// The mailbox and what lies beside it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.scratch.path().join("mail"))
    }

    /// The folder in which it makes its temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.scratch.path().join("tmp")
    }

    /// Ends it like Ctrl-C. Returns its status and what it printed after the `curl` line, stdout before
    /// stderr.
    pub(crate) fn interrupt(&mut self) -> (ExitStatus, String) {
        Process(self.child.id()).signal(Signal::INT);
        let status =
            eventually("the end of mpopd try", || self.child.try_wait().expect("waiting for mpopd try"));
        let mut printed: Vec<String> = self.stdout.iter().collect();
        printed.push(self.stderr.take().expect("its stderr").join().expect("reading its stderr"));
        (status, printed.join("\n"))
    }

    fn start(run_by: RunBy, scratch: Scratch, arguments: &[&str]) -> Self {
        let mut command = Command::new(program(&scratch));
        command.args(["try", "--listen", "127.0.0.1:0"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = prepared(&mut command, run_by, &scratch).spawn();
        let mut child = child.expect("starting mpopd try");
        let stdout = lines_of(child.stdout.take().expect("its stdout"));
        let mut from = child.stderr.take().expect("its stderr");
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            from.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        let mut trial = Self { scratch, child, stdout, stderr: Some(stderr), said: Vec::new() };
        while !trial.said.last().is_some_and(|line| line.contains("curl ")) {
            match trial.stdout.recv_timeout(PATIENCE) {
                Ok(line) => trial.said.push(line),
                Err(e) => panic!("no curl line from mpopd try, {e}: {}", trial.said()),
            }
        }
        trial
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let family = Process(self.child.id()).descendants();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for process in family {
            if process.name().starts_with("mpopd") {
                process.signal(Signal::KILL);
            }
        }
        if thread::panicking() {
            let stderr = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
            eprintln!("--- what mpopd try said\n{}\n{stderr}---", self.said());
        }
    }
}

/// The program, in a place that the uid that runs it may reach.
pub(super) fn program(scratch: &Scratch) -> PathBuf {
    if !is_root() {
        return PathBuf::from(MPOPD);
    }
    // Another process makes the copy. If this one did, a child that another test forks meanwhile could have
    // the file open for writing, and then it could not be executed.
    let copy = scratch.path().join("mpopd");
    let copied = Command::new("cp").arg(MPOPD).arg(&copy).status().expect("running cp");
    assert!(copied.success(), "copying {MPOPD}");
    copy
}

/// Lets the command run as the right user, with its own folder for temporary files.
fn prepared<'a>(command: &'a mut Command, run_by: RunBy, scratch: &Scratch) -> &'a mut Command {
    let temporary = scratch.folder("tmp", 0o711);
    if is_root() && run_by == RunBy::Owner {
        give(&temporary, OWNER);
        command.uid(OWNER).gid(OWNER);
    }
    // Two trials of one user would share their locks through these folders; two tests should share nothing.
    command.env("TMPDIR", temporary).env_remove("XDG_RUNTIME_DIR")
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (into, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if into.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
