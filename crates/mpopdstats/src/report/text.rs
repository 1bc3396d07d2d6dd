//! The report for a terminal.

use std::fmt::Write;

use super::{ReportSubject, grouped, lines, shown};
use crate::moment::Moment;
use crate::tally::LogTally;

/// The figures of a user, or a table of all users.
pub(crate) fn text(subject: &ReportSubject, tally: &LogTally) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = match subject {
        ReportSubject::User(name) => one(&mut out, name, tally),
        ReportSubject::Everybody => everybody(&mut out, tally),
    };
    if tally.torn > 0 {
        let _ = writeln!(
            out,
            "\n{} could not be read and {} left out",
            lines(tally.torn),
            if tally.torn == 1 { "was" } else { "were" }
        );
    }
    out
}

fn one(out: &mut String, name: &str, tally: &LogTally) -> std::fmt::Result {
    writeln!(out, "mpopd statistics of {}\n", shown(name))?;
    for (what, value) in [
        ("First", date(tally.first)),
        ("Last", date(tally.last)),
        ("Total connects", grouped(tally.total.connects)),
        ("Messages sent", grouped(tally.total.messages)),
        ("Total bytes sent", grouped(tally.total.bytes)),
    ] {
        writeln!(out, "{what:<18} {value}")?;
    }
    Ok(())
}

fn everybody(out: &mut String, tally: &LogTally) -> std::fmt::Result {
    let ranked = tally.ranked();
    let width = ranked.iter().map(|(name, _)| shown(name).chars().count()).max().unwrap_or(0).clamp(5, 40);
    writeln!(
        out,
        "{:<width$} {:>10} {:>12} {:>18}  {:<20}  {:<20}",
        "user", "connects", "messages", "bytes", "first", "last"
    )?;
    for (name, user) in ranked {
        let figures = user.figures;
        let line = format!(
            "{:<width$} {:>10} {:>12} {:>18}  {:<20}  {:<20}",
            shown(name),
            grouped(figures.connects),
            grouped(figures.messages),
            grouped(figures.bytes),
            date(user.first),
            date(user.last),
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    let total = tally.total;
    writeln!(
        out,
        "{:<width$} {:>10} {:>12} {:>18}",
        "all",
        grouped(total.connects),
        grouped(total.messages),
        grouped(total.bytes)
    )?;
    if tally.failed > 0 {
        writeln!(out, "\nfailed logins: {}", grouped(tally.failed))?;
    }
    if tally.crowded {
        writeln!(out, "there are more users than can be listed; the others count only in the last line")?;
    }
    Ok(())
}

fn date(moment: Option<Moment>) -> String {
    moment.map_or_else(|| "-".to_owned(), |moment| moment.to_string())
}
