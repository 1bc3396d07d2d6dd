//! `mpopd -F -c FILE` with virtual users, in a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::Signal;

use super::trial::program;
use super::{
    Format, MPOPD, Message, OWNER, Port, Process, Scratch, Snapshot, TestAccount, eventually, give, is_root,
};

/// A daemon that runs, or is still being configured.
///
/// Its users have the password `secret word`, with a space. Without root, every mailbox belongs to the user
/// who runs the tests.
pub(crate) struct Daemon {
    scratch: Scratch,
    port: Port,
    format: Format,
    userlist: String,
    settings: String,
    environment: Vec<(String, String)>,
    /// Whether it runs as the owner of the mail instead of root.
    by_owner: bool,
    /// The program, if it is not the one that Cargo built.
    program: Option<PathBuf>,
    running: Option<Running>,
}

/// A daemon that did not start: its exit status, its standard error, and the configuration that it read.
pub(crate) struct Refused {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
    configuration: String,
}

struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
}

const PASSWORD: &str = "secret word";

impl Daemon {
    pub(crate) fn new(format: Format) -> Self {
        let scratch = Scratch::new();
        // Like /var/mail on systems where every user's programs make dotlocks.
        scratch.folder("mail", 0o1777);
        scratch.folder("empty", 0o755);
        let (userlist, settings) = (String::new(), String::new());
        let environment = Vec::new();
        Self {
            scratch,
            port: Port::reserve(),
            format,
            userlist,
            settings,
            environment,
            by_owner: false,
            program: None,
            running: None,
        }
    }

    /// Adds a user whose mailbox has these messages.
    pub(crate) fn user(self, name: &str, messages: &[Message]) -> Self {
        self.user_of(OWNER, name, messages)
    }

    /// Adds a user whose mailbox belongs to `owner`.
    pub(crate) fn user_of(self, owner: u32, name: &str, messages: &[Message]) -> Self {
        self.add(owner, name, &format!("{{PLAIN}}{PASSWORD}"), messages)
    }

    /// Adds a user with an empty mailbox and this in the password field of the user list.
    pub(crate) fn user_with(self, name: &str, password_field: &str) -> Self {
        self.add(OWNER, name, password_field, &[])
    }

    fn add(mut self, owner: u32, name: &str, password_field: &str, messages: &[Message]) -> Self {
        let mailbox = self.mailbox(name);
        self.format.deliver(&mailbox, messages);
        give(&mailbox, owner);
        let uid = if is_root() { owner } else { rustix::process::getuid().as_raw() };
        let gid = if is_root() { owner } else { rustix::process::getgid().as_raw() };
        writeln!(self.userlist, "{name}:{password_field}:{uid}:{gid}").expect("a String");
        self
    }

    /// Lets only root and this group write the folder of the mailboxes.
    pub(crate) fn spool_of_group(self, gid: u32) -> Self {
        std::os::unix::fs::chown(self.mail(), Some(0), Some(gid)).expect("chown");
        self.scratch.folder("mail", 0o2775);
        self
    }

    /// Adds a line to the configuration.
    pub(crate) fn setting(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Uses this file as the program.
    pub(crate) fn run_by(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Runs it without root, as the owner of all mailboxes.
    pub(crate) fn owned_by_its_user(mut self) -> Self {
        self.by_owner = true;
        self
    }

    /// Changes the configuration file: adds a line, which replaces one with the same setting.
    pub(crate) fn reconfigure(&mut self, line: &str) {
        let key = key_of(line);
        let kept = self.settings.lines().filter(|old| key_of(old) != key);
        // It has to come before the first table.
        self.settings = [line].into_iter().chain(kept).flat_map(|line| [line, "\n"]).collect();
        self.configure();
    }

    /// Removes the lines with this setting from the configuration file.
    pub(crate) fn forget(&mut self, key: &str) {
        let kept = self.settings.lines().filter(|line| key_of(line) != key);
        self.settings = kept.flat_map(|line| [line, "\n"]).collect();
        self.configure();
    }

    /// Writes the configuration without starting anything, and returns its path.
    pub(crate) fn configure(&self) -> PathBuf {
        let userlist = self.scratch.file("userlist", &self.userlist);
        fs::set_permissions(&userlist, fs::Permissions::from_mode(0o600)).expect("the mode of the user list");
        // As editors do it: a daemon that reads the file meanwhile sees the old one or the new one.
        let new = self.scratch.file("mpopd.conf.new", self.configured(&userlist));
        fs::rename(new, self.configuration()).expect("the configuration");
        if self.by_owner {
            give(self.scratch.path(), OWNER);
        }
        self.configuration()
    }

    /// `mpopd -c FILE` with more arguments, to be run as the right user.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let program = match &self.program {
            Some(program) => program.clone(),
            None if self.by_owner => program(&self.scratch),
            None => MPOPD.into(),
        };
        let mut command = Command::new(program);
        command.arg("-c").arg(self.configuration()).args(more).stdin(Stdio::null());
        command.envs(self.environment.iter().cloned());
        if self.by_owner && is_root() {
            command.uid(OWNER).gid(OWNER);
        }
        command
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(mut self) -> Self {
        self.start_again();
        self
    }

    /// Starts a daemon that should end by itself before it serves.
    pub(crate) fn refused(self) -> Refused {
        let mut running = self.spawn();
        let status = eventually("the end of a daemon that cannot start", || {
            running.child.try_wait().expect("waiting for the daemon")
        });
        let said = running.log_of_ended();
        let configuration = fs::read_to_string(self.configuration()).expect("the configuration");
        Refused { status, said, configuration }
    }

    /// Starts it once more, on the same port with the same files.
    pub(crate) fn start_again(&mut self) {
        let mut running = self.spawn();
        let port = self.port.number;
        eventually("a greeting", || {
            let ended = running.child.try_wait().expect("waiting for the daemon");
            assert!(ended.is_none(), "mpopd ended, {ended:?}: {}", running.log_of_ended());
            super::Pop3Client::try_connect(port).ok()
        });
        self.running = Some(running);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    pub(crate) fn account(&self, user: &str) -> TestAccount {
        TestAccount {
            host: "127.0.0.1".to_owned(),
            port: self.port.number,
            user: user.to_owned(),
            password: PASSWORD.to_owned(),
        }
    }

    /// The path of a user's mailbox.
    pub(crate) fn mailbox(&self, user: &str) -> PathBuf {
        self.mail().join(user)
    }

    /// The configuration file.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.scratch.path().join("mpopd.conf")
    }

    /// The socket that mpopdctl connects to.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.scratch.path().join("control")
    }

    /// A path in the daemon's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The file with its pid and port.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.scratch.path().join("run/mpopd.pid")
    }

    /// The empty folder that the session role sees as its root.
    pub(crate) fn chroot(&self) -> PathBuf {
        self.scratch.path().join("empty")
    }

    /// The folder in which mailboxes are taken apart.
    pub(crate) fn spool(&self) -> PathBuf {
        self.scratch.path().join("spool")
    }

    /// All mailboxes, and everything beside them.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.mail())
    }

    /// What it has written to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.running().log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a log line that has all these words, and returns the first.
    pub(crate) fn logged(&self, words: &[&str]) -> String {
        eventually(&format!("a log line with {words:?}"), || {
            self.log().lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        })
    }

    pub(crate) fn supervisor(&self) -> Process {
        Process(self.running().child.id())
    }

    /// Waits for a process of this role, and returns all that are alive.
    pub(crate) fn role(&self, name: &str) -> Vec<Process> {
        eventually(&format!("a process {name}"), || {
            let found = self.role_now(name);
            if found.is_empty() { None } else { Some(found) }
        })
    }

    /// The processes of this role that are alive now.
    pub(crate) fn role_now(&self, name: &str) -> Vec<Process> {
        let mut found = self.supervisor().descendants();
        found.retain(|p| p.is_alive() && p.name() == name);
        found
    }

    /// The memory of all its processes, in octets.
    pub(crate) fn memory(&self) -> u64 {
        let supervisor = self.supervisor();
        supervisor.descendants().into_iter().chain([supervisor]).map(Process::memory).sum()
    }

    /// Sends `signal` to the supervisor and waits for its end.
    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        self.supervisor().signal(signal);
        let running = self.running.as_mut().expect("a running daemon");
        eventually("the end of the daemon", || running.child.try_wait().expect("waiting for the daemon"))
    }

    fn mail(&self) -> PathBuf {
        self.scratch.path().join("mail")
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a running daemon")
    }

    fn spawn(&self) -> Running {
        self.configure();
        let mut child = self
            .command(&["-F"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting mpopd");
        let log = Arc::new(Mutex::new(String::new()));
        let (into, stderr) = (Arc::clone(&log), child.stderr.take().expect("its stderr"));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                *into.lock().unwrap_or_else(PoisonError::into_inner) += &(line + "\n");
            }
        });
        Running { child, log }
    }

    fn configured(&self, userlist: &Path) -> String {
        let top = self.scratch.path().display();
        let storage = match self.format {
            Format::Mbox => format!("storage = \"mbox\"\nmail_spool_dir = \"{top}/mail\"\n"),
            Format::Maildir => format!("storage = \"maildir\"\nmaildir = \"{top}/mail/%u\"\n"),
        };
        // The test's own settings come last, and replace those here.
        let ours = format!(
            "port = {}\nlisten = [\"127.0.0.1\"]\nuser = \"nobody\"\nchroot = \"{top}/empty\"\nstate_dir = \
             \"{top}/state\"\nmpopd_pid_file = \"{top}/run/mpopd.pid\"\ncontrol_socket = \"{top}/control\"\n\
             mpopd_spool = \"{top}/spool\"\nauth_type = 6\nuserlist = \"{}\"\nauth_failure_delay = 0\n\
             debug_log = \"\"\n{storage}",
            self.port.number,
            userlist.display()
        );
        let replaced: Vec<&str> = self.settings.lines().map(key_of).collect();
        let kept: String = ours
            .lines()
            .filter(|line| !replaced.contains(&key_of(line)))
            .flat_map(|line| [line, "\n"])
            .collect();
        kept + &self.settings
    }
}

/// The setting that a line of the configuration sets.
fn key_of(line: &str) -> &str {
    line.split('=').next().unwrap_or_default().trim()
}

impl Refused {
    /// The line of the configuration, from 1, that is `setting`.
    pub(crate) fn line_of(&self, setting: &str) -> usize {
        1 + self.configuration.lines().position(|line| line == setting).expect("the setting")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let Some(running) = &mut self.running else { return };
        let supervisor = Process(running.child.id());
        // Collected before the supervisor ends, because its orphans cannot be found afterwards.
        let family = supervisor.descendants();
        let _ = running.child.kill();
        let _ = running.child.wait();
        for process in family {
            if process.name().starts_with("mpopd") {
                process.signal(Signal::KILL);
            }
        }
        if thread::panicking() {
            eprintln!(
                "--- what mpopd logged\n{}---",
                running.log.lock().unwrap_or_else(PoisonError::into_inner)
            );
        }
    }
}

impl Running {
    /// The whole log of a daemon that has ended: every writer is gone, so the reading thread ends too.
    fn log_of_ended(&mut self) -> String {
        eventually("the end of the log", || (Arc::strong_count(&self.log) == 1).then_some(()));
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
