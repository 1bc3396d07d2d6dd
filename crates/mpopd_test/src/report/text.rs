//! The summary for a terminal.

use std::fmt::{self, Write};

use super::summary::Summary;
use crate::plan::Pace;

/// The two lines of the original mpopd_test: successful connects, and seconds. Failures come before them.
pub(crate) fn classic(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = failures(&mut out, summary);
    let _ = writeln!(out, "Successful connects: {}", summary.sessions);
    let _ = writeln!(out, "Seconds: {:.2}", summary.seconds);
    out
}

/// The figures of a load test.
pub(crate) fn summary(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, summary);
    out
}

fn write(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "{}", summary.title())?;
    writeln!(
        out,
        "{:.2} s  {} sessions ({:.1}/s)  {} messages ({:.1}/s)  {:.1} MB/s  {} failed",
        summary.seconds,
        summary.sessions,
        summary.sessions_per_second,
        summary.messages,
        summary.messages_per_second,
        summary.megabytes_per_second,
        summary.failed,
    )?;
    if matches!(summary.pace, Pace::Open { .. }) {
        writeln!(
            out,
            "{} sessions began more than 1 ms after they were due; their wait counts",
            summary.late
        )?;
    }
    if !summary.latency.is_empty() {
        writeln!(out)?;
        writeln!(
            out,
            "{:<8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "ms", "count", "min", "p50", "p90", "p99", "p99.9", "max"
        )?;
    }
    for latency in &summary.latency {
        writeln!(
            out,
            "{:<8} {:>9} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3}",
            latency.phase.name(),
            latency.count,
            latency.min,
            latency.p50,
            latency.p90,
            latency.p99,
            latency.p999,
            latency.max,
        )?;
    }
    writeln!(out)?;
    for (name, line) in [("drain", summary.drain_line()), ("server", summary.server_line())] {
        if let Some(line) = line {
            writeln!(out, "{name:<8} {line}")?;
        }
    }
    writeln!(out, "{:<8} {:.2} s of CPU", "itself", summary.own_cpu_seconds)?;
    failures(out, summary)
}

fn failures(out: &mut String, summary: &Summary) -> fmt::Result {
    for (kind, failures) in &summary.failures {
        let session = if failures.count == 1 { "session" } else { "sessions" };
        writeln!(out, "\n{kind}: {} {session}; the first:", failures.count)?;
        writeln!(out, "  {}", failures.sample)?;
        write!(out, "{}", failures.transcript)?;
    }
    if summary.sessions == 0 && summary.failed > 0 {
        writeln!(out, "\nno session succeeded")?;
    }
    Ok(())
}
