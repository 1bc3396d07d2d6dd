//! The memory that one session after another uses.

use pop3_client::asynchronous::SessionBuffers;

use super::listing::CheckedListing;
use crate::measure::SessionRecord;
use crate::transcript::Transcript;

/// Everything that a session needs and leaves to the next one.
#[derive(Debug)]
pub(crate) struct SessionSlot {
    pub(super) buffers: SessionBuffers,
    pub(super) listing: CheckedListing,
    pub(super) body: Vec<u8>,
    pub(crate) transcript: Transcript,
    pub(crate) record: SessionRecord,
}

impl SessionSlot {
    pub(crate) fn new(buffers: SessionBuffers) -> Self {
        Self {
            buffers,
            listing: CheckedListing::default(),
            body: Vec::new(),
            transcript: Transcript::new(),
            record: SessionRecord::default(),
        }
    }
}
