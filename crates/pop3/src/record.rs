//! What the driver logs.

use crate::{MessageNumber, Refusal, Verb};
use std::fmt;

/// A command that was taken, for the log; of a SASL exchange AUTH is recorded, and the line that broke it off. It holds nothing that the client wrote but a message number: the user name
/// is in [`Dialogue::user`](crate::Dialogue::user), and a password is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The command; nothing when it is unknown or its line was too long.
    pub verb: Option<Verb>,
    /// The message that it names.
    pub message: Option<MessageNumber>,
    /// The SASL mechanism that it names, if it is one of those offered.
    pub mechanism: Option<&'static str>,
    /// Why the dialogue refused it. What the driver refuses later is not here.
    pub refused: Option<Refusal>,
}

impl fmt::Display for Record {
    /// Writes `RETR 5`, `PASS ******`, `AUTH PLAIN`, `bad line`, and after a refusal its text in parentheses.
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
            Record { verb, message: MessageNumber::new(message), refused, ..Record::default() }.to_string()
        };
        assert_eq!(record(Some(Verb::Retr), 5, None), "RETR 5");
        assert_eq!(record(Some(Verb::Pass), 0, None), "PASS ******");
        assert_eq!(record(Some(Verb::Stat), 0, Some(Refusal::NotBeforeLogin)), "STAT (log in first)");
        assert_eq!(record(None, 0, Some(Refusal::UnknownCommand)), "bad line (unknown command)");
        let (verb, mechanism) = (Some(Verb::Auth), Some("PLAIN"));
        assert_eq!(Record { verb, mechanism, ..Record::default() }.to_string(), "AUTH PLAIN");
    }
}
