//! What a test needs of the machine. If something is missing, the test says so on standard error and is
//! skipped; in CI it fails.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;

/// Nothing unless the tests run as root.
pub(crate) fn root() -> Option<()> {
    if super::is_root() { Some(()) } else { skip("it needs root: roles change their uids") }
}

/// The full path of the program `name`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // First the interpreters that Debian's modules are installed for.
    let folders = [PathBuf::from("/usr/bin"), PathBuf::from("/usr/sbin")];
    let found =
        folders.into_iter().chain(env::split_paths(&path)).map(|dir| dir.join(name)).find(|p| p.is_file());
    found.or_else(|| skip(&format!("the program `{name}` is not installed")))
}

/// A file of another server's Debian package. It is looked for below `MPOPD_TEST_PEERS`, where packages that
/// conflict with others were unpacked with `dpkg -x`, and then where it would be installed.
pub(crate) fn peer(package: &str, file: &str) -> Option<PathBuf> {
    let peers = env::var_os("MPOPD_TEST_PEERS").map(PathBuf::from);
    let roots = peers.into_iter().chain([PathBuf::from("/")]);
    let found = roots.map(|root| root.join(file)).find(|path| path.is_file());
    found.or_else(|| skip(&format!("{package} is neither in MPOPD_TEST_PEERS nor installed")))
}

/// Says that the running test is skipped, and why. It writes past libtest's capture, because a test that did
/// not run must not look like one that passed.
///
/// # Panics
///
/// The environment has `CI=true`: there no test may be skipped.
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        env::var("CI").as_deref() != Ok("true"),
        "{test} would be skipped, {why}, and CI=true forbids it"
    );
    writeln!(io::stderr(), "skipped: {test}: {why}").expect("stderr");
    None
}
