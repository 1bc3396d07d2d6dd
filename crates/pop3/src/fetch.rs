//! What RETR and TOP ask the driver for.

use crate::MessageNumber;

/// A message to send: what [`Step::Send`](crate::Step::Send) asks the driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The message. It exists and is not marked as deleted.
    pub message: MessageNumber,
    /// Lines of the body that TOP wants; nothing for RETR.
    pub lines: Option<u64>,
}
