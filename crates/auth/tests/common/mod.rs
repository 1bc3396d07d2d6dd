//! Real accounts and PAM services for a test, removed when it ends.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use auth::Authenticator;
use config::{AuthType, Config};

/// Access to /etc, for one test at a time.
pub(crate) struct Etc {
    _alone: MutexGuard<'static, ()>,
}

impl Etc {
    /// `None`, with a message, if the test does not run as root.
    pub(crate) fn open() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        if sys::identity::is_root() {
            return Some(Self { _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner) });
        }
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI runs this as root");
        println!("skipped: only root can make users and PAM services");
        None
    }

    /// Creates a user of this machine with this password field.
    pub(crate) fn user(&self, name: &str, password_field: &str) -> TestUser {
        let name = unique(name);
        let user = TestUser { name: name.clone() };
        change(&[
            "useradd",
            "--no-create-home",
            "--no-user-group",
            "--home-dir",
            "/nonexistent/home",
            "--password",
            password_field,
            &name,
        ]);
        user
    }

    /// Creates a PAM service with these lines.
    pub(crate) fn service(&self, name: &str, lines: &str) -> Service {
        let name = unique(name);
        let path = PathBuf::from("/etc/pam.d").join(&name);
        fs::write(&path, lines).unwrap();
        Service { name, path }
    }
}

/// A user of this machine.
pub(crate) struct TestUser {
    pub(crate) name: String,
}

impl TestUser {
    pub(crate) fn uid(&self) -> u32 {
        sys::identity::user_by_name(&self.name).unwrap().unwrap().uid
    }

    /// Changes the account with chage(1).
    pub(crate) fn chage(&self, options: &[&str]) {
        change(&[&["chage"], options, &[self.name.as_str()]].concat());
    }
}

impl Drop for TestUser {
    fn drop(&mut self) {
        change(&["userdel", "--force", &self.name]);
    }
}

/// A file in /etc/pam.d.
pub(crate) struct Service {
    pub(crate) name: String,
    path: PathBuf,
}

impl Service {
    /// The configuration of kind 1 with this service.
    pub(crate) fn config(&self) -> Config {
        Config { mpopd_pam_service: self.name.clone(), ..system() }
    }

    pub(crate) fn authenticator(&self) -> Authenticator {
        Authenticator::new(&self.config()).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap();
    }
}

/// Kind 1 with its default settings.
pub(crate) fn system() -> Config {
    Config { auth_type: AuthType::System, ..Config::default() }
}

/// Kind 1 without PAM.
pub(crate) fn shadow() -> Config {
    Config { use_pam: false, ..system() }
}

/// The word in the log, or "in".
pub(crate) fn login(auth: &mut Authenticator, user: &str, password: &str) -> &'static str {
    let peer = "192.0.2.1".parse().unwrap();
    match auth.login(user.as_bytes(), password.as_bytes(), peer) {
        Ok(_) => "in",
        Err(error) => error.failure().word(),
    }
}

fn unique(name: &str) -> String {
    format!("mpopd-{}-{name}", std::process::id())
}

/// Runs a program that changes passwd(5), and repeats it while another one holds the lock.
fn change(command: &[&str]) -> Output {
    for _ in 0..600 {
        let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return output;
        }
        assert!(said.contains("lock"), "{command:?}: {said}");
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{command:?}: the user database stays locked");
}
