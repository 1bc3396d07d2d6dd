//! The Received: line before the messages of certain users (settings `addreceived`, `receivedfrom`,
//! `timezone`).
//!
//! The line says nothing about the session, so a message has the same octets in every session: the time is
//! that of the delivery, according to the mailbox. The message's UIDL does not depend on the line.

use crate::calendar::{MONTHS, WEEKDAYS, civil};
use crate::delivered::Delivered;
use crate::error::{CommitError, FetchError};
use crate::maildrop::{ListedMessage, Maildrop, MaildropUpdate, StoredMessage};
use crate::widths::{to_u64, to_usize};

/// What the lines say besides user and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedHeader {
    /// The host that the mail is said to come from.
    pub from: String,
    /// This host.
    pub by: String,
    /// The time zone, in minutes east of UTC; `None` for this machine's.
    pub zone: Option<i16>,
}

/// A maildrop with a line before each message.
pub(crate) struct WithReceived {
    inner: Box<dyn Maildrop>,
    /// The beginning of the lines, which is the same for all.
    line: String,
    /// When each message was delivered, if that is known. It is looked up once, because the line must not
    /// change during a session.
    times: Vec<Option<Delivered>>,
    zone: Option<i16>,
}

impl WithReceived {
    pub(crate) fn new(inner: Box<dyn Maildrop>, received: &ReceivedHeader, user: &str) -> Self {
        let ReceivedHeader { from, by, zone } = received;
        let recipient = match address(user, from) {
            Some(address) => format!(" for <{address}>"),
            None => String::new(),
        };
        let line = format!("Received: from {from} by {by} (mpopd){recipient}");
        let times = (1..=inner.count()).map(|number| inner.delivered(number)).collect();
        Self { inner, line, times, zone: *zone }
    }

    /// The line before message `number`.
    fn line(&self, number: u32) -> String {
        match self.delivered(number) {
            Some(time) => format!("{};\r\n\t{}\r\n", self.line, shown(time, self.zone)),
            // A wrong time would be worse than none.
            None => format!("{}\r\n", self.line),
        }
    }
}

impl Maildrop for WithReceived {
    fn count(&self) -> u32 {
        self.inner.count()
    }

    fn listing(&self, number: u32) -> Option<ListedMessage> {
        let listing = self.inner.listing(number)?;
        let line = to_u64(self.line(number).len());
        let surrogate = listing.surrogate.map(|octets| octets + line);
        Some(ListedMessage { octets: listing.octets + line, surrogate, ..listing })
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.inner.fingerprint()?);
        hasher.update(self.line.as_bytes());
        Some(*hasher.finalize().as_bytes())
    }

    fn delivered(&self, number: u32) -> Option<Delivered> {
        self.times.get(to_usize(number).checked_sub(1)?).copied().flatten()
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<StoredMessage>, FetchError> {
        let mut bodies = self.inner.fetch(first, window)?;
        for (number, body) in (first..=u32::MAX).zip(&mut bodies) {
            body.prefix.splice(..0, self.line(number).into_bytes());
        }
        Ok(bodies)
    }

    fn marks_read(&self) -> bool {
        self.inner.marks_read()
    }

    fn commit(self: Box<Self>, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        self.inner.commit(update)
    }
}

/// The user as an address, if it can be written without quoting.
fn address(user: &str, host: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@".contains(c);
    (!user.is_empty() && user.chars().all(plain)).then(|| match user.contains('@') {
        true => user.to_owned(),
        false => format!("{user}@{host}"),
    })
}

/// A time in the form of RFC 5322, section 3.3. The length is the same for all years from 1 to 9999.
fn shown(time: Delivered, zone: Option<i16>) -> String {
    let fixed = zone.map(|minutes| i64::from(minutes) * 60);
    let machine = |moment| i64::from(sys::clock::utc_offset(moment)) / 60 * 60;
    let (clock, east) = match time {
        Delivered::At(moment) => {
            let east = fixed.unwrap_or_else(|| machine(moment));
            (moment.saturating_add(east), east)
        }
        // When clocks are set back, one local time occurs twice. Nobody knows which of the two it was.
        Delivered::Clock(clock) => {
            (clock, fixed.unwrap_or_else(|| machine(clock.saturating_sub(machine(clock)))))
        }
    };
    let (days, seconds) = (clock.div_euclid(86_400), clock.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday = usize::try_from((days + 4).rem_euclid(7)).ok().and_then(|day| WEEKDAYS.get(day));
    let weekday = weekday.unwrap_or(&"");
    let month = MONTHS.get(month).unwrap_or(&"");
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let (sign, east) = (if east < 0 { '-' } else { '+' }, east.abs() / 60);
    format!(
        "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}",
        east / 60,
        east % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_where_they_are_asked_for() {
        let moment = 20_780 * 86_400 + 10 * 3600;
        for (time, zone, expected) in [
            (Delivered::At(moment), 0, "Mon, 23 Nov 2026 10:00:00 +0000"),
            (Delivered::At(moment), 90, "Mon, 23 Nov 2026 11:30:00 +0130"),
            (Delivered::At(moment), -660, "Sun, 22 Nov 2026 23:00:00 -1100"),
            (Delivered::Clock(moment), -660, "Mon, 23 Nov 2026 10:00:00 -1100"),
            (Delivered::At(0), 0, "Thu, 01 Jan 1970 00:00:00 +0000"),
        ] {
            assert_eq!(shown(time, Some(zone)), expected);
            assert_eq!(shown(time, None).len(), expected.len());
        }
    }

    #[test]
    fn users_become_addresses_where_that_is_plain() {
        assert_eq!(address("alice", "h").as_deref(), Some("alice@h"));
        assert_eq!(address("alice@example.org", "h").as_deref(), Some("alice@example.org"));
        for user in ["", "a b", "a>b", "a\r\nX: y", "é"] {
            assert_eq!(address(user, "h"), None, "{user:?}");
        }
    }
}
