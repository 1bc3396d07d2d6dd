//! DELE: marks a message, to be removed at QUIT (RFC 1939, section 5).

use crate::language::Text;
use crate::reply::{self, Replies};
use crate::state::Transaction;
use crate::{Listing, MessageNumber, Refusal};

pub(crate) fn run<L: Listing>(
    at: &mut Transaction<L>,
    number: MessageNumber,
    out: &mut Replies<'_>,
) -> Result<(), Refusal> {
    let number = at.message(number)?;
    if !at.deletions.mark(number, at.listing.octets(number), at.listing.count()) {
        return Err(Refusal::Deleted);
    }
    reply::ok(out, Text::Marked(number));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};
    use vocabulary::Language;

    #[test]
    fn a_message_is_marked_once() {
        let mut at = transaction(&[100, 20]);
        assert_eq!(text(|out| run(&mut at, number(2), out).unwrap()), "+OK message 2 marked as deleted\r\n");
        assert_eq!(
            run(&mut at, number(2), &mut Replies::new(&mut Vec::new(), Language::English)),
            Err(Refusal::Deleted)
        );
        assert_eq!(
            run(&mut at, number(3), &mut Replies::new(&mut Vec::new(), Language::English)),
            Err(Refusal::NoSuchMessage(2))
        );
        assert_eq!((at.kept(), at.kept_octets()), (1, 100));
    }
}
