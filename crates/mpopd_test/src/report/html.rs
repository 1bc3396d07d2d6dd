//! The page of `--html`: one file without scripts that fetches nothing.

use page::{Axis, Page, Plot, PlotLine, Tile};

use super::summary::Summary;
use crate::measure::{TimedPhase, TimelinePoint};
use crate::numbers::float;

/// The most points in a plot over time; more could not be told apart.
const POINTS: usize = 240;
/// Phases whose distribution is plotted; the table has all.
const PLOTTED: [TimedPhase; 6] = [
    TimedPhase::Session,
    TimedPhase::Connect,
    TimedPhase::Login,
    TimedPhase::Retr,
    TimedPhase::List,
    TimedPhase::Quit,
];

/// The run as a page.
pub(super) fn page(summary: &Summary) -> String {
    let mut page = Page::new("mpopd_test");
    page.text(&summary.title());
    for line in [summary.drain_line(), summary.server_line().map(|line| format!("server: {line}"))]
        .into_iter()
        .flatten()
    {
        page.text(&line);
    }
    tiles(&mut page, summary);
    let timeline = thinned(&summary.timeline);
    if timeline.len() > 1 {
        over_time(&mut page, summary, &timeline);
    }
    distribution(&mut page, summary);
    table(&mut page, summary);
    failures(&mut page, summary);
    page.text(&format!(
        "mpopd_test {}; it used {:.2} s of CPU itself.",
        summary.version, summary.own_cpu_seconds
    ));
    page.finish()
}

fn tiles(page: &mut Page, summary: &Summary) {
    let session = summary.latency.iter().find(|latency| latency.phase == TimedPhase::Session);
    let time = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2} ms"));
    let tile = |value, name| Tile { value, name, bad: false };
    page.tiles(&[
        tile(format!("{:.0}", summary.sessions_per_second), "sessions a second"),
        tile(format!("{:.0}", summary.messages_per_second), "messages a second"),
        tile(format!("{:.1}", summary.megabytes_per_second), "MB a second"),
        tile(time(session.map(|session| session.p50)), "session, p50"),
        tile(time(session.map(|session| session.p99)), "session, p99"),
        tile(format!("{}", summary.sessions), "sessions"),
        Tile { bad: summary.failed > 0, ..tile(format!("{}", summary.failed), "failed") },
    ]);
}

fn over_time(page: &mut Page, summary: &Summary, timeline: &[TimelinePoint]) {
    let rate = |count: fn(&TimelinePoint) -> f64| {
        timeline.iter().map(|point| (point.end, count(point) / point.seconds)).collect()
    };
    let mut sessions =
        vec![PlotLine { name: "sessions", colour: 0, points: rate(|point| float(point.sessions)) }];
    if summary.failed > 0 {
        sessions.push(PlotLine { name: "failed", colour: 1, points: rate(|point| float(point.failed)) });
    }
    page.plot(
        "Sessions a second",
        &Plot { x: Axis::Time, y: Axis::Linear, unit: "sessions/s", lines: sessions },
    );
    if summary.messages > 0 {
        let lines =
            vec![PlotLine { name: "received", colour: 2, points: rate(|point| float(point.octets) / 1e6) }];
        page.plot("MB a second", &Plot { x: Axis::Time, y: Axis::Linear, unit: "MB/s", lines });
    }
    let times = |time: fn(&TimelinePoint) -> Option<f64>| {
        timeline.iter().filter_map(|point| Some((point.end, time(point)?))).collect()
    };
    let lines = vec![
        PlotLine { name: "p99", colour: 1, points: times(|point| point.p99) },
        PlotLine { name: "p50", colour: 0, points: times(|point| point.p50) },
    ];
    page.plot("Time of a session, ms", &Plot { x: Axis::Time, y: Axis::Log, unit: "ms", lines });
}

fn distribution(page: &mut Page, summary: &Summary) {
    let latency = |phase| summary.latency.iter().find(|latency| latency.phase == phase);
    // RETR is counted more often than sessions, so its line could go on further; lines that end together
    // compare better.
    let last =
        latency(TimedPhase::Session).and_then(|session| session.curve.last()).map_or(100.0, |point| point.0);
    let lines = PLOTTED.into_iter().enumerate().filter_map(|(colour, phase)| {
        let points = latency(phase)?.curve.iter().copied().filter(|point| point.0 <= last).collect();
        Some(PlotLine { name: phase.name(), colour, points })
    });
    let lines: Vec<_> = lines.collect();
    if !lines.is_empty() {
        page.plot("Times by percentile, ms", &Plot { x: Axis::Percentile, y: Axis::Log, unit: "ms", lines });
    }
}

fn table(page: &mut Page, summary: &Summary) {
    if summary.latency.is_empty() {
        return;
    }
    page.heading("Times, ms");
    let rows = summary.latency.iter().map(|latency| {
        let times =
            [latency.min, latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
        let named = [latency.phase.name().to_owned(), latency.count.to_string()];
        named.into_iter().chain(times.map(|time| format!("{time:.3}"))).collect()
    });
    page.table(&["", "count", "min", "mean", "p50", "p90", "p99", "p99.9", "max"], rows);
}

fn failures(page: &mut Page, summary: &Summary) {
    for (kind, failures) in &summary.failures {
        page.heading(&format!("{kind}: {}", failures.count));
        page.text(&format!("The first: {}", failures.sample));
        page.verbatim(&failures.transcript);
    }
}

/// At most [`POINTS`] points, and without a last one that is too short to have a rate.
fn thinned(timeline: &[TimelinePoint]) -> Vec<TimelinePoint> {
    let usual = timeline.first().map_or(0.0, |point| point.seconds);
    let timeline = match timeline.split_last() {
        Some((last, before)) if last.seconds < usual / 2.0 => before,
        _ => timeline,
    };
    timeline.chunks(timeline.len().div_ceil(POINTS).max(1)).map(joined).collect()
}

/// Several points as one, with the sums of their counts and the worst of their times.
fn joined(points: &[TimelinePoint]) -> TimelinePoint {
    let worst = |time: fn(&TimelinePoint) -> Option<f64>| points.iter().filter_map(time).reduce(f64::max);
    TimelinePoint {
        end: points.last().map_or(0.0, |point| point.end),
        seconds: points.iter().map(|point| point.seconds).sum(),
        sessions: points.iter().map(|point| point.sessions).sum(),
        failed: points.iter().map(|point| point.failed).sum(),
        octets: points.iter().map(|point| point.octets).sum(),
        p50: worst(|point| point.p50),
        p99: worst(|point| point.p99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(end: f64, sessions: u64) -> TimelinePoint {
        TimelinePoint { end, seconds: 1.0, sessions, failed: 0, octets: 10, p50: Some(end), p99: None }
    }

    #[test]
    fn a_long_run_is_thinned_without_losing_a_session() {
        let timeline: Vec<_> = (0..1000).map(|n| point(f64::from(n), 3)).collect();
        let thin = thinned(&timeline);
        assert!(thin.len() <= POINTS);
        assert_eq!(thin.iter().map(|point| point.sessions).sum::<u64>(), 3000);
        assert_eq!((thin[0].p50, thin[0].p99), (Some(4.0), None));
    }

    #[test]
    fn a_last_point_of_a_moment_is_left_out() {
        let last = TimelinePoint { seconds: 0.01, ..point(2.01, 1) };
        assert_eq!(thinned(&[point(1.0, 1), point(2.0, 1), last]).len(), 2);
        assert_eq!(thinned(&[]).len(), 0);
    }
}
