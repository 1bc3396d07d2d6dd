//! The page of `--html`: one file, nothing fetched, no script.

use std::fmt::Write;

use super::Summary;
use super::plot::{Axis, Line, Plot};
use crate::measure::{Phase, Point};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1a1f26; --soft: #5b6672; --grid: #e3e7ec; --page: #ffffff; --card: #f6f8fa;
  --c0: #2563c9; --c1: #c2410c; --c2: #0f7b6c; --c3: #8b3fb0; --c4: #a16207; --c5: #be185d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --grid: #2d343d; --page: #14181d; --card: #1c2229;
  --c0: #6ea3f7; --c1: #f0894f; --c2: #3fbfa9; --c3: #c58ae6; --c4: #d9a62e; --c5: #f27bb0; --bad: #f87171; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 900px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; } p { margin: .3rem 0; color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0; }
.tile { background: var(--card); border-radius: 8px; padding: .6rem 1rem; min-width: 7rem; }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: .85rem; }
.bad b { color: var(--bad); }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--soft); } .end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--grid); } .tick { stroke: var(--soft); } polyline { fill: none; stroke-width: 2; stroke-linejoin: round; } circle { fill-opacity: 0; }
circle:hover { fill-opacity: 1; }
polyline.c0 { stroke: var(--c0); } polyline.c1 { stroke: var(--c1); } polyline.c2 { stroke: var(--c2); } polyline.c3 { stroke: var(--c3); }
polyline.c4 { stroke: var(--c4); } polyline.c5 { stroke: var(--c5); }
svg .c0 { fill: var(--c0); } svg .c1 { fill: var(--c1); } svg .c2 { fill: var(--c2); } svg .c3 { fill: var(--c3); } svg .c4 { fill: var(--c4); } svg .c5 { fill: var(--c5); }
svg polyline { fill: none !important; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--grid); }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; padding-left: 0; }
pre { background: var(--card); padding: .8rem; border-radius: 8px; overflow-x: auto; font-size: 13px; }
";
/// More points than this in a plot over time cannot be told apart.
const POINTS: usize = 240;
/// Phases whose distribution is plotted; the table has all.
const PLOTTED: [Phase; 6] =
    [Phase::Session, Phase::Connect, Phase::Login, Phase::Retr, Phase::List, Phase::Quit];

/// The run as a page.
pub(super) fn page(summary: &Summary) -> String {
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // Writing to a String cannot fail.
    let _ =
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width\">\n<title>mpopd_test</title>");
    let _ = writeln!(out, "<style>{STYLE}</style>\n</head>\n<body>");
    let _ = writeln!(out, "<h1>mpopd_test</h1>\n<p>{}</p>", escape(&summary.title()));
    for line in [summary.drain_line(), summary.server_line().map(|line| format!("server: {line}"))]
        .into_iter()
        .flatten()
    {
        let _ = writeln!(out, "<p>{}</p>", escape(&line));
    }
    tiles(&mut out, summary);
    let timeline = thinned(&summary.timeline);
    if timeline.len() > 1 {
        over_time(&mut out, summary, &timeline);
    }
    distribution(&mut out, summary);
    table(&mut out, summary);
    faults(&mut out, summary);
    let _ = writeln!(
        out,
        "<p>mpopd_test {}; it used {:.2} s of CPU itself.</p>",
        summary.version, summary.own_cpu_seconds
    );
    out.push_str("</body>\n</html>\n");
    out
}

fn tiles(out: &mut String, summary: &Summary) {
    let session = summary.latency.iter().find(|latency| latency.phase == Phase::Session);
    let time = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2} ms"));
    let bad = if summary.failed > 0 { " bad" } else { "" };
    out.push_str("<div class=\"tiles\">\n");
    for (class, value, name) in [
        ("", format!("{:.0}", summary.sessions_per_second), "sessions a second"),
        ("", format!("{:.0}", summary.messages_per_second), "messages a second"),
        ("", format!("{:.1}", summary.megabytes_per_second), "MB a second"),
        ("", time(session.map(|session| session.p50)), "session, p50"),
        ("", time(session.map(|session| session.p99)), "session, p99"),
        ("", format!("{}", summary.sessions), "sessions"),
        (bad, format!("{}", summary.failed), "failed"),
    ] {
        let _ = writeln!(out, "<div class=\"tile{class}\"><b>{value}</b><span>{name}</span></div>");
    }
    out.push_str("</div>\n");
}

fn over_time(out: &mut String, summary: &Summary, timeline: &[Point]) {
    let rate = |count: fn(&Point) -> f64| {
        timeline.iter().map(|point| (point.end, count(point) / point.seconds)).collect()
    };
    let mut sessions =
        vec![Line { name: "sessions", colour: 0, points: rate(|point| point.sessions as f64) }];
    if summary.failed > 0 {
        sessions.push(Line { name: "failed", colour: 1, points: rate(|point| point.failed as f64) });
    }
    plot(
        out,
        "Sessions a second",
        Plot { x: Axis::Time, y: Axis::Linear, unit: "sessions/s", lines: sessions },
    );
    if summary.messages > 0 {
        let lines =
            vec![Line { name: "received", colour: 2, points: rate(|point| point.octets as f64 / 1e6) }];
        plot(out, "MB a second", Plot { x: Axis::Time, y: Axis::Linear, unit: "MB/s", lines });
    }
    let times = |time: fn(&Point) -> Option<f64>| {
        timeline.iter().filter_map(|point| Some((point.end, time(point)?))).collect()
    };
    let lines = vec![
        Line { name: "p99", colour: 1, points: times(|point| point.p99) },
        Line { name: "p50", colour: 0, points: times(|point| point.p50) },
    ];
    plot(out, "Time of a session, ms", Plot { x: Axis::Time, y: Axis::Log, unit: "ms", lines });
}

fn distribution(out: &mut String, summary: &Summary) {
    let latency = |phase| summary.latency.iter().find(|latency| latency.phase == phase);
    // RETR is counted more often than sessions, so it could be told further out; lines that end together compare better.
    let last =
        latency(Phase::Session).and_then(|session| session.curve.last()).map_or(100.0, |point| point.0);
    let lines = PLOTTED.into_iter().enumerate().filter_map(|(colour, phase)| {
        let points = latency(phase)?.curve.iter().copied().filter(|point| point.0 <= last).collect();
        Some(Line { name: phase.name(), colour, points })
    });
    let lines: Vec<_> = lines.collect();
    if !lines.is_empty() {
        plot(out, "Times by percentile, ms", Plot { x: Axis::Percentile, y: Axis::Log, unit: "ms", lines });
    }
}

fn plot(out: &mut String, title: &str, plot: Plot<'_>) {
    let _ = writeln!(out, "<h2>{title}</h2>\n{}", plot.svg());
}

fn table(out: &mut String, summary: &Summary) {
    if summary.latency.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Times, ms</h2>\n<table>\n<tr><th></th><th>count</th><th>min</th><th>mean</th><th>p50</th>",
    );
    out.push_str("<th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n");
    for latency in &summary.latency {
        let _ = write!(out, "<tr><td>{}</td><td>{}</td>", latency.phase.name(), latency.count);
        for time in
            [latency.min, latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.max]
        {
            let _ = write!(out, "<td>{time:.3}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn faults(out: &mut String, summary: &Summary) {
    for (kind, faults) in &summary.faults {
        let _ =
            writeln!(out, "<h2>{kind}: {}</h2>\n<p>The first: {}</p>", faults.count, escape(&faults.sample));
        let _ = writeln!(out, "<pre>{}</pre>", escape(&faults.transcript));
    }
}

/// At most [`POINTS`] points, and no last one that is too short to have a rate.
fn thinned(timeline: &[Point]) -> Vec<Point> {
    let usual = timeline.first().map_or(0.0, |point| point.seconds);
    let timeline = match timeline.split_last() {
        Some((last, before)) if last.seconds < usual / 2.0 => before,
        _ => timeline,
    };
    timeline.chunks(timeline.len().div_ceil(POINTS).max(1)).map(joined).collect()
}

/// Several points as one: counts are summed, and of the times it has the worst.
fn joined(points: &[Point]) -> Point {
    let worst = |time: fn(&Point) -> Option<f64>| points.iter().filter_map(time).reduce(f64::max);
    Point {
        end: points.last().map_or(0.0, |point| point.end),
        seconds: points.iter().map(|point| point.seconds).sum(),
        sessions: points.iter().map(|point| point.sessions).sum(),
        failed: points.iter().map(|point| point.failed).sum(),
        octets: points.iter().map(|point| point.octets).sum(),
        p50: worst(|point| point.p50),
        p99: worst(|point| point.p99),
    }
}

/// What a server sent must not become part of the page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(end: f64, sessions: u64) -> Point {
        Point { end, seconds: 1.0, sessions, failed: 0, octets: 10, p50: Some(end), p99: None }
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
        let last = Point { seconds: 0.01, ..point(2.01, 1) };
        assert_eq!(thinned(&[point(1.0, 1), point(2.0, 1), last]).len(), 2);
        assert_eq!(thinned(&[]).len(), 0);
    }

    #[test]
    fn text_of_the_server_is_no_markup() {
        assert_eq!(escape("-ERR <script> & \"x\""), "-ERR &lt;script&gt; &amp; &quot;x&quot;");
    }
}
