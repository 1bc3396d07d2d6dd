//! The page of `--html`.

use page::{Axis, Page, Plot, PlotLine, Tile};

use super::{ReportSubject, grouped, lines};
use crate::tally::{LogTally, TrafficFigures};

/// The most users on a page.
const USERS: usize = 100;
/// The most points in a plot; more could not be told apart.
const POINTS: u32 = 400;

/// The report as a page.
pub(crate) fn page(subject: &ReportSubject, tally: &LogTally) -> String {
    let mut page = Page::new("mpopdstats");
    if let ReportSubject::User(name) = subject {
        page.text(&format!("User {name}"));
    }
    if let (Some(first), Some(last)) = (tally.first, tally.last) {
        page.text(&format!("From {first} to {last}"));
    }
    tiles(&mut page, subject, tally);
    let days = evened(tally);
    if days.len() > 1 {
        by_day(&mut page, &days);
    }
    if *subject == ReportSubject::Everybody {
        users(&mut page, tally);
    }
    if tally.torn > 0 {
        page.text(&format!("{} of the logs could not be read.", lines(tally.torn)));
    }
    page.text(&format!("mpopdstats {}; days are those of UTC.", env!("CARGO_PKG_VERSION")));
    page.finish()
}

fn tiles(page: &mut Page, subject: &ReportSubject, tally: &LogTally) {
    let tile = |value: u64, name| Tile { value: grouped(value), name, bad: false };
    let mut tiles = vec![
        tile(tally.total.connects, "connects"),
        tile(tally.total.messages, "messages"),
        Tile { value: format!("{:.1}", megabytes(tally.total)), ..tile(0, "MB sent") },
    ];
    if *subject == ReportSubject::Everybody {
        tiles.insert(0, tile(wide(tally.users.len()), "users"));
    }
    if tally.failed > 0 {
        tiles.push(Tile { bad: true, ..tile(tally.failed, "failed logins") });
    }
    page.tiles(&tiles);
}

fn by_day(page: &mut Page, days: &[(f64, TrafficFigures)]) {
    let line = |name, colour, value: fn(&TrafficFigures) -> f64| {
        let points = days.iter().map(|(day, figures)| (*day, value(figures))).collect();
        vec![PlotLine { name, colour, points }]
    };
    for (heading, unit, lines) in [
        ("MB a day", "MB", line("sent", 0, |figures| megabytes(*figures))),
        ("Connects a day", "connects", line("connects", 1, |figures| float(figures.connects))),
        ("Messages a day", "messages", line("messages", 2, |figures| float(figures.messages))),
    ] {
        page.plot(heading, &Plot { x: Axis::Days, y: Axis::Linear, unit, lines });
    }
}

fn users(page: &mut Page, tally: &LogTally) {
    let ranked = tally.ranked();
    page.heading("Users");
    let bars = ranked.iter().take(20).map(|(name, user)| (*name, megabytes(user.figures)));
    page.bars("MB", bars);
    let date = |moment: Option<crate::moment::Moment>| {
        moment.map_or_else(|| "-".to_owned(), |moment| moment.to_string())
    };
    let rows = ranked.iter().take(USERS).map(|(name, user)| {
        let TrafficFigures { connects, messages, bytes } = user.figures;
        vec![
            (*name).to_owned(),
            grouped(connects),
            grouped(messages),
            grouped(bytes),
            date(user.first),
            date(user.last),
        ]
    });
    page.table(&["user", "connects", "messages", "bytes", "first", "last"], rows);
    if ranked.len() > USERS {
        page.text(&format!("{} more users are not shown.", grouped(wide(ranked.len() - USERS))));
    }
}

/// The days from the first to the last, including those without a line in the logs. When there are very many,
/// several days become one point with their mean.
fn evened(tally: &LogTally) -> Vec<(f64, TrafficFigures)> {
    let (Some((first, _)), Some((last, _))) = (tally.days.first_key_value(), tally.days.last_key_value())
    else {
        return Vec::new();
    };
    let length = (last - first) / POINTS + 1;
    let mut points: Vec<(f64, TrafficFigures)> = Vec::new();
    let mut start = *first;
    while start <= *last {
        let end = start.saturating_add(length);
        let mut sum = TrafficFigures::default();
        tally.days.range(start..end).for_each(|(_, figures)| sum += *figures);
        let each = u64::from(length);
        let mean = TrafficFigures {
            connects: sum.connects / each,
            messages: sum.messages / each,
            bytes: sum.bytes / each,
        };
        points.push((f64::from(start), mean));
        start = end;
    }
    points
}

/// A count of things in memory as a 64-bit number, which holds it on every machine that there is.
fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "no plot shows more than 15 digits")]
fn float(count: u64) -> f64 {
    count as f64
}

fn megabytes(figures: TrafficFigures) -> f64 {
    float(figures.bytes) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use crate::tally::LogEvent;

    #[test]
    fn days_without_a_line_are_days_too() {
        let mut tally = LogTally::default();
        for date in ["2026-11-01T00:00:00Z", "2026-11-05T00:00:00Z"] {
            tally.count("a", LogEvent::Connected, Moment::parse(date));
        }
        let connects: Vec<_> = evened(&tally).iter().map(|(_, day)| day.connects).collect();
        assert_eq!(connects, [1, 0, 0, 0, 1]);
    }

    #[test]
    fn years_of_days_fit_in_a_plot() {
        let mut tally = LogTally::default();
        for date in ["1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z"] {
            tally.count("a", LogEvent::Connected, Moment::parse(date));
        }
        assert!(wide(evened(&tally).len()) <= u64::from(POINTS) + 1);
        assert!(!page(&ReportSubject::Everybody, &tally).contains("NaN"));
    }

    #[test]
    fn a_name_is_no_markup() {
        let mut tally = LogTally::default();
        tally.count("<b>", LogEvent::Connected, None);
        assert!(!page(&ReportSubject::Everybody, &tally).contains("<td><b>"));
    }
}
