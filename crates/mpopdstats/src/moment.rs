//! Points in time, as logs write them.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// The beginning of the year 10000, which RFC 3339 cannot express.
const YEAR_10000: u64 = 253_402_300_800;

/// A point in time, in seconds since 1970 in UTC; not beyond the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Parses RFC 3339, with or without a fraction, in UTC or with an offset; or the format of ctime(3),
    /// which the logs of the original mpopd have. That has no time zone and is taken for UTC.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let moment =
            if text.starts_with(|c: char| c.is_ascii_digit()) { rfc_3339(text) } else { ctime(text) };
        moment.filter(|moment| moment.0 < YEAR_10000)
    }

    /// The day, counted from 1970-01-01.
    pub(crate) fn day(self) -> u32 {
        u32::try_from(self.0 / 86_400).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.0)).fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

fn rfc_3339(text: &str) -> Option<Moment> {
    let (local, east) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let at = text.len().checked_sub("+00:00".len())?;
            let (local, offset) = text.split_at_checked(at)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            match offset.chars().next()? {
                '+' => (local, minutes),
                '-' => (local, -minutes),
                _ => return None,
            }
        }
    };
    let local = local.split_once('.').map_or(local, |(seconds, _)| seconds);
    let local = seconds(&format!("{local}Z"))?;
    local.checked_add_signed(-east * 60).map(Moment)
}

fn ctime(text: &str) -> Option<Moment> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_ascii_whitespace().take(6).collect();
    let [_, month, day, time, year] = words.as_slice() else { return None };
    let month = 1 + MONTHS.iter().position(|name| name == month)?;
    seconds(&format!("{year}-{month:02}-{day:0>2}T{time}Z")).map(Moment)
}

fn seconds(utc: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(utc).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Moment::parse(text).map(|moment| moment.to_string())
    }

    #[test]
    fn every_form_is_the_same_moment() {
        for text in [
            "2026-11-03T10:00:00Z",
            "2026-11-03T10:00:00.123456Z",
            "2026-11-03T11:30:00+01:30",
            "2026-11-03T09:00:00.5-01:00",
            "Tue Nov  3 10:00:00 2026",
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-11-03T10:00:00Z"), "{text}");
        }
        assert_eq!(Moment::parse("1970-01-02T00:00:00Z").map(Moment::day), Some(1));
        assert_eq!(read("9999-12-31T23:59:59Z").as_deref(), Some("9999-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2026",
            "2026-11-03",
            "2026-13-03T10:00:00Z",
            "Tue Nov 3 10:00 2026",
            "é",
            "1969-01-01T00:00:00Z",
            // It has five digits for the year elsewhere.
            "9999-12-31T23:59:59-00:01",
            "9é:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
