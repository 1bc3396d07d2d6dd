//! LIST and UIDL of a whole maildrop, in pieces of bounded size.

use crate::reply::{self, TERMINATOR};
use crate::transaction::TransactionState;
use crate::{MessageListing, MessageNumber};

/// Approximate number of octets that one step appends, so that the reply for a large maildrop is never in
/// memory at once.
const PIECE: usize = 16 * 1024;

/// The rest of a LIST or UIDL.
#[derive(Clone, Copy)]
pub(crate) struct Enumeration {
    column: Column,
    next: MessageNumber,
}

/// What a line gives for a message.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Octets,
    Uidl,
}

impl Column {
    /// Appends the line of a message: its number, a blank and the value.
    pub(crate) fn line<L: MessageListing>(
        self,
        at: &TransactionState<L>,
        number: MessageNumber,
        out: &mut Vec<u8>,
    ) {
        reply::decimal(out, number.get().into());
        out.push(b' ');
        match self {
            Self::Octets => reply::decimal(out, at.listing.octets(number)),
            Self::Uidl => out.extend_from_slice(at.listing.uidl(number)),
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl Enumeration {
    /// Appends the first piece. Returns the rest, if there is any.
    pub(crate) fn start<L: MessageListing>(
        column: Column,
        at: &TransactionState<L>,
        out: &mut Vec<u8>,
    ) -> Option<Self> {
        Self { column, next: MessageNumber::FIRST }.resume(at, out)
    }

    /// Appends the next piece, and after the last one the terminator. Returns the rest, if there is any.
    pub(crate) fn resume<L: MessageListing>(
        mut self,
        at: &TransactionState<L>,
        out: &mut Vec<u8>,
    ) -> Option<Self> {
        let start = out.len();
        let count = at.listing.count();
        let mut kept = at.deletions.next_kept(self.next, count);
        while let Some(number) = kept {
            if out.len() - start >= PIECE {
                self.next = number;
                return Some(self);
            }
            self.column.line(at, number, out);
            kept = number.following().and_then(|next| at.deletions.next_kept(next, count));
        }
        out.extend_from_slice(TERMINATOR);
        None
    }
}
