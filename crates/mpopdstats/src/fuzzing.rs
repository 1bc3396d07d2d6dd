//! What the fuzz target `stats` of /fuzz calls (feature `fuzzing`). It is not part of the program.

use std::fs::File;
use std::io;

use crate::cli;
use crate::report::{self, ReportSubject};
use crate::tally::LogTally;

/// The report on a user's own log, or on the central one if there is no user: as text, as JSON, as a page.
///
/// # Errors
/// What read(2) says.
pub fn told(log: File, user: Option<&str>) -> io::Result<[String; 3]> {
    let mut tally = LogTally::default();
    match user {
        Some(user) => cli::count_user(&mut tally, user, log)?,
        None => cli::count_central(&mut tally, log)?,
    };
    let subject = user.map_or(ReportSubject::Everybody, |user| ReportSubject::User(user.to_owned()));
    let json = report::json::text(&subject, &tally).map_err(io::Error::other)?;
    Ok([report::text::text(&subject, &tally), json, report::html::page(&subject, &tally)])
}
