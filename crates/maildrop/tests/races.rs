//! Real delivery agents race with sessions that delete: every message is accounted for exactly once, and no
//! lock is left behind.
//!
//! A test whose agent is not installed says so and ends; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::*;
use maildrop::{CommitError, MaildropUpdate, OpenError, Settings};
use vocabulary::LockMethod;
use vocabulary::LockMethod::{Dotlock, Fcntl, Flock};

/// The number of messages that are delivered in each race: `RACES=500 cargo test -p maildrop --release --test
/// races` is a long run.
fn deliveries() -> usize {
    std::env::var("RACES").ok().and_then(|count| count.parse().ok()).unwrap_or(24)
}

/// The number of agents that work at the same time.
const AGENTS: usize = 3;

/// A program that delivers one message from its standard input.
struct Agent {
    program: &'static str,
    command: fn(&Place, &Path) -> Command,
    /// It takes this many times as long as others, because it waits a whole second if it finds a mailbox
    /// locked.
    slowness: usize,
}

/// Locks with a lock file and fcntl(2), as Debian builds it.
const PROCMAIL: Agent = Agent { program: "/usr/bin/procmail", command: procmail, slowness: 4 };
/// Locks with a lock file only.
const LOCKFILE: Agent = Agent { program: "/usr/bin/lockfile", command: lockfile, slowness: 1 };
/// Locks as configured.
const DOVECOT_DOTLOCK: Agent =
    Agent { program: LDA, command: |place, to| dovecot(place, to, "dotlock"), slowness: 1 };
const DOVECOT_FCNTL: Agent =
    Agent { program: LDA, command: |place, to| dovecot(place, to, "fcntl"), slowness: 1 };
const DOVECOT_FLOCK: Agent =
    Agent { program: LDA, command: |place, to| dovecot(place, to, "flock"), slowness: 1 };
const DOVECOT_ALL: Agent =
    Agent { program: LDA, command: |place, to| dovecot(place, to, "dotlock fcntl flock"), slowness: 1 };

const NOBODY: u32 = 65534;
const LDA: &str = "/usr/lib/dovecot/dovecot-lda";

#[test]
fn procmail_and_an_mbox() {
    for methods in [&[Dotlock][..], &[Fcntl], &[Dotlock, Fcntl], &[Fcntl, Dotlock], &[Dotlock, Fcntl, Flock]]
    {
        race::<Mbox>(&PROCMAIL, methods);
    }
}

#[test]
fn lockfile_and_an_mbox() {
    for methods in [&[Dotlock][..], &[Dotlock, Fcntl], &[Flock, Dotlock]] {
        race::<Mbox>(&LOCKFILE, methods);
    }
}

#[test]
fn dovecots_agent_and_an_mbox() {
    for (agent, methods) in [
        (&DOVECOT_DOTLOCK, &[Dotlock][..]),
        (&DOVECOT_FCNTL, &[Fcntl]),
        (&DOVECOT_FLOCK, &[Flock]),
        (&DOVECOT_FLOCK, &[Fcntl, Flock]),
        (&DOVECOT_ALL, &[Dotlock, Fcntl, Flock]),
    ] {
        race::<Mbox>(agent, methods);
    }
}

#[test]
fn procmail_and_a_maildir() {
    race::<Maildir>(&PROCMAIL, &[]);
}

#[test]
fn dovecots_agent_and_a_maildir() {
    race::<Maildir>(&DOVECOT_ALL, &[]);
}

#[test]
fn an_agent_killed_while_it_holds_its_locks() {
    let Some(()) = installed(&LOCKFILE) else { return };
    for agent_dies in [true, false] {
        let mbox = Mbox::with(&[b"Subject: 1\n\n1\n", b"Subject: 2\n\n2\n"]);
        let lock = mbox.place().path("mbox.lock");
        // Both locks, and the lock file names its process and host as Dovecot's does; then it waits.
        let script = format!(
            "printf '%s:%s' $$ \"$(uname -n)\" >{0}; exec 9>>{1}; flock 9; echo held; read forever",
            lock.display(),
            mbox.path().display()
        );
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut agent = Running(command.spawn().unwrap());
        let mut said = [0; 5];
        std::io::Read::read_exact(agent.0.stdout.as_mut().unwrap(), &mut said).unwrap();
        assert_eq!(&said, b"held\n");

        let settings = || Settings { retry_on_lock: 3, retry_pause: Duration::from_millis(1), ..quick() };
        let open = || mbox.place().opener_with(settings()).open(&mbox.location());
        let refused = open().err();
        assert!(matches!(refused, Some(OpenError::Locked { .. })), "held by a living process: {refused:?}");
        assert!(lock.exists());
        if agent_dies {
            agent.0.kill().unwrap();
            agent.0.wait().unwrap();
            assert!(lock.exists(), "left behind");
            open().unwrap().commit(MaildropUpdate::deleting(&[1])).unwrap();
            assert_eq!(contents(&mut *open().unwrap()), [b"Subject: 2\n\n2\n"]);
            assert!(mbox.place().notices().iter().any(|notice| notice.contains("is gone")));
            assert!(!lock.exists());
        } else {
            assert_eq!(fs::read(mbox.path()).unwrap(), mbox.bytes());
        }
    }
}

#[test]
fn an_agent_that_locks_during_the_session_keeps_the_mail_from_being_deleted() {
    let Some(()) = installed(&LOCKFILE) else { return };
    let mbox = Mbox::with(&[b"Subject: 1\n\n1\n", b"Subject: 2\n\n2\n"]);
    let before = mbox.bytes();
    let maildrop = mbox.open();
    let lock = mbox.place().path("mbox.lock");
    assert!(Command::new("/usr/bin/lockfile").arg(&lock).status().unwrap().success());
    assert!(matches!(maildrop.commit(MaildropUpdate::deleting(&[1])), Err(CommitError::Locked { .. })));
    assert_eq!(mbox.bytes(), before);
    assert!(lock.exists(), "it is not ours");
    fs::remove_file(&lock).unwrap();
    mbox.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(mbox.open().count(), 1);
}

/// Lets agents deliver while sessions take what is there.
fn race<F: Format>(agent: &Agent, methods: &[LockMethod]) {
    let Some(()) = installed(agent) else { return };
    let format = F::new();
    let (place, location) = (format.place(), format.location());
    let deliveries = deliveries() / agent.slowness;
    let what = format!("{} with {methods:?}", agent.program);
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let at_work = AtomicUsize::new(AGENTS);
    // How often each message was retrieved by a session that then deleted it.
    let taken: Mutex<BTreeMap<usize, u32>> = Mutex::default();
    let (mut sessions, mut busy, mut changed) = (0, 0, 0);
    std::thread::scope(|scope| {
        for _ in 0..AGENTS {
            scope.spawn(|| {
                let _done = Done(&at_work);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= deliveries {
                        break;
                    }
                    deliver((agent.command)(place, &location.path), number);
                }
            });
        }
        let settings = Settings {
            lock_methods: methods.to_vec(),
            retry_on_lock: 20,
            retry_pause: Duration::from_millis(2),
            ..Settings::default()
        };
        let opener = place.opener_with(settings);
        while at_work.load(Ordering::Acquire) > 0 {
            let mut maildrop = match opener.open(&location) {
                Ok(maildrop) => maildrop,
                Err(OpenError::Locked { .. }) => {
                    busy += 1;
                    continue;
                }
                Err(error) => panic!("{what}: {error}"),
            };
            // All but every third message, so that tails move.
            let all: Vec<_> =
                (1..=maildrop.count()).map(|at| (at, number_in(&content(&mut *maildrop, at)))).collect();
            let chosen: Vec<_> = all.into_iter().filter(|(at, _)| (at + sessions) % 3 != 0).collect();
            let deleted: Vec<_> = chosen.iter().map(|(at, _)| *at).collect();
            match maildrop.commit(MaildropUpdate::deleting(&deleted)) {
                Ok(()) => {
                    let mut taken = taken.lock().unwrap();
                    chosen.iter().for_each(|(_, number)| *taken.entry(*number).or_default() += 1);
                }
                Err(CommitError::Locked { .. }) => busy += 1,
                // Dovecot's agent rewrites its own fields in older messages, which moves the messages behind
                // them: nothing is deleted.
                Err(CommitError::Changed { .. }) if agent.program == LDA => changed += 1,
                Err(error) => panic!("{what}: {error}"),
            }
            sessions += 1;
            std::thread::sleep(Duration::from_millis(3));
        }
    });
    let mut seen = taken.into_inner().unwrap();
    let removed = seen.len();
    let mut maildrop = place.opener().open(&location).unwrap();
    for message in contents(&mut *maildrop) {
        *seen.entry(number_in(&message)).or_default() += 1;
    }
    let expected: BTreeMap<_, _> = (0..deliveries).map(|number| (number, 1)).collect();
    assert_eq!(seen, expected, "{what}: each once, here or deleted");
    assert!(!place.path("mbox.lock").exists(), "{what}: a lock is left");
    println!(
        "{what}: {deliveries} delivered, {removed} deleted in {sessions} sessions, {busy} times busy, \
         {changed} times changed, {:.1?}",
        begun.elapsed()
    );
}

/// Counts a thread off, however it ends.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn deliver(mut command: Command, number: usize) {
    // Some messages are larger than one write.
    let body = "a line of the body\n".repeat(1 + number % 7 * 800);
    let message =
        format!("From: a@example.org\nSubject: number {number} end\nMessage-ID: <{number}@x>\n\n{body}");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

fn number_in(message: &[u8]) -> usize {
    let text = String::from_utf8_lossy(message);
    let (_, rest) = text.split_once("Subject: number ").unwrap_or_else(|| panic!("no subject: {text}"));
    let number = rest.split_once(" end\n").expect("a subject").0.parse().unwrap();
    let body = text.split_once("\n\n").expect("a body").1;
    assert_eq!(body.matches("a line of the body\n").count(), 1 + number % 7 * 800, "whole: {number}");
    number
}

fn installed(agent: &Agent) -> Option<()> {
    if Path::new(agent.program).is_file() {
        return Some(());
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is not installed", agent.program);
    eprintln!("skipped: {} is not installed", agent.program);
    None
}

fn procmail(place: &Place, to: &Path) -> Command {
    let rules = place.path("procmailrc");
    let (lock, to) = match to.is_dir() {
        true => ("", format!("{}/", to.display())),
        false => (":", to.display().to_string()),
    };
    let text = format!("SHELL=/bin/sh\nLOCKSLEEP=1\nUMASK=077\nLOGFILE=/dev/null\n:0{lock}\n{to}\n");
    write_once(&rules, &text);
    let mut command = Command::new(PROCMAIL.program);
    command.args(["-f", "a@example.org", "-m"]).arg(rules).current_dir("/");
    command
}

fn lockfile(_: &Place, to: &Path) -> Command {
    let script = "lockfile -1 -r 100 \"$0.lock\" || exit 75\n\
        { printf 'From a@example.org Mon Nov 23 10:00:00 2026\\n'; cat; echo; } >>\"$0\"; rm -f \"$0.lock\"";
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(to);
    command
}

fn dovecot(place: &Place, to: &Path, locks: &str) -> Command {
    let home = place.path("home");
    fs::create_dir_all(&home).unwrap();
    let location = match to.is_dir() {
        true => format!("maildir:{}", to.display()),
        false => format!("mbox:{}:INBOX={}", home.join("mail").display(), to.display()),
    };
    let text = format!(
        "protocols =\nlog_path = /dev/null\nssl = no\nfirst_valid_uid = 0\nbase_dir = {}\n\
         postmaster_address = p@x\nmail_location = {location}\nmail_home = {}\n\
         mbox_write_locks = {locks}\nmbox_read_locks = {}\n",
        place.path("run").display(),
        home.display(),
        locks.split(' ').next_back().unwrap()
    );
    let configuration = place.path("dovecot.conf");
    write_once(&configuration, &text);
    let mut command = Command::new(LDA);
    command.arg("-c").arg(configuration).args(["-f", "a@example.org"]);
    command.env_clear().env("HOME", &home).env("USER", "alice");
    if rustix::process::geteuid().is_root() {
        // As root it would look up the user; as anyone else it delivers to the user that runs it.
        for path in [place.folder.path(), &home, to, &to.join("new"), &to.join("cur"), &to.join("tmp")] {
            let _ = std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY));
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Several threads need the same file. None of them may see it half written.
fn write_once(path: &PathBuf, text: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap();
    if !path.exists() {
        fs::write(path, text).unwrap();
    }
}
