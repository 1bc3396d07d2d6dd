//! The Received: line that is put before the messages of chosen users (settings `addreceived`, `receivedfrom`, `timezone`).
//!
//! It says nothing of the session, so a message has the same octets in every session: its time is that of the delivery, as the mailbox
//! tells it. The message's UIDL does not depend on it.

use crate::maildrop::{Body, Listing, Maildrop, Update};
use crate::{CommitError, FetchError};

/// What the lines say besides user and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The host that the mail is said to come from.
    pub from: String,
    /// This host.
    pub by: String,
    /// The time zone, in minutes east of UTC; `None` for this machine's.
    pub zone: Option<i16>,
}

/// When a message was delivered; not before the year 1 and not after 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// Seconds since 1970.
    At(i64),
    /// What a clock at the place showed, in seconds since it showed the beginning of 1970.
    Clock(i64),
}

/// A maildrop, with a line before each message.
pub(crate) struct WithReceived {
    inner: Box<dyn Maildrop>,
    /// The lines' beginning, which is the same for all.
    line: String,
    /// When each message was delivered, if that is known. Looked up once: the line must not change during a session.
    times: Vec<Option<Delivered>>,
    zone: Option<i16>,
}

impl Delivered {
    /// From seconds since 1970.
    pub(crate) fn at(moment: u64) -> Option<Delivered> {
        const YEAR_9999: u64 = 253_370_764_800;
        (1..YEAR_9999).contains(&moment).then_some(Delivered::At(moment as i64))
    }
}

impl WithReceived {
    pub(crate) fn new(inner: Box<dyn Maildrop>, received: &Received, user: &str) -> WithReceived {
        let Received { from, by, zone } = received;
        let recipient = match address(user, from) {
            Some(address) => format!(" for <{address}>"),
            None => String::new(),
        };
        let line = format!("Received: from {from} by {by} (mpopd){recipient}");
        let times = (1..=inner.count()).map(|number| inner.delivered(number)).collect();
        WithReceived { inner, line, times, zone: *zone }
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

    fn listing(&self, number: u32) -> Option<Listing> {
        let listing = self.inner.listing(number)?;
        let line = self.line(number).len() as u64;
        let surrogate = listing.surrogate.map(|octets| octets + line);
        Some(Listing { octets: listing.octets + line, surrogate, ..listing })
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.inner.fingerprint()?);
        hasher.update(self.line.as_bytes());
        Some(*hasher.finalize().as_bytes())
    }

    fn delivered(&self, number: u32) -> Option<Delivered> {
        self.times.get((number as usize).checked_sub(1)?).copied().flatten()
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<Body>, FetchError> {
        let mut bodies = self.inner.fetch(first, window)?;
        for (number, body) in (first..=u32::MAX).zip(&mut bodies) {
            body.prefix.splice(..0, self.line(number).into_bytes());
        }
        Ok(bodies)
    }

    fn marks_read(&self) -> bool {
        self.inner.marks_read()
    }

    fn commit(self: Box<Self>, update: Update<'_>) -> Result<(), CommitError> {
        self.inner.commit(update)
    }
}

/// The user as an address, where that can be written without quoting.
fn address(user: &str, host: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@".contains(c);
    (!user.is_empty() && user.chars().all(plain)).then(|| match user.contains('@') {
        true => user.to_owned(),
        false => format!("{user}@{host}"),
    })
}

/// A time in the form of RFC 5322, section 3.3, always of the same length from the year 1 to the year 9999.
fn shown(time: Delivered, zone: Option<i16>) -> String {
    let fixed = zone.map(|minutes| i64::from(minutes) * 60);
    let machine = |moment| i64::from(sys::clock::utc_offset(moment)) / 60 * 60;
    let (clock, east) = match time {
        Delivered::At(moment) => {
            let east = fixed.unwrap_or_else(|| machine(moment));
            (moment.saturating_add(east), east)
        }
        // Where clocks were set back, one time was shown twice; which of them it was nobody knows.
        Delivered::Clock(clock) => {
            (clock, fixed.unwrap_or_else(|| machine(clock.saturating_sub(machine(clock)))))
        }
    };
    let (days, seconds) = (clock.div_euclid(86_400), clock.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday = WEEKDAYS.get((days + 4).rem_euclid(7) as usize).unwrap_or(&"");
    let month = MONTHS.get(month).unwrap_or(&"");
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let (sign, east) = (if east < 0 { '-' } else { '+' }, east.abs() / 60);
    format!(
        "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}",
        east / 60,
        east % 60
    )
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1970 of a date in the Gregorian calendar; months count from 0.
fn days(year: i64, month: usize, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let year = if month < 2 { year - 1 } else { year };
    let march = (month as i64 + 10) % 12;
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + (153 * march + 2) / 5 + day - 1 - 719_468
}

/// Year, month from 0, and day of the month.
fn civil(since_1970: i64) -> (i64, usize, i64) {
    // A year that is not too late: no year has more than 366 days, nor less than 365.
    let guess = 1970 + since_1970.div_euclid(if since_1970 < 0 { 365 } else { 366 });
    let year = (guess..).take_while(|&year| days(year, 0, 1) <= since_1970).last().unwrap_or(guess);
    let month = (0..12).rev().find(|&month| days(year, month, 1) <= since_1970).unwrap_or(0);
    (year, month, since_1970 - days(year, month, 1) + 1)
}

/// When the start line of an mbox says that its message was delivered: `From SENDER Mon Nov 23 10:00:00 2026`, with a time zone before
/// or after the year if it is there (asctime(3) and its descendants).
pub(crate) fn of_start_line(line: &[u8]) -> Option<Delivered> {
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let at = (1..words.len()).find(|&at| {
        let month = words.get(at + 1);
        WEEKDAYS.contains(&words[at]) && month.is_some_and(|month| MONTHS.contains(month))
    })?;
    let [month, day, time, rest @ ..] = words.get(at + 1..)? else { return None };
    let month = MONTHS.iter().position(|name| name == month)?;
    let day: i64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let mut parts = time.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some()
        || !(0..24).contains(&hour)
        || !(0..60).contains(&minute)
        || !(0..61).contains(&second)
    {
        return None;
    }
    let year = rest.iter().take(2).find_map(|word| word.parse::<i64>().ok().filter(|_| word.len() == 4))?;
    if !(1900..=9999).contains(&year) {
        return None;
    }
    let clock = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let zone = rest.iter().take(2).find_map(|word| zone(word));
    Some(match zone {
        Some(minutes) => Delivered::At(clock - i64::from(minutes) * 60),
        None => Delivered::Clock(clock),
    })
}

/// `+0100` as minutes east of UTC.
fn zone(word: &str) -> Option<i16> {
    if matches!(word, "GMT" | "UTC") {
        return Some(0);
    }
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number: i16 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 60 + number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_inverse() {
        for (date, since_1970) in [
            ((1970, 0, 1), 0),
            ((1969, 11, 31), -1),
            ((2000, 1, 29), 11_016),
            ((2026, 10, 23), 20_780),
            ((9999, 11, 31), 2_932_896),
        ] {
            assert_eq!(days(date.0, date.1, date.2), since_1970);
            assert_eq!(civil(since_1970), date);
        }
        for day in (-30_000..60_000).step_by(13) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn start_lines_tell_when() {
        let clock = 20_780 * 86_400 + 10 * 3600;
        for (line, expected) in [
            ("From a@b Mon Nov 23 10:00:00 2026", Some(Delivered::Clock(clock))),
            ("From a@b  Mon Nov 23 10:00 2026\r\n", Some(Delivered::Clock(clock))),
            ("From Mon Nov 23 10:00:00 2026 +0100", Some(Delivered::At(clock - 3600))),
            ("From a b Mon Nov 23 10:00:00 -0130 2026", Some(Delivered::At(clock + 5400))),
            ("From a Mon Nov 23 10:00:00 GMT 2026 remote from x", Some(Delivered::At(clock))),
            ("From a Mon Nov 23 25:00:00 2026", None),
            ("From a Mon Nov 23 10:00:00", None),
            ("From a Nov 23 10:00:00 2026", None),
            ("From a Mon Nov 99 10:00:00 2026", None),
            ("From a Mon Nov 23 10:00:00 99999999999999999999", None),
            ("From ", None),
            ("", None),
        ] {
            assert_eq!(of_start_line(line.as_bytes()), expected, "{line}");
        }
        assert_eq!(of_start_line(b"From \xff Mon Nov 23 10:00:00 2026"), None);
    }

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
