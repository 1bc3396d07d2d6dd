//! A channel to another process of mpopd, for use with tokio.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;

use ipc::wire::{self, Error, Message, Wait};
use tokio::io::unix::AsyncFd;

thread_local! {
    /// One for all channels: a message is decoded before another is received.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; wire::MOST_OCTETS]);
}

pub(crate) struct Socket(AsyncFd<OwnedFd>);

impl Socket {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that may change their descriptor; OwnedFd never does"
    )]
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        AsyncFd::new(socket).map(Self)
    }

    /// Sends one message, waiting for room if there is none.
    pub(crate) async fn send<M: Message>(&self, message: &M) -> Result<(), Error> {
        loop {
            let mut ready = self.0.writable().await?;
            match ipc::send(self.0.get_ref(), message, &[], Wait::No) {
                Err(error) if error.would_block() => ready.clear_ready(),
                sent => return sent,
            }
        }
    }

    /// The next message with its descriptors; `None` when the other process is gone.
    pub(crate) async fn receive<M: Message>(&self) -> Result<Option<(M, Vec<OwnedFd>)>, Error> {
        loop {
            let mut ready = self.0.readable().await?;
            match BUFFER.with_borrow_mut(|buffer| ipc::receive(self.0.get_ref(), buffer, Wait::No)) {
                Err(error) if error.would_block() => ready.clear_ready(),
                received => return received,
            }
        }
    }
}
