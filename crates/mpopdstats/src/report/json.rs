//! The report for programs: names may be added, never changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Subject;
use crate::moment::Moment;
use crate::tally::{Figures, Tally, User};

#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    /// Absent in a report of everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(flatten)]
    total: Figures,
    first: Option<Moment>,
    last: Option<Moment>,
    failed_logins: u64,
    lines_left_out: u64,
    /// By date.
    days: BTreeMap<String, Figures>,
    /// Whoever fetched most first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    user: &'a str,
    #[serde(flatten)]
    figures: &'a User,
}

/// One object.
pub(crate) fn text(subject: &Subject, tally: &Tally) -> Result<String, String> {
    let (user, ranked) = match subject {
        Subject::User(name) => (Some(name.as_str()), Vec::new()),
        Subject::Everybody => (None, tally.ranked()),
    };
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        user,
        total: tally.total,
        first: tally.first,
        last: tally.last,
        failed_logins: tally.failed,
        lines_left_out: tally.torn,
        days: tally.days.iter().map(|(day, figures)| (page::date(f64::from(*day)), *figures)).collect(),
        users: ranked.into_iter().map(|(user, figures)| Named { user, figures }).collect(),
    };
    let text = serde_json::to_string_pretty(&report).map_err(|error| format!("--json: {error}"))?;
    Ok(text + "\n")
}
