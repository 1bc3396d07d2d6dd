//! Axes: where values go, which of them are marked, and how they are written.

use std::time::{Duration, UNIX_EPOCH};

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Seconds from 0, evenly.
    Time,
    /// Days since 1970-01-01, evenly, from the first to the last.
    Days,
    /// From 0, evenly.
    Linear,
    /// By powers of ten.
    Log,
    /// Percentiles, with the same width for each further 9.
    Percentile,
}

/// An axis with its ends.
#[derive(Debug)]
pub(crate) struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
}

impl Scale {
    /// The scale on which these values fit.
    pub(crate) fn new(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let (least, most) =
            values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        let (low, high) = match axis {
            Axis::Time => (0.0, most.max(1e-3)),
            Axis::Days => (least.min(most), most),
            Axis::Linear => (0.0, (most * 1.05).max(1e-3)),
            Axis::Log => {
                let most = most.max(1e-3);
                (round(least.clamp(1e-4, most), f64::floor), round(most, f64::ceil))
            }
            Axis::Percentile => (0.0, most.clamp(90.0, 99.99999)),
        };
        Self { axis, low, high }
    }

    /// The place of a value: 0 at the low end, 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let map = |value: f64| match self.axis {
            Axis::Time | Axis::Linear | Axis::Days => value,
            Axis::Log => value.max(self.low).log10(),
            Axis::Percentile => -(1.0 - value / 100.0).log10(),
        };
        let (low, high) = (map(self.low), map(self.high));
        if high > low { ((map(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// The values to mark on the axis.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let reached = |tick: &f64| *tick <= self.high * (1.0 + 1e-9) && *tick >= self.low * (1.0 - 1e-9);
        match self.axis {
            Axis::Time | Axis::Linear => {
                let raw = self.high / 5.0;
                let unit = 10_f64.powf(raw.log10().floor());
                let step =
                    [1.0, 2.0, 5.0, 10.0].map(|digit| digit * unit).into_iter().find(|step| *step >= raw);
                let step = step.unwrap_or(10.0 * unit);
                (0..).map(|n| f64::from(n) * step).take_while(reached).collect()
            }
            Axis::Days => {
                const LABELS: f64 = 6.0;
                let steps = [1.0, 2.0, 7.0, 14.0, 28.0, 91.0, 182.0, 365.0];
                let raw = (self.high - self.low) / LABELS;
                let step =
                    steps.into_iter().find(|step| *step >= raw).unwrap_or((raw / 365.0).ceil() * 365.0);
                (0..).map(|n| self.low + f64::from(n) * step).take_while(reached).collect()
            }
            Axis::Log => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a logarithm of a figure has a few digits"
                )]
                let decades = (self.low.log10().floor() as i32)..=(self.high.log10().ceil() as i32);
                let narrow = self.high / self.low <= 1_000.0;
                let digits: &[f64] = if narrow { &[1.0, 2.0, 5.0] } else { &[1.0] };
                decades
                    .flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)))
                    .filter(reached)
                    .collect()
            }
            Axis::Percentile => {
                [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999].into_iter().filter(reached).collect()
            }
        }
    }

    /// A value of the axis, as text.
    pub(crate) fn label(&self, value: f64) -> String {
        match self.axis {
            Axis::Time => format!("{} s", short(value)),
            Axis::Days => date(value),
            Axis::Percentile if value < 99.0 => format!("{}%", (value * 10.0).round() / 10.0),
            Axis::Percentile => format!("{}%", (value * 1e5).round() / 1e5),
            Axis::Linear | Axis::Log => short(value),
        }
    }
}

/// The date in ISO 8601 of a day, counted from 1970-01-01.
pub fn date(day: f64) -> String {
    // A date can be written up to the year 9999.
    let seconds = (day * 86_400.0).clamp(0.0, 253_402_300_799.0);
    let written =
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs_f64(seconds)).to_string();
    written.split('T').next().unwrap_or_default().to_owned()
}

/// The next of 1, 2 or 5 times a power of ten, below (`f64::floor`) or above (`f64::ceil`).
fn round(value: f64, direction: fn(f64) -> f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * decade);
    let found = match direction(0.5) == 0.0 {
        true => digits.into_iter().rfind(|round| *round <= value * (1.0 + 1e-9)),
        false => digits.into_iter().find(|round| *round >= value * (1.0 - 1e-9)),
    };
    found.unwrap_or(value)
}

/// A number in about three digits, with thousands as k and millions as M.
pub(crate) fn short(value: f64) -> String {
    let trimmed = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    match value {
        _ if value >= 10_000_000.0 => format!("{}M", trimmed(format!("{:.1}", value / 1e6))),
        _ if value >= 10_000.0 => format!("{}k", trimmed(format!("{:.1}", value / 1000.0))),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 1.0 => trimmed(format!("{value:.2}")),
        _ => trimmed(format!("{value:.4}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let ticks = |axis, values: &[f64]| Scale::new(axis, values.iter().copied()).ticks();
        assert_eq!(ticks(Axis::Linear, &[43.0]), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(ticks(Axis::Time, &[9.9]), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(Axis::Log, &[0.3, 7.0]).first(), Some(&0.2));
        assert_eq!(ticks(Axis::Days, &[20_000.0, 20_012.0]).len(), 7);
        assert!(ticks(Axis::Days, &[0.0, 30_000.0]).len() <= 8);
        assert_eq!(ticks(Axis::Percentile, &[99.95]), [0.0, 50.0, 90.0, 99.0, 99.9]);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.05, "0.05"),
            (1.5, "1.5"),
            (200.0, "200"),
            (12_345.0, "12.3k"),
            (20_000.0, "20k"),
            (12_345_678.0, "12.3M"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(date(0.0), "1970-01-01");
        assert_eq!(date(20_780.0), "2026-11-23");
        assert_eq!(date(1e12), "9999-12-31");
    }
}
