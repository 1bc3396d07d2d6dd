//! When a message was delivered, as its mailbox says.

use crate::calendar::{MONTHS, WEEKDAYS, days};

/// When a message was delivered, in the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// Seconds since 1970.
    At(i64),
    /// What a local clock showed, in seconds since it showed the beginning of 1970.
    Clock(i64),
}

impl Delivered {
    /// From seconds since 1970.
    pub(crate) fn at(moment: u64) -> Option<Self> {
        const YEAR_9999: i64 = 253_370_764_800;
        i64::try_from(moment).ok().filter(|moment| (1..YEAR_9999).contains(moment)).map(Self::At)
    }
}

/// When a message was delivered according to the start line of an mbox: `From SENDER Mon Nov 23 10:00:00
/// 2026`, perhaps with a time zone before or after the year (asctime(3) and its descendants).
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
}
