//! Sockets that the starting program passed: systemd's (sd_listen_fds(3)), or inetd's on descriptor 0.

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{SocketAddrAny, sockopt};

use crate::error::StartError;

/// The sockets that were passed.
pub(super) enum PassedSockets {
    /// Nothing: mpopd binds the ports.
    Nothing,
    /// Listening sockets.
    Listening(Vec<OwnedFd>),
    /// One connection with a client.
    Connection(OwnedFd),
}

/// Looks for sockets: one on descriptor 0 if `inetd`, or if `look` and it is a connection; and those that the
/// environment names. A connection is moved off the standard descriptors: nothing else is ever written to it.
///
/// Must be called only once.
///
/// # Errors
///
/// The passed sockets are unusable.
pub(super) fn sockets(inetd: bool, look: bool) -> Result<PassedSockets, StartError> {
    if inetd || (look && is_connection(rustix::stdio::stdin())) {
        return connection_on_0().map(PassedSockets::Connection);
    }
    let sockets = from_environment().map_err(|error| StartError::Caller(format!("LISTEN_FDS: {error}")))?;
    let listening = |socket: &OwnedFd| sockopt::socket_acceptconn(socket).is_ok_and(|listens| listens);
    if sockets.is_empty() {
        return Ok(PassedSockets::Nothing);
    }
    if sockets.iter().all(listening) {
        return Ok(PassedSockets::Listening(sockets));
    }
    let mut sockets = sockets.into_iter();
    match (sockets.next(), sockets.next()) {
        (Some(one), None) if is_connection(&one) => Ok(PassedSockets::Connection(one)),
        _ => Err(StartError::Caller(
            "LISTEN_FDS: these must be listening TCP sockets, or one connection".to_owned(),
        )),
    }
}

fn connection_on_0() -> Result<OwnedFd, StartError> {
    let wrong = |problem: String| StartError::Option { option: "--inetd", problem };
    let given = rustix::stdio::stdin();
    if !is_connection(given) {
        return Err(wrong("descriptor 0 is no TCP connection; this is how inetd(8) starts mpopd".to_owned()));
    }
    take_off_standard().map_err(|error| wrong(error.to_string()))
}

/// Moves the connection to a descriptor of its own and puts `/dev/null` in its place. A standard error that
/// is not the connection stays.
fn take_off_standard() -> io::Result<OwnedFd> {
    let connection = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let file =
        |fd: rustix::fd::BorrowedFd<'_>| rustix::fs::fstat(fd).map(|about| (about.st_dev, about.st_ino)).ok();
    let client = file(connection.as_fd());
    let is_client = |fd| file(fd).is_none_or(|file| Some(file) == client);
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    if is_client(rustix::stdio::stdout()) {
        rustix::stdio::dup2_stdout(&null)?;
    }
    if is_client(rustix::stdio::stderr()) {
        rustix::stdio::dup2_stderr(&null)?;
    }
    rustix::stdio::dup2_stdin(&null)?;
    Ok(connection)
}

fn from_environment() -> io::Result<Vec<OwnedFd>> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    // They are for one process; another one has only inherited the variables.
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = i32::try_from(number("LISTEN_FDS").unwrap_or(0)).map_err(io::Error::other)?;
    (3..3_i32.saturating_add(count)).map(sys::inherited::take).collect()
}

/// Whether it is a TCP connection with a peer. Other sockets have other reasons: some programs give their
/// children one.
fn is_connection(socket: impl AsFd) -> bool {
    let of_internet = |peer: SocketAddrAny| std::net::SocketAddr::try_from(peer).is_ok();
    rustix::net::getpeername(socket).ok().flatten().is_some_and(of_internet)
}
