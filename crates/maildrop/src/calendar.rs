//! The Gregorian calendar: days since 1970 and dates.

pub(crate) const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1970 of a date in the Gregorian calendar; months count from 0.
pub(crate) fn days(year: i64, month: usize, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last day of its year.
    let year = if month < 2 { year - 1 } else { year };
    let march = i64::try_from((month + 10) % 12).unwrap_or(0);
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + (153 * march + 2) / 5 + day - 1 - 719_468
}

/// Year, month from 0, and day of the month.
pub(crate) fn civil(since_1970: i64) -> (i64, usize, i64) {
    // A year that is not too late: every year has 365 or 366 days.
    let guess = 1970 + since_1970.div_euclid(if since_1970 < 0 { 365 } else { 366 });
    let year = (guess..).take_while(|&year| days(year, 0, 1) <= since_1970).last().unwrap_or(guess);
    let month = (0..12).rev().find(|&month| days(year, month, 1) <= since_1970).unwrap_or(0);
    (year, month, since_1970 - days(year, month, 1) + 1)
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
}
