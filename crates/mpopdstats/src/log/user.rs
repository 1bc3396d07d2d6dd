//! The lines of a user's own log.
//!
//! `DATE CONNECTION OPENED`, `RETRieved<TAB>OCTETS<TAB>DATE`, `DATE CONNECTION CLOSED reason`; at level 2, commands and
//! answers between them. DATE is RFC 3339, or ctime(3)'s in logs of the first mpopd.

use crate::moment::Moment;
use crate::tally::Event;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Event(Event, Option<Moment>),
    /// A command, or anything else that does not count.
    Nothing,
    /// One of the lines above, damaged.
    Torn,
}

/// Reads a line.
pub(crate) fn read(line: &str) -> Said {
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("RETRieved\t") {
        let mut parts = rest.splitn(2, '\t');
        let octets = parts.next().and_then(|octets| octets.parse().ok());
        let when = parts.next().and_then(Moment::parse);
        return match (octets, when) {
            (Some(octets), Some(when)) => Said::Event(Event::Sent { messages: 1, octets }, Some(when)),
            _ => Said::Torn,
        };
    }
    // Whether RETR alone is torn cannot be told: the first mpopd wrote commands without a date.
    if line.len() > "RETR".len() && "RETRieved".starts_with(line) {
        return Said::Torn;
    }
    let Some((date, what)) = line.split_once("CONNECTION ") else { return Said::Nothing };
    let Some(when) = Moment::parse(date.trim_end()) else { return Said::Nothing };
    match what.split(' ').next() {
        Some("OPENED") => Said::Event(Event::Connected, Some(when)),
        Some("CLOSED") => Said::Event(Event::Ended, Some(when)),
        _ => Said::Torn,
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
            assert_eq!(read(&format!("{date} CONNECTION OPENED")), Said::Event(Event::Connected, at(new)));
            assert_eq!(read(&format!("{date}\tCONNECTION OPENED")), Said::Event(Event::Connected, at(new)));
            let sent = Event::Sent { messages: 1, octets: 512 };
            assert_eq!(read(&format!("RETRieved\t512\t{date}")), Said::Event(sent, at(new)));
            assert_eq!(read(&format!("{date} CONNECTION CLOSED quit")), Said::Event(Event::Ended, at(new)));
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
            assert_eq!(read(torn), Said::Torn, "{torn}");
        }
        for nothing in
            ["", "RETR 1", "RETR", "PASS ******", "+OK CONNECTION OPENED", "2026-11-03T10:00:00Z RETR 1"]
        {
            assert_eq!(read(nothing), Said::Nothing, "{nothing}");
        }
    }
}
