//! mpopdctl, which belongs to another package than these tests. Cargo builds it for the first test that needs
//! it.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use rustix::process::Signal;

use super::{Daemon, MPOPD, Process, eventually};

/// The result of a call of mpopdctl.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Daemon {
    /// Runs `mpopdctl -c FILE ARGUMENTS` with the daemon's configuration file.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> Said {
        said(self.ctl_command(arguments).output().expect("running mpopdctl"))
    }

    /// The same as a command that has not run yet.
    pub(crate) fn ctl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(mpopdctl());
        command.arg("-c").arg(self.configuration()).args(arguments).stdin(Stdio::null());
        command
    }
}

impl Said {
    /// The value in the line of `mpopdctl status` that begins with these words.
    pub(crate) fn value(&self, words: &str) -> &str {
        let line = self.out.lines().find_map(|line| line.strip_prefix(words));
        line.unwrap_or_else(|| panic!("no line {words:?} in {self:?}")).trim()
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |octets| String::from_utf8(octets).expect("UTF-8");
    Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A daemon that mpopdctl starts and stops. It ends with the test at the latest.
pub(crate) struct Controlled(Daemon);

impl Controlled {
    /// Writes its files without starting it.
    pub(crate) fn of(daemon: Daemon) -> Self {
        daemon.configure();
        Self(daemon)
    }

    /// The supervisor that the pid file names.
    pub(crate) fn supervisor(&self) -> Process {
        self.find().expect("a running daemon")
    }

    /// Sends the supervisor a signal, and waits for the end of it and of everything that it started.
    pub(crate) fn end_by(&self, signal: Signal) {
        let supervisor = self.supervisor();
        let family = [vec![supervisor], supervisor.descendants()].concat();
        supervisor.signal(signal);
        eventually("the end of every process", || {
            family.iter().all(|process| !process.is_alive()).then_some(())
        });
    }

    fn find(&self) -> Option<Process> {
        let found = sys::pid_file::read(&self.pid_file()).ok()??;
        found.pid.filter(|_| found.held).map(|pid| Process(pid.as_raw_nonzero().get().unsigned_abs()))
    }
}

impl Deref for Controlled {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.0
    }
}

impl DerefMut for Controlled {
    fn deref_mut(&mut self) -> &mut Daemon {
        &mut self.0
    }
}

impl Drop for Controlled {
    fn drop(&mut self) {
        if self.find().is_some() {
            self.end_by(Signal::KILL);
        }
    }
}

/// The program, built into the folder and with the profile of the mpopd under test.
pub(crate) fn mpopdctl() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(MPOPD).parent().expect("a folder");
        let program = folder.join("mpopdctl");
        if is_fresh(&program).unwrap_or(false) {
            return program;
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "mpopdctl", "--target-dir"]);
        build.arg(folder.parent().expect("the target folder"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("running cargo");
        assert!(built.success(), "mpopdctl cannot be built");
        program
    })
}

/// Whether it is newer than all its sources, according to Cargo's dependency file. Asking Cargo instead would
/// rebuild it with other features if the whole workspace was built at once.
fn is_fresh(program: &Path) -> Option<bool> {
    let built = fs::metadata(program).ok()?.modified().ok()?;
    let note = fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = note.split_once(": ")?;
    let mut sources = sources.split_whitespace().map(|source| fs::metadata(source)?.modified());
    Some(sources.all(|changed| changed.is_ok_and(|changed| changed <= built)))
}
