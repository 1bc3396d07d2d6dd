//! One command, for the log.

use crate::{CommandError, MessageNumber, Verb};
use std::fmt;

/// A command that the dialogue took, for the log. A SASL exchange has a record for AUTH, and one for the line
/// that aborted it.
///
/// A message number is all that it contains of what the client wrote. The user name is in
/// [`Dialogue::user`](crate::Dialogue::user), and no record has a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandRecord {
    /// The command. `None` if it is unknown or its line was too long.
    pub verb: Option<Verb>,
    /// The message that it names.
    pub message: Option<MessageNumber>,
    /// The SASL mechanism that it names, if that is offered.
    pub mechanism: Option<&'static str>,
    /// Why the dialogue refused it. The driver may still refuse what the dialogue accepted, such as a login.
    pub refused: Option<CommandError>,
}

impl fmt::Display for CommandRecord {
    /// Writes `RETR 5`, `PASS ******`, `AUTH PLAIN` or `bad line`, followed by the reason in parentheses if
    /// the command was refused.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verb {
            None => f.write_str("bad line")?,
            Some(Verb::Pass) => f.write_str("PASS ******")?,
            Some(verb) => f.write_str(verb.keyword())?,
        }
        if let Some(message) = self.message {
            write!(f, " {message}")?;
        }
        if let Some(mechanism) = self.mechanism {
            write!(f, " {mechanism}")?;
        }
        match self.refused {
            Some(refusal) => write!(f, " ({refusal})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_show_the_command_and_never_a_password() {
        let record = |verb, message, refused| {
            CommandRecord { verb, message: MessageNumber::new(message), refused, ..CommandRecord::default() }
                .to_string()
        };
        assert_eq!(record(Some(Verb::Retr), 5, None), "RETR 5");
        assert_eq!(record(Some(Verb::Pass), 0, None), "PASS ******");
        assert_eq!(record(Some(Verb::Stat), 0, Some(CommandError::NotBeforeLogin)), "STAT (log in first)");
        assert_eq!(record(None, 0, Some(CommandError::UnknownCommand)), "bad line (unknown command)");
        let (verb, mechanism) = (Some(Verb::Auth), Some("PLAIN"));
        assert_eq!(CommandRecord { verb, mechanism, ..CommandRecord::default() }.to_string(), "AUTH PLAIN");
    }
}
