//! One end of a channel for tokio: sending and receiving wait without blocking the thread.

use std::cell::RefCell;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use tokio::io::unix::AsyncFd;

use crate::wire::{self, ChannelMessage, Error, Wait};

thread_local! {
    /// Shared by all channels of a thread: each message is decoded before the next one is received.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; wire::MOST_OCTETS]);
}

/// One end of a `SOCK_SEQPACKET` channel, registered with the current tokio runtime.
#[derive(Debug)]
pub struct MessageSocket(AsyncFd<OwnedFd>);

impl MessageSocket {
    /// Registers the descriptor with the runtime that the caller runs in.
    ///
    /// # Errors
    ///
    /// Those of epoll_ctl(2).
    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that may change their descriptor; OwnedFd never does"
    )]
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        AsyncFd::new(socket).map(Self)
    }

    /// Sends one message, waiting while the channel is full.
    ///
    /// # Errors
    ///
    /// Those of [`wire::send`], except `WouldBlock`.
    pub async fn send<M: ChannelMessage>(
        &self,
        message: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        loop {
            match self.try_send(message, descriptors) {
                Err(error) if error.would_block() => {
                    let mut ready = self.0.writable().await?;
                    // The channel may have become writable between the failed call and this one.
                    match self.try_send(message, descriptors) {
                        Err(error) if error.would_block() => ready.clear_ready(),
                        sent => return sent,
                    }
                }
                sent => return sent,
            }
        }
    }

    /// Sends one message unless the channel is full.
    ///
    /// # Errors
    ///
    /// Those of [`wire::send`]; a full channel is `WouldBlock`.
    pub fn try_send<M: ChannelMessage>(
        &self,
        message: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        wire::send(self.0.get_ref(), message, descriptors, Wait::No)
    }

    /// The next message with its descriptors; `None` when the peer is gone.
    ///
    /// # Errors
    ///
    /// Those of [`wire::receive`], except `WouldBlock`.
    pub async fn receive<M: ChannelMessage>(&self) -> Result<Option<(M, Vec<OwnedFd>)>, Error> {
        loop {
            let mut ready = self.0.readable().await?;
            let received = BUFFER.with_borrow_mut(|buffer| wire::receive(self.0.get_ref(), buffer, Wait::No));
            match received {
                Err(error) if error.would_block() => ready.clear_ready(),
                received => {
                    // More messages may be waiting, so readiness is kept. Only an empty queue clears it.
                    ready.retain_ready();
                    return received;
                }
            }
        }
    }
}
