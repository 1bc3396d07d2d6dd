//! The line that shows the progress of a run on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::measure::{Measures, TimelinePoint};
use crate::numbers::float;
use crate::plan::{LoadPlan, ReportOutput};

/// The live line, on standard error; hidden when that is not a terminal.
#[derive(Debug)]
pub(crate) struct LiveLine {
    line: ProgressBar,
    classic: bool,
}

impl LiveLine {
    pub(crate) fn new(plan: &LoadPlan) -> Self {
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            line.set_style(style);
        }
        Self { line, classic: matches!(plan.output, ReportOutput::Classic) }
    }

    /// Shows the latest section of the run and the totals.
    pub(crate) fn show(&self, point: &TimelinePoint, measures: &Measures) {
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

fn line(point: &TimelinePoint, failed: u64) -> String {
    let per_second = |count: u64| float(count) / point.seconds.max(f64::EPSILON);
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
        let point = TimelinePoint {
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
