//! Helpers for the unit tests of this crate.

use crate::reply::ReplyWriter;
use crate::transaction::TransactionState;
use crate::{LoginName, MessageListing, MessageNumber};
use vocabulary::Language;

/// A listing of invented messages: message n has `sizes[n - 1]` octets and the identifier `uid-n`.
#[derive(Debug)]
pub(crate) struct FakeListing {
    sizes: Vec<u64>,
    uidls: Vec<String>,
}

impl FakeListing {
    pub(crate) fn new(sizes: &[u64]) -> Self {
        let uidls = (1..=sizes.len()).map(|n| format!("uid-{n}")).collect();
        Self { sizes: sizes.to_vec(), uidls }
    }
}

impl MessageListing for FakeListing {
    fn count(&self) -> u32 {
        self.sizes.len().try_into().unwrap()
    }

    fn octets(&self, number: MessageNumber) -> u64 {
        self.sizes[number.index()]
    }

    fn uidl(&self, number: MessageNumber) -> &[u8] {
        self.uidls[number.index()].as_bytes()
    }

    fn total_octets(&self) -> u64 {
        self.sizes.iter().sum()
    }
}

pub(crate) fn transaction(sizes: &[u64]) -> TransactionState<FakeListing> {
    TransactionState::new(LoginName::parse(b"alice").unwrap(), FakeListing::new(sizes))
}

pub(crate) fn number(n: u32) -> MessageNumber {
    MessageNumber::new(n).unwrap()
}

/// The text that `write` appends.
pub(crate) fn text(write: impl FnOnce(&mut ReplyWriter<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut ReplyWriter::new(&mut out, Language::English));
    String::from_utf8(out).unwrap()
}
