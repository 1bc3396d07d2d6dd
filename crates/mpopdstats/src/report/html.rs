//! The page of `--html`: one file, nothing fetched, no script.

use page::{Axis, Page, Plot, PlotLine, Tile};

use super::{ReportSubject, grouped, lines};
use crate::tally::{LogTally, TrafficFigures};

/// More users than these do not fit on a page.
const USERS: usize = 100;
/// More points than these in a plot cannot be told apart.
const POINTS: usize = 400;

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
        tiles.insert(0, tile(tally.users.len() as u64, "users"));
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
        ("Connects a day", "connects", line("connects", 1, |figures| figures.connects as f64)),
        ("Messages a day", "messages", line("messages", 2, |figures| figures.messages as f64)),
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
        page.text(&format!("{} more users are not shown.", grouped((ranked.len() - USERS) as u64)));
    }
}

/// The days from the first to the last, those without a line in the logs too; of very many, several are one point that
/// has their mean.
fn evened(tally: &LogTally) -> Vec<(f64, TrafficFigures)> {
    let (Some((first, _)), Some((last, _))) = (tally.days.first_key_value(), tally.days.last_key_value())
    else {
        return Vec::new();
    };
    let length = (last - first) / POINTS as u32 + 1;
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

fn megabytes(figures: TrafficFigures) -> f64 {
    figures.bytes as f64 / 1e6
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
        assert!(evened(&tally).len() <= POINTS + 1);
        assert!(!page(&ReportSubject::Everybody, &tally).contains("NaN"));
    }

    #[test]
    fn a_name_is_no_markup() {
        let mut tally = LogTally::default();
        tally.count("<b>", LogEvent::Connected, None);
        assert!(!page(&ReportSubject::Everybody, &tally).contains("<td><b>"));
    }
}
