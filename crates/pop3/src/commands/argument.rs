//! Parsers for arguments that several commands take.

use crate::MessageNumber;

/// Removes blanks and tabs around an argument. Other invisible octets stay, so that they are refused.
pub(super) fn trim_blanks(mut argument: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = argument {
        argument = rest;
    }
    argument
}

/// No argument. `None` if there is one.
pub(super) fn nothing(argument: &[u8]) -> Option<()> {
    argument.is_empty().then_some(())
}

/// No argument, or a message number. `None` if it is anything else.
pub(super) fn optional(argument: &[u8]) -> Option<Option<MessageNumber>> {
    match argument {
        [] => Some(None),
        number => MessageNumber::parse(number).map(Some),
    }
}
