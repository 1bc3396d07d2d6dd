//! Durations, counted in the buckets that Prometheus reads.

use std::time::Duration;

use super::counter::Counter;

/// Upper bounds of the buckets: in microseconds, and in seconds as in the label `le`.
const BOUNDS: [(u64, &str); 14] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
    (60_000_000, "60"),
];

/// How long one kind of work takes.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The number of durations in each bucket and in none before it; the last is for those beyond all bounds.
    buckets: [Counter; BOUNDS.len() + 1],
    /// The sum of all durations, in microseconds.
    micros: Counter,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bounds = BOUNDS.iter().map(|(bound, _)| *bound).chain([u64::MAX]);
        if let Some((_, bucket)) = bounds.zip(&self.buckets).find(|(bound, _)| micros <= *bound) {
            bucket.add(1);
        }
        self.micros.add(micros);
    }

    /// The label of each bound, and the number of durations up to it; the last is the number of all.
    pub(crate) fn cumulated(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let labels = BOUNDS.iter().map(|(_, label)| *label).chain(["+Inf"]);
        labels.zip(self.buckets.iter().scan(0, |sum: &mut u64, bucket| {
            *sum = sum.saturating_add(bucket.get());
            Some(*sum)
        }))
    }

    /// The sum of all durations, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus reads floating-point seconds")]
    pub(crate) fn seconds(&self) -> f64 {
        self.micros.get() as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_counts_in_every_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for micros in [500, 501, 3_000_000, 100_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counts: Vec<_> = histogram.cumulated().collect();
        let of = |label| counts.iter().find(|(other, _)| *other == label).unwrap().1;
        assert_eq!(
            [of("0.0005"), of("0.001"), of("2.5"), of("10"), of("60"), of("+Inf")],
            [1, 2, 2, 3, 3, 4]
        );
        assert!((histogram.seconds() - 103.001_001).abs() < 1e-9);
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
    fn labels_are_the_bounds_in_seconds() {
        for (micros, label) in BOUNDS {
            assert!((label.parse::<f64>().unwrap() * 1e6 - micros as f64).abs() < 1e-6, "{label}");
        }
    }
}
