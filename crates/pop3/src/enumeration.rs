//! LIST and UIDL of a whole maildrop, a bounded piece at a time.

use crate::reply::{self, TERMINATOR};
use crate::transaction::TransactionState;
use crate::{Listing, MessageNumber};

/// About how many octets one step appends: two million messages are never in memory at once.
const PIECE: usize = 16 * 1024;

/// How far LIST or UIDL came.
#[derive(Clone, Copy)]
pub(crate) struct Enumeration {
    column: Column,
    next: MessageNumber,
}

#[derive(Clone, Copy)]
pub(crate) enum Column {
    Octets,
    Uidl,
}

impl Column {
    /// Appends the line of a message: its number, a blank and the value.
    pub(crate) fn line<L: Listing>(self, at: &TransactionState<L>, number: MessageNumber, out: &mut Vec<u8>) {
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
    /// Appends the first piece; what is left, if anything is.
    pub(crate) fn start<L: Listing>(
        column: Column,
        at: &TransactionState<L>,
        out: &mut Vec<u8>,
    ) -> Option<Self> {
        Self { column, next: MessageNumber::FIRST }.resume(at, out)
    }

    /// Appends the next piece, or the last one and the terminator; what is left, if anything is.
    pub(crate) fn resume<L: Listing>(mut self, at: &TransactionState<L>, out: &mut Vec<u8>) -> Option<Self> {
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
