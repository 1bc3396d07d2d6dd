//! The report for programs: names may be added, but never changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ReportSubject;
use crate::moment::Moment;
use crate::tally::{LogTally, TrafficFigures, UserFigures};

#[derive(Serialize)]
struct JsonReport<'a> {
    version: &'static str,
    /// Absent in a report on all users.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(flatten)]
    total: TrafficFigures,
    first: Option<Moment>,
    last: Option<Moment>,
    failed_logins: u64,
    lines_left_out: u64,
    /// By date.
    days: BTreeMap<String, TrafficFigures>,
    /// Ordered by bytes fetched, most first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<RankedUser<'a>>,
}

#[derive(Serialize)]
struct RankedUser<'a> {
    user: &'a str,
    #[serde(flatten)]
    figures: &'a UserFigures,
}

/// The report as one JSON object.
///
/// # Errors
///
/// Those of the JSON library, which there should be none of.
pub(crate) fn text(subject: &ReportSubject, tally: &LogTally) -> Result<String, serde_json::Error> {
    let (user, ranked) = match subject {
        ReportSubject::User(name) => (Some(name.as_str()), Vec::new()),
        ReportSubject::Everybody => (None, tally.ranked()),
    };
    let report = JsonReport {
        version: env!("CARGO_PKG_VERSION"),
        user,
        total: tally.total,
        first: tally.first,
        last: tally.last,
        failed_logins: tally.failed,
        lines_left_out: tally.torn,
        days: tally.days.iter().map(|(day, figures)| (page::date(f64::from(*day)), *figures)).collect(),
        users: ranked.into_iter().map(|(user, figures)| RankedUser { user, figures }).collect(),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}
