//! Arguments that several commands have in common.

use crate::MessageNumber;

/// Blanks around an argument do no harm; anything else that is invisible does, and stays to be refused.
pub(super) fn trim_blanks(mut argument: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = argument {
        argument = rest;
    }
    argument
}

pub(super) fn nothing(argument: &[u8]) -> Option<()> {
    argument.is_empty().then_some(())
}

/// No argument, or a message number; nothing when it is something else.
pub(super) fn optional(argument: &[u8]) -> Option<Option<MessageNumber>> {
    match argument {
        [] => Some(None),
        number => MessageNumber::parse(number).map(Some),
    }
}
