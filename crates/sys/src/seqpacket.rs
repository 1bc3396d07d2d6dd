//! The sockets between the roles: `SOCK_SEQPACKET` pairs. They keep message boundaries, carry descriptors
//! (`SCM_RIGHTS`, unix(7)) and report the end of the peer.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// The most descriptors in a message. The kernel's own limit is 253.
pub const MOST_DESCRIPTORS: usize = 32;

/// Whether a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until the message is sent, or one arrives.
    Forever,
    /// Not at all: `WouldBlock` instead.
    No,
}

/// A message that [`receive`] received.
#[derive(Debug)]
pub struct ReceivedPacket {
    /// The message's length in octets; 0 means that the peer is gone.
    pub length: usize,
    /// Its descriptors, closed on exec. If they exceed the limit of this process (`RLIMIT_NOFILE`), the last
    /// ones are missing and closed. That must not end a channel that others share.
    pub descriptors: Vec<OwnedFd>,
}

/// A connected pair of message sockets, closed on exec.
///
/// # Errors
///
/// What socketpair(2) says, above all `EMFILE`.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends one message, whole or not at all. A closed peer is an error (`EPIPE`), never a signal.
///
/// # Errors
///
/// `InvalidInput` for an empty message, which would look like the end of the peer, and for more than
/// [`MOST_DESCRIPTORS`]; otherwise those of sendmsg(2).
pub fn send(socket: impl AsFd, message: &[u8], descriptors: &[BorrowedFd<'_>], wait: Wait) -> io::Result<()> {
    if message.is_empty() || descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let flags = match wait {
        Wait::Forever => SendFlags::NOSIGNAL,
        Wait::No => SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    };
    loop {
        match rustix::net::sendmsg(&socket, &[IoSlice::new(message)], &mut ancillary, flags) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Receives one message into `buffer`.
///
/// # Errors
///
/// `InvalidData` if the message did not fit: the peer violated the bounds, and the descriptors of the message
/// are closed. Otherwise those of recvmsg(2).
pub fn receive(socket: impl AsFd, buffer: &mut [u8], wait: Wait) -> io::Result<ReceivedPacket> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = match wait {
        Wait::Forever => RecvFlags::CMSG_CLOEXEC,
        Wait::No => RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    };
    let got = loop {
        match rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, flags) {
            Ok(got) => break got,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    };
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if got.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message between roles exceeds its bound"));
    }
    Ok(ReceivedPacket { length: got.bytes, descriptors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_whole_with_its_descriptors() {
        let (left, right) = pair().unwrap();
        let (inner, _kept) = pair().unwrap();
        send(&left, b"take this", &[inner.as_fd()], Wait::Forever).unwrap();
        let mut buffer = [0; 64];
        let got = receive(&right, &mut buffer, Wait::No).unwrap();
        assert_eq!(&buffer[..got.length], b"take this");
        assert_eq!(got.descriptors.len(), 1);
    }

    #[test]
    fn the_end_of_the_peer_is_a_length_of_zero_and_a_failed_send() {
        let (left, right) = pair().unwrap();
        drop(left);
        assert_eq!(receive(&right, &mut [0; 8], Wait::Forever).unwrap().length, 0);
        assert_eq!(send(&right, b"x", &[], Wait::No).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_message_over_the_bound_is_refused_not_cut() {
        let (left, right) = pair().unwrap();
        send(&left, &[7; 100], &[], Wait::Forever).unwrap();
        assert_eq!(receive(&right, &mut [0; 99], Wait::No).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    /// Runs in its own process, because the limit applies to all threads.
    #[test]
    fn a_message_arrives_where_there_is_no_room_for_its_descriptors() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        const NAME: &str = "seqpacket::tests::a_message_arrives_where_there_is_no_room_for_its_descriptors";
        if std::env::var_os("OUT_OF_DESCRIPTORS").is_none() {
            let itself = std::env::current_exe().unwrap();
            let mut command = std::process::Command::new(itself);
            let done = command.args(["--exact", NAME]).env("OUT_OF_DESCRIPTORS", "1").output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
            return;
        }
        let (left, right) = pair().unwrap();
        let limit = Rlimit { current: Some(64), maximum: getrlimit(Resource::Nofile).maximum };
        setrlimit(Resource::Nofile, limit).unwrap();
        let mut filling = Vec::new();
        while let Ok(another) = left.try_clone() {
            filling.push(another);
        }
        filling.pop();
        send(&left, b"two descriptors", &[left.as_fd(), left.as_fd()], Wait::No).unwrap();
        let mut buffer = [0; 64];
        let got = receive(&right, &mut buffer, Wait::No).unwrap();
        assert_eq!((&buffer[..got.length], got.descriptors.len()), (&b"two descriptors"[..], 1));
    }

    #[test]
    fn nothing_to_receive_does_not_wait() {
        let (_left, right) = pair().unwrap();
        assert_eq!(receive(&right, &mut [0; 8], Wait::No).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(send(&right, b"", &[], Wait::No).is_err());
    }
}
