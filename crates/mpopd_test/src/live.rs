//! The line that shows a run as it goes, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::measure::{Measures, Point};
use crate::plan::{Output, Plan};

/// The live line, on standard error; nothing when that is no terminal.
#[derive(Debug)]
pub(crate) struct Live {
    line: ProgressBar,
    classic: bool,
}

impl Live {
    pub(crate) fn new(plan: &Plan) -> Self {
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            line.set_style(style);
        }
        Self { line, classic: matches!(plan.output, Output::Classic) }
    }

    /// Shows the newest stretch of the run and its sums.
    pub(crate) fn show(&self, point: &Point, measures: &Measures) {
        if self.line.is_hidden() {
            return;
        }
        self.line.set_message(match self.classic {
            true => format!("{} connects, {} failed", measures.sessions, measures.failed),
            false => line(point, measures.failed),
        });
    }

    /// Shows a sentence.
    pub(crate) fn say(&self, text: &str) {
        self.line.set_message(text.to_owned());
    }

    /// Takes the line away.
    pub(crate) fn end(self) {
        self.line.finish_and_clear();
    }
}

fn line(point: &Point, failed: u64) -> String {
    let per_second = |count: u64| count as f64 / point.seconds.max(f64::EPSILON);
    let time = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2} ms"));
    format!(
        "{:6.1} s  {:8.0} sessions/s  {:7.1} MB/s  {failed} errors  p50 {}  p99 {}",
        point.end,
        per_second(point.sessions),
        per_second(point.octets) / 1e6,
        time(point.p50),
        time(point.p99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_rates() {
        let point = Point {
            end: 2.0,
            seconds: 0.5,
            sessions: 100,
            failed: 0,
            octets: 5_000_000,
            p50: Some(1.5),
            p99: None,
        };
        assert_eq!(
            line(&point, 3),
            "   2.0 s       200 sessions/s     10.0 MB/s  3 errors  p50 1.50 ms  p99 -"
        );
    }
}
