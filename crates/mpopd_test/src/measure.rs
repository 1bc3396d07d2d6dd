//! Times, counts and failures of a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::failure::{FailureKind, SessionFailure};
use crate::numbers::float;
use crate::transcript::Transcript;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TimedPhase {
    /// From the moment that the session was due until it is connected, greeted and, where asked for, in TLS.
    Connect,
    /// The TLS handshake alone.
    Tls,
    /// From USER to the answer to PASS.
    Login,
    Stat,
    List,
    Uidl,
    Retr,
    Dele,
    Quit,
    /// From the moment that the session was due to the answer to QUIT.
    Session,
}

impl TimedPhase {
    /// In the order of reports.
    pub(crate) const ALL: [Self; 10] = [
        Self::Connect,
        Self::Tls,
        Self::Login,
        Self::Stat,
        Self::List,
        Self::Uidl,
        Self::Retr,
        Self::Dele,
        Self::Quit,
        Self::Session,
    ];

    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Uidl => "uidl",
            Self::Retr => "retr",
            Self::Dele => "dele",
            Self::Quit => "quit",
            Self::Session => "session",
        }
    }

    /// Its place in [`TimedPhase::ALL`].
    fn index(self) -> usize {
        Self::ALL.iter().position(|phase| *phase == self).unwrap_or(0)
    }
}

/// What one session measured, handed over at its end so that a command costs no lock.
#[derive(Debug, Default)]
pub(crate) struct SessionRecord {
    times: Vec<(TimedPhase, Duration)>,
    /// Messages downloaded.
    pub(crate) messages: u64,
}

impl SessionRecord {
    pub(crate) fn time(&mut self, phase: TimedPhase, time: Duration) {
        self.times.push((phase, time));
    }

    /// Discards the contents.
    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.messages = 0;
    }
}

/// All sessions together.
#[derive(Debug)]
pub(crate) struct Measures {
    histograms: Vec<Histogram<u64>>,
    /// Sessions that reached the answer to QUIT with nothing wrong.
    pub(crate) sessions: u64,
    /// Sessions that did not.
    pub(crate) failed: u64,
    /// Messages downloaded.
    pub(crate) messages: u64,
    /// Sessions that began more than [`LATE`] after they were due.
    pub(crate) late: u64,
    pub(crate) failures: BTreeMap<FailureKind, FailureSummary>,
    /// What happened since the last [`Measures::tick`].
    window: TimelineWindow,
    pub(crate) timeline: Vec<TimelinePoint>,
}

/// A session that begins more than this after it was due is late.
pub(crate) const LATE: Duration = Duration::from_millis(1);

/// The failures of one kind.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailureSummary {
    pub(crate) count: u64,
    /// The text of the first one, and the dialogue of its session.
    pub(crate) sample: String,
    pub(crate) transcript: String,
}

#[derive(Debug)]
struct TimelineWindow {
    histogram: Histogram<u64>,
    sessions: u64,
    failed: u64,
    octets_before: u64,
    began: Duration,
}

/// A section of the run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct TimelinePoint {
    /// Seconds from the beginning of the run to the end of the section.
    pub(crate) end: f64,
    /// Length of the section in seconds.
    pub(crate) seconds: f64,
    pub(crate) sessions: u64,
    pub(crate) failed: u64,
    /// Octets received.
    pub(crate) octets: u64,
    /// Of the sessions that ended in it, in milliseconds; nothing if none did.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
}

/// The distribution of one phase's times, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) phase: TimedPhase,
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// Percentile and time, for the plot: each four steps halve the distance to 100%.
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Measures {
    pub(crate) fn new() -> Self {
        Self {
            histograms: TimedPhase::ALL.iter().map(|_| histogram()).collect(),
            sessions: 0,
            failed: 0,
            messages: 0,
            late: 0,
            failures: BTreeMap::new(),
            window: TimelineWindow {
                histogram: histogram(),
                sessions: 0,
                failed: 0,
                octets_before: 0,
                began: Duration::ZERO,
            },
            timeline: Vec::new(),
        }
    }

    /// Takes a session's record, leaving it empty for the next one.
    pub(crate) fn take(&mut self, record: &mut SessionRecord) {
        for (phase, time) in record.times.drain(..) {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            self.histograms[phase.index()].saturating_record(nanoseconds);
            if phase == TimedPhase::Session {
                self.window.histogram.saturating_record(nanoseconds);
                self.window.sessions += 1;
                self.sessions += 1;
            }
        }
        self.messages += std::mem::take(&mut record.messages);
    }

    /// Takes a failure. The first of each kind keeps its transcript.
    pub(crate) fn fail(&mut self, failure: SessionFailure, transcript: &Transcript) {
        self.failed += 1;
        self.window.failed += 1;
        let new = || FailureSummary { count: 0, sample: failure.text, transcript: transcript.to_string() };
        self.failures.entry(failure.kind).or_insert_with(new).count += 1;
    }

    /// Ends a section of the timeline. `octets` is what the run has received so far.
    pub(crate) fn tick(&mut self, began: Instant, octets: u64) -> TimelinePoint {
        let now = began.elapsed();
        let window = &mut self.window;
        let quantile =
            |q| (!window.histogram.is_empty()).then(|| milliseconds(window.histogram.value_at_quantile(q)));
        let point = TimelinePoint {
            end: now.as_secs_f64(),
            seconds: (now - window.began).as_secs_f64(),
            sessions: window.sessions,
            failed: window.failed,
            octets: octets - window.octets_before,
            p50: quantile(0.5),
            p99: quantile(0.99),
        };
        window.histogram.reset();
        (window.sessions, window.failed, window.octets_before, window.began) = (0, 0, octets, now);
        self.timeline.push(point);
        point
    }

    /// The distributions of all phases that occurred.
    pub(crate) fn latencies(&self) -> Vec<Latency> {
        let phases = TimedPhase::ALL.into_iter().zip(&self.histograms);
        phases
            .filter(|(_, histogram)| !histogram.is_empty())
            .map(|(phase, histogram)| latency(phase, histogram))
            .collect()
    }
}

fn latency(phase: TimedPhase, histogram: &Histogram<u64>) -> Latency {
    let at = |quantile| milliseconds(histogram.value_at_quantile(quantile));
    let halvings = histogram.len().ilog2();
    let curve = (0..=halvings * 4).map(|step| {
        let percentile = 100.0 * (1.0 - 0.5_f64.powf(f64::from(step) / 4.0));
        (percentile, at(percentile / 100.0))
    });
    Latency {
        phase,
        count: histogram.len(),
        min: milliseconds(histogram.min()),
        mean: histogram.mean() / 1e6,
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: milliseconds(histogram.max()),
        curve: curve.collect(),
    }
}

/// Nanoseconds from a microsecond to an hour, three digits.
#[expect(clippy::unwrap_used, reason = "constant bounds, checked by every test that makes one")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 3_600_000_000_000, 3).unwrap()
}

fn milliseconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(milliseconds: impl Iterator<Item = u64>) -> Measures {
        let mut measures = Measures::new();
        let mut record = SessionRecord::default();
        for time in milliseconds {
            record.time(TimedPhase::Session, Duration::from_millis(time));
            record.messages += 1;
            measures.take(&mut record);
        }
        measures
    }

    #[test]
    fn percentiles_are_those_of_the_times() {
        let latency = &measures(1..=1000).latencies()[0];
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.002;
        assert_eq!((latency.phase, latency.count), (TimedPhase::Session, 1000));
        assert!(
            near(latency.p50, 500.0) && near(latency.p99, 990.0) && near(latency.max, 1000.0),
            "{latency:?}"
        );
        assert!(latency.curve.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1));
    }

    #[test]
    fn a_tick_tells_only_what_came_since_the_last() {
        let mut measures = measures([5, 5].into_iter());
        let began = Instant::now();
        let first = measures.tick(began, 100);
        assert_eq!((first.sessions, first.octets, first.p50.is_some()), (2, 100, true));
        let second = measures.tick(began, 130);
        assert_eq!((second.sessions, second.octets, second.p50), (0, 30, None));
        assert_eq!((measures.sessions, measures.messages), (2, 2));
    }

    #[test]
    fn the_first_fault_of_a_kind_is_the_sample() {
        let mut measures = Measures::new();
        let transcript = Transcript::new();
        for text in ["first", "second"] {
            measures.fail(SessionFailure::new(FailureKind::Closed, text), &transcript);
        }
        measures.fail(SessionFailure::new(FailureKind::Stalled, "third"), &transcript);
        assert_eq!(measures.failed, 3);
        let closed = &measures.failures[&FailureKind::Closed];
        assert_eq!((closed.count, closed.sample.as_str()), (2, "first"));
    }

    #[test]
    fn phases_are_named_in_order() {
        assert!(TimedPhase::ALL.iter().enumerate().all(|(index, phase)| phase.index() == index));
        assert_eq!(TimedPhase::Session.name(), "session");
    }
}
