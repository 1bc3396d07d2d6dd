//! Many connections at once, from many addresses, without a thread for each.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{PATIENCE, need};

/// Raises the descriptor limit of this process for this number of connections. `None` if that is not
/// permitted.
pub(super) fn room_for(connections: usize) -> Option<()> {
    let needed = u64::try_from(connections).expect("a number") + 2000;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= needed) {
        return Some(());
    }
    let maximum = now.maximum.map(|maximum| maximum.max(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum });
    raised.ok().or_else(|| need::skip(&format!("it needs {needed} descriptors")))
}

/// Connects from this address of the loopback network; all of 127.0.0.0/8 can be used. If `small`, the
/// kernel's buffers are as small as possible.
pub(super) fn connect(from: Ipv4Addr, port: u16, small: bool) -> std::io::Result<TcpStream> {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if small {
        sockopt::set_socket_recv_buffer_size(&socket, 2048)?;
    }
    rustix::net::bind(&socket, &SocketAddrV4::new(from, 0))?;
    rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The address of the `n`th attacker. None of them is 127.0.0.1.
pub(super) fn attacker(n: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(n + 2).expect("a small number").to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// Reads this number of lines, or fewer if the server closes the connection.
pub(super) fn lines(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let (mut said, mut octets) = (Vec::new(), [0; 512]);
    while said.iter().filter(|&&octet| octet == b'\n').count() < count {
        match stream.read(&mut octets) {
            Ok(0) | Err(_) => break,
            Ok(more) => said.extend_from_slice(&octets[..more]),
        }
    }
    said
}

/// Sends the whole login at once; reads the greeting and both replies.
pub(super) fn log_in(stream: &mut TcpStream, user: &str, password: &str) -> Vec<u8> {
    let sent = stream.write_all(format!("USER {user}\r\nPASS {password}\r\n").as_bytes());
    sent.expect("a server that listens");
    lines(stream, 3)
}

/// Tells the threads of a storm to stop when it is dropped, even if the test fails, because the test waits
/// for them.
pub(super) struct StopAtEnd<'a>(pub(super) &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The result of a read that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// This number of octets arrived.
    Octets(usize),
    /// No octets are available now.
    Nothing,
    /// The server has closed the connection.
    Closed,
}

/// Reads at most one octet from a nonblocking connection.
pub(super) fn sip(stream: &mut TcpStream) -> Turn {
    match stream.read(&mut [0]) {
        Ok(0) => Turn::Closed,
        Ok(octets) => Turn::Octets(octets),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Turn::Nothing,
        Err(_) => Turn::Closed,
    }
}

/// Calls a function for every connection that is left, again and again, until all are closed.
///
/// # Panics
///
/// If that takes too long.
pub(super) fn until_all_are_closed(mut left: Vec<TcpStream>, mut act: impl FnMut(&mut TcpStream) -> Turn) {
    let end = Instant::now() + PATIENCE;
    while !left.is_empty() {
        left.retain_mut(|stream| act(stream) != Turn::Closed);
        assert!(Instant::now() < end, "{} connections are still open", left.len());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
