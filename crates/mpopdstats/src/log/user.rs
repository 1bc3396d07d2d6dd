//! The lines of a user's own log.
//!
//! They are `DATE CONNECTION OPENED`, `RETRieved<TAB>OCTETS<TAB>DATE` and `DATE CONNECTION CLOSED reason`; at
//! level 2, commands and replies between them. DATE is in RFC 3339 format, or in that of ctime(3) in logs of
//! the original mpopd.

use crate::moment::Moment;
use crate::tally::LogEvent;

/// What a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserLogLine {
    Event(LogEvent, Option<Moment>),
    /// A command, or something else that does not count.
    Nothing,
    /// A line that should count, but is damaged.
    Torn,
}

/// Parses a line.
pub(crate) fn read(line: &str) -> UserLogLine {
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("RETRieved\t") {
        let mut parts = rest.splitn(2, '\t');
        let octets = parts.next().and_then(|octets| octets.parse().ok());
        let when = parts.next().and_then(Moment::parse);
        return match (octets, when) {
            (Some(octets), Some(when)) => {
                UserLogLine::Event(LogEvent::Sent { messages: 1, octets }, Some(when))
            }
            _ => UserLogLine::Torn,
        };
    }
    // A lone RETR is not taken for a torn line, because the original mpopd wrote commands without a date.
    if line.len() > "RETR".len() && "RETRieved".starts_with(line) {
        return UserLogLine::Torn;
    }
    let Some((date, what)) = line.split_once("CONNECTION ") else { return UserLogLine::Nothing };
    let Some(when) = Moment::parse(date.trim_end()) else { return UserLogLine::Nothing };
    match what.split(' ').next() {
        Some("OPENED") => UserLogLine::Event(LogEvent::Connected, Some(when)),
        Some("CLOSED") => UserLogLine::Event(LogEvent::Ended, Some(when)),
        _ => UserLogLine::Torn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Moment> {
        Moment::parse(text)
    }

    #[test]
    fn the_three_lines_are_read_in_both_forms() {
        let (new, old) = ("2026-11-03T10:00:00Z", "Tue Nov  3 10:00:00 2026");
        for date in [new, old] {
            assert_eq!(
                read(&format!("{date} CONNECTION OPENED")),
                UserLogLine::Event(LogEvent::Connected, at(new))
            );
            assert_eq!(
                read(&format!("{date}\tCONNECTION OPENED")),
                UserLogLine::Event(LogEvent::Connected, at(new))
            );
            let sent = LogEvent::Sent { messages: 1, octets: 512 };
            assert_eq!(read(&format!("RETRieved\t512\t{date}")), UserLogLine::Event(sent, at(new)));
            assert_eq!(
                read(&format!("{date} CONNECTION CLOSED quit")),
                UserLogLine::Event(LogEvent::Ended, at(new))
            );
        }
    }

    #[test]
    fn torn_lines_are_told_from_those_that_say_nothing() {
        for torn in [
            "RETRieved\t",
            "RETRieved\t12",
            "RETRieved\tx\t2026-11-03T10:00:00Z",
            "RETRie",
            "RETRieved\t5\t2026-1",
            "2026-11-03T10:00:00Z CONNECTION OP",
        ] {
            assert_eq!(read(torn), UserLogLine::Torn, "{torn}");
        }
        for nothing in
            ["", "RETR 1", "RETR", "PASS ******", "+OK CONNECTION OPENED", "2026-11-03T10:00:00Z RETR 1"]
        {
            assert_eq!(read(nothing), UserLogLine::Nothing, "{nothing}");
        }
    }
}
