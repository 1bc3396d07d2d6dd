//! Messages as octets: postcard in a packet, with a bound and without trailing octets.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Serialize, de::DeserializeOwned};
use sys::seqpacket;
pub use sys::seqpacket::Wait;
use zeroize::Zeroize;

/// The longest message, in octets. Longer content is sent as sealed memory ([`crate::Payload`]).
pub const MOST_OCTETS: usize = 64 * 1024;

/// A message of one of the channels.
pub trait ChannelMessage: Serialize + DeserializeOwned {
    /// Whether it may carry a secret: its octets are wiped from every buffer after use.
    const SECRET: bool = false;

    /// Checks the bounds that the types do not express: lengths of texts, ranges of numbers.
    ///
    /// # Errors
    ///
    /// What is out of bounds, for the log.
    fn check(&self) -> Result<(), &'static str>;
}

/// Why a message was not sent or received.
#[derive(Debug)]
pub enum Error {
    /// The socket failed. `WouldBlock` means: try again later.
    Io(io::Error),
    /// The peer sent something else than a message of this channel. That is a bug of the peer, and the end of
    /// the channel.
    Malformed(&'static str),
    /// Our message exceeds the bound. That is our own bug.
    TooLong(usize),
}

impl Error {
    /// Whether the call should be repeated when the socket is ready.
    pub fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the channel to another role failed: {error}"),
            Self::Malformed(what) => write!(f, "another role sent a malformed message: {what}"),
            Self::TooLong(octets) => {
                write!(f, "a message of {octets} octets exceeds the bound of {MOST_OCTETS}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Malformed(_) | Self::TooLong(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Encodes a message.
///
/// # Errors
///
/// [`Error::TooLong`] or [`Error::Malformed`] if it is out of bounds.
pub fn encode<M: ChannelMessage>(message: &M) -> Result<Vec<u8>, Error> {
    message.check().map_err(Error::Malformed)?;
    let encoded = postcard::to_allocvec(message).map_err(|_| Error::Malformed("it cannot be encoded"))?;
    if encoded.len() > MOST_OCTETS {
        return Err(Error::TooLong(encoded.len()));
    }
    Ok(encoded)
}

/// Decodes one message that fills `octets`.
///
/// # Errors
///
/// [`Error::Malformed`] for anything else.
pub fn decode<M: ChannelMessage>(octets: &[u8]) -> Result<M, Error> {
    if octets.len() > MOST_OCTETS {
        return Err(Error::Malformed("it exceeds the bound"));
    }
    match postcard::take_from_bytes::<M>(octets) {
        Ok((message, [])) => message.check().map(|()| message).map_err(Error::Malformed),
        Ok(_) => Err(Error::Malformed("it has octets after its end")),
        Err(_) => Err(Error::Malformed("it cannot be decoded")),
    }
}

/// Sends a message with descriptors.
///
/// # Errors
///
/// [`Error::Io`] with `WouldBlock` if the channel is full and the call may not wait, and with `BrokenPipe` if
/// the peer is gone. [`Error::TooLong`] or [`Error::Malformed`] if the message itself is out of bounds.
pub fn send<M: ChannelMessage>(
    socket: impl AsFd,
    message: &M,
    descriptors: &[BorrowedFd<'_>],
    wait: Wait,
) -> Result<(), Error> {
    let mut encoded = encode(message)?;
    let sent = seqpacket::send(socket, &encoded, descriptors, wait);
    if M::SECRET {
        encoded.zeroize();
    }
    Ok(sent?)
}

/// Receives one message; `None` if the peer is gone. `buffer` has [`MOST_OCTETS`] and can be used for any
/// number of messages.
///
/// # Errors
///
/// [`Error::Io`] with `WouldBlock` if there is no message; [`Error::Malformed`] if the peer sent something
/// else.
pub fn receive<M: ChannelMessage>(
    socket: impl AsFd,
    buffer: &mut [u8],
    wait: Wait,
) -> Result<Option<(M, Vec<OwnedFd>)>, Error> {
    let received = match seqpacket::receive(socket, buffer, wait) {
        Ok(received) => received,
        // The peer was killed before it read our messages.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if received.length == 0 {
        return Ok(None);
    }
    let octets = buffer.get_mut(..received.length).ok_or(Error::Malformed("its length is impossible"))?;
    let decoded = decode(octets);
    if M::SECRET {
        octets.zeroize();
    }
    Ok(Some((decoded?, received.descriptors)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For the tests of each channel: a message survives the round trip, and shortened or extended octets are
    /// rejected.
    pub(crate) fn round_trip<M: ChannelMessage + PartialEq + std::fmt::Debug>(message: &M) {
        let octets = encode(message).unwrap();
        assert_eq!(&decode::<M>(&octets).unwrap(), message);
        for cut in 0..octets.len() {
            assert!(decode::<M>(&octets[..cut]).is_err(), "{message:?} cut at {cut} was taken");
        }
        let longer: Vec<u8> = octets.iter().copied().chain([0]).collect();
        assert!(decode::<M>(&longer).is_err(), "{message:?} with an octet more was taken");
    }

    #[test]
    fn a_gone_peer_is_no_error() {
        let (left, right) = seqpacket::pair().unwrap();
        drop(left);
        let mut buffer = vec![0; MOST_OCTETS];
        assert!(receive::<crate::steer::ToSession>(&right, &mut buffer, Wait::Forever).unwrap().is_none());
    }
}
