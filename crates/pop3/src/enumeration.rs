//! LIST and UIDL of a whole maildrop, a bounded piece at a time.

use crate::commands::{list, uidl};
use crate::reply::TERMINATOR;
use crate::state::Transaction;
use crate::{Listing, MessageNumber};

/// About how many octets one step appends: two million messages are never in memory at once.
const PIECE: usize = 16 * 1024;

/// How far LIST or UIDL came.
#[derive(Clone, Copy)]
pub(crate) struct Enumeration {
    table: Table,
    next: MessageNumber,
}

#[derive(Clone, Copy)]
pub(crate) enum Table {
    Octets,
    Uidl,
}

impl Enumeration {
    /// Appends the first piece; what is left, if anything is.
    pub(crate) fn start<L: Listing>(table: Table, at: &Transaction<L>, out: &mut Vec<u8>) -> Option<Self> {
        Self { table, next: MessageNumber::FIRST }.resume(at, out)
    }

    /// Appends the next piece, or the last one and the terminator; what is left, if anything is.
    pub(crate) fn resume<L: Listing>(mut self, at: &Transaction<L>, out: &mut Vec<u8>) -> Option<Self> {
        let start = out.len();
        let count = at.listing.count();
        let mut kept = at.deletions.next_kept(self.next, count);
        while let Some(number) = kept {
            if out.len() - start >= PIECE {
                self.next = number;
                return Some(self);
            }
            match self.table {
                Table::Octets => list::line(at, number, out),
                Table::Uidl => uidl::line(at, number, out),
            }
            kept = number.following().and_then(|next| at.deletions.next_kept(next, count));
        }
        out.extend_from_slice(TERMINATOR);
        None
    }
}
