//! What RETR and TOP request from the driver.

use crate::MessageNumber;

/// A message that the driver must fetch, see [`Step::Send`](crate::Step::Send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The message. It exists and is not marked as deleted.
    pub message: MessageNumber,
    /// Number of body lines for TOP; `None` for RETR.
    pub lines: Option<u64>,
}
