//! Every role → log: what belongs in the central log, one line a message. And supervisor → log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vocabulary::LogLevel;

use crate::wire::ChannelMessage;

/// The most octets that an event's own words may have.
pub const MOST_EVENT: usize = 4096;
/// The most fields of a line.
pub const MOST_FIELDS: usize = 16;
/// The most octets that a field's value may have as text.
pub const MOST_VALUE: usize = 1024;
/// The longest name of a field, in octets.
const MOST_NAME: usize = 32;

/// One line of the log. How it is written is decided where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it happened, in seconds since 1970, UTC.
    pub time: u64,
    /// How much it matters.
    pub level: LogLevel,
    /// How many lines the sender has dropped since the last that it sent.
    pub lost: u32,
    /// What happened, in words: `login ok`.
    pub event: String,
    /// The figures and names that belong to it, in the order in which they are written.
    pub fields: Vec<LogField>,
}

/// `name=value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogField {
    /// Lower-case letters, digits and `_`.
    pub name: Cow<'static, str>,
    /// What it is.
    pub value: LogValue,
}

/// The value of a [`LogField`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogValue {
    /// A word of ours.
    Text(String),
    /// What a client said, escaped to printable ASCII without `<` and `>`. It is written inside those.
    Client(String),
    /// A number.
    Number(u64),
}

impl ChannelMessage for LogLine {
    fn check(&self) -> Result<(), &'static str> {
        if self.event.len() > MOST_EVENT {
            return Err("a log line is too long");
        }
        if self.fields.len() > MOST_FIELDS {
            return Err("a log line has too many fields");
        }
        self.fields.iter().try_for_each(LogField::check)
    }
}

impl LogField {
    fn check(&self) -> Result<(), &'static str> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if self.name.is_empty() || self.name.len() > MOST_NAME || !self.name.bytes().all(plain) {
            return Err("a log field has no such name");
        }
        match &self.value {
            LogValue::Text(text) | LogValue::Client(text) if text.len() > MOST_VALUE => {
                Err("a log field is too long")
            }
            LogValue::Client(text)
                if !text.bytes().all(|c| matches!(c, b' '..=b'~') && !b"<>".contains(&c)) =>
            {
                Err("a client's text in the log is not escaped")
            }
            _ => Ok(()),
        }
    }
}

/// What the supervisor tells the log role. The end of this channel means: write what is there, and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLog {
    /// Close the log file and open it anew: it was renamed.
    Reopen,
}

impl ChannelMessage for ToLog {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    fn line(fields: Vec<LogField>) -> LogLine {
        LogLine { time: 1_800_000_000, level: LogLevel::Info, lost: 0, event: "login ok".into(), fields }
    }

    fn field(name: &'static str, value: LogValue) -> LogField {
        LogField { name: name.into(), value }
    }

    #[test]
    fn lines_and_orders_survive() {
        round_trip(&line(vec![
            field("user", LogValue::Client("a\\x3e".into())),
            field("ip", LogValue::Text("192.0.2.1".into())),
            field("size", LogValue::Number(u64::MAX)),
        ]));
        round_trip(&ToLog::Reopen);
    }

    #[test]
    fn what_could_break_the_form_of_a_line_is_refused() {
        for wrong in [
            field("", LogValue::Number(1)),
            field("a b", LogValue::Number(1)),
            field("user", LogValue::Client("a> ip=1".into())),
            field("user", LogValue::Client("a\nb".into())),
            field("x", LogValue::Text("x".repeat(MOST_VALUE + 1))),
        ] {
            assert!(encode(&line(vec![wrong.clone()])).is_err(), "{wrong:?}");
        }
        assert!(encode(&line(vec![field("x", LogValue::Number(1)); MOST_FIELDS + 1])).is_err());
        assert!(encode(&LogLine { event: "x".repeat(MOST_EVENT + 1), ..line(Vec::new()) }).is_err());
    }

    #[test]
    fn the_longest_line_fits_its_packet() {
        let fields = vec![field("x", LogValue::Text("x".repeat(MOST_VALUE))); MOST_FIELDS];
        assert!(encode(&LogLine { event: "x".repeat(MOST_EVENT), ..line(fields) }).is_ok());
    }
}
