//! A third-party proxy, run as a child process of the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::harness::{Process, eventually};

/// A program that runs until the test ends, and its output.
pub(super) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts the program in the foreground. Its output goes to this file.
    pub(super) fn start(command: &mut Command, log: &Path) -> Self {
        let said = File::create(log).expect("a log");
        let output = said.try_clone().expect("the log once more");
        let started = command.stdin(Stdio::null()).stdout(output).stderr(said).spawn();
        Self { child: started.expect("starting a proxy"), log: log.to_owned() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the proxy said\n{}---", fs::read_to_string(&self.log).unwrap_or_default());
        }
        // On SIGTERM it stops its own child processes.
        Process(self.child.id()).signal(Signal::TERM);
        eventually("the end of a proxy", || self.child.try_wait().expect("waiting for it"));
    }
}
