//! A channel to another role, for use with tokio.

use std::cell::RefCell;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use ipc::wire::{self, Error, Message, Wait};
use tokio::io::unix::AsyncFd;

thread_local! {
    /// One for all channels of a thread: a message is decoded before another is received.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; wire::MOST_OCTETS]);
}

pub(super) struct Socket(AsyncFd<OwnedFd>);

impl Socket {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that may change their descriptor; OwnedFd never does"
    )]
    pub(super) fn new(socket: OwnedFd) -> io::Result<Socket> {
        AsyncFd::new(socket).map(Socket)
    }

    /// Sends one message, waiting for room if there is none.
    pub(super) async fn send<M: Message>(
        &self,
        message: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        loop {
            match self.try_send(message, descriptors) {
                Err(error) if error.would_block() => {
                    let mut ready = self.0.writable().await?;
                    // It may have become ready between the failed call and this one.
                    match self.try_send(message, descriptors) {
                        Err(error) if error.would_block() => ready.clear_ready(),
                        sent => return sent,
                    }
                }
                sent => return sent,
            }
        }
    }

    /// Sends one message if there is room for it.
    pub(super) fn try_send<M: Message>(
        &self,
        message: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        ipc::send(self.0.get_ref(), message, descriptors, Wait::No)
    }

    /// The next message; `None` when the other role is gone.
    pub(super) async fn receive<M: Message>(&self) -> Result<Option<(M, Vec<OwnedFd>)>, Error> {
        loop {
            let mut ready = self.0.readable().await?;
            let received = BUFFER.with_borrow_mut(|buffer| ipc::receive(self.0.get_ref(), buffer, Wait::No));
            match received {
                Err(error) if error.would_block() => ready.clear_ready(),
                received => {
                    // There may be more: readiness is kept, and only an empty queue clears it.
                    ready.retain_ready();
                    return received;
                }
            }
        }
    }
}
