//! Every role → log: lines for the central log, one in each message. And supervisor → log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vocabulary::LogLevel;

use crate::wire::ChannelMessage;

/// The longest event text, in octets.
pub const MOST_EVENT: usize = 4096;
/// The most fields of a line.
pub const MOST_FIELDS: usize = 16;
/// The longest text of a field, in octets.
pub const MOST_VALUE: usize = 1024;
/// The longest name of a field, in octets.
const MOST_NAME: usize = 32;

/// A line of the log. The log role decides its format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it happened, in seconds since 1970, UTC.
    pub time: u64,
    /// Its level.
    pub level: LogLevel,
    /// The number of lines that the sender has dropped since its last one.
    pub lost: u32,
    /// What happened, in words: `login ok`.
    pub event: String,
    /// Its fields, in the order of the log.
    pub fields: Vec<LogField>,
}

/// `name=value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogField {
    /// Lower-case letters, digits and `_`.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: LogValue,
}

/// The value of a [`LogField`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogValue {
    /// Our own text.
    Text(String),
    /// Text of a client, escaped to printable ASCII without `<` and `>`. The log puts it between those.
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

/// An order of the supervisor to the log role. The end of the channel means: write the lines in the queue,
/// then exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLog {
    /// Close and reopen the log file, because it was renamed.
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
