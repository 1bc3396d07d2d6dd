//! Server programs: how tests find, start and stop them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::port::Port;

/// A server process that is killed when this is dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts a server, and waits until `ready` returns true.
    pub(crate) fn start(command: &mut Command, ready: impl Fn() -> bool) -> Self {
        Self::try_start(command, ready).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same for a program whose log is printed if it does not start.
    pub(crate) fn try_start(command: &mut Command, ready: impl Fn() -> bool) -> Result<Self, String> {
        let mut server = Self(command.spawn().map_err(|error| format!("{command:?}: {error}"))?);
        let until = Instant::now() + Duration::from_secs(120);
        while !ready() {
            if let Some(status) = server.0.try_wait().unwrap() {
                return Err(format!("{command:?} ended: {status}"));
            }
            if Instant::now() >= until {
                return Err(format!("{command:?} does not get ready"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Server {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first of these paths that exists. If none does, the test prints that it is skipped, which is a failure
/// in CI.
pub(crate) fn find(what: &str, paths: &[&str]) -> Option<PathBuf> {
    let found = paths.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        let said = format!("skipped: {what} is not installed");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{said}");
        eprintln!("{said}");
    }
    found
}

/// Runs a program to its end. It must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A port on which nothing listens, and that no other test gets while these tests run.
pub(crate) fn free_port() -> u16 {
    static HELD: Mutex<Vec<Port>> = Mutex::new(Vec::new());
    let port = Port::reserve();
    let number = port.number;
    HELD.lock().unwrap().push(port);
    number
}

/// Whether connections to this port are accepted.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
