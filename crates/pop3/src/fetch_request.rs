//! What RETR and TOP request from the driver.

use crate::MessageNumber;

/// A message that the driver must fetch, see [`Step::Fetch`](crate::Step::Fetch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The message. It exists and is not marked as deleted.
    pub message: MessageNumber,
    /// Number of body lines for TOP; `None` for RETR.
    pub lines: Option<u64>,
}
