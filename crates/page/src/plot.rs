//! Line plots as SVG, drawn to be read without a script: axes with round numbers, a label at each line, values on hover.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use crate::escape;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 92.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 36.0;
/// Labels at the lines' ends are kept so far apart.
const LABEL: f64 = 14.0;

/// A plot.
#[derive(Debug)]
pub struct Plot<'a> {
    /// What goes to the right.
    pub x: Axis,
    /// What goes up.
    pub y: Axis,
    /// What the y axis counts; shown on hover.
    pub unit: &'a str,
    /// In the order of their labels in a tie.
    pub lines: Vec<PlotLine<'a>>,
}

/// One line of a plot.
#[derive(Debug)]
pub struct PlotLine<'a> {
    /// Its label.
    pub name: &'a str,
    /// 0 to 5.
    pub colour: usize,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// How values become places.
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
    /// Percentiles, each 9 as wide as the one before.
    Percentile,
}

/// An axis with its ends.
#[derive(Debug)]
struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
}

impl Plot<'_> {
    /// The plot as an `svg` element.
    pub(crate) fn svg(&self) -> String {
        let values = |pick: fn(&(f64, f64)) -> f64| {
            self.lines.iter().flat_map(move |line| line.points.iter().map(pick))
        };
        let x = Scale::new(self.x, values(|point| point.0));
        let y = Scale::new(self.y, values(|point| point.1));
        let at_x = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
        let at_y = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
        let mut out = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n");
        // Writing to a String cannot fail.
        for tick in y.ticks() {
            let (place, right) = (at_y(tick), WIDTH - RIGHT);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>"
            );
            let (x, y, label) = (LEFT - 8.0, place + 4.0, y.label(tick));
            let _ = writeln!(out, "<text class=\"end\" x=\"{x}\" y=\"{y:.1}\">{label}</text>");
        }
        for tick in x.ticks() {
            let (place, base, label) = (at_x(tick), HEIGHT - BOTTOM, x.label(tick));
            let _ = writeln!(
                out,
                "<line class=\"tick\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{base}\" y2=\"{}\"/>",
                base + 5.0
            );
            let _ =
                writeln!(out, "<text class=\"middle\" x=\"{place:.1}\" y=\"{}\">{label}</text>", base + 20.0);
        }
        for line in &self.lines {
            let path: Vec<String> = line
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", at_x(point.0), at_y(point.1)))
                .collect();
            let _ = writeln!(out, "<polyline class=\"c{}\" points=\"{}\"/>", line.colour, path.join(" "));
            for point in &line.points {
                let _ = writeln!(
                    out,
                    "<circle class=\"c{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {} {} at {}</title></circle>",
                    line.colour,
                    at_x(point.0),
                    at_y(point.1),
                    escape(line.name),
                    short(point.1),
                    self.unit,
                    x.label(point.0),
                );
            }
        }
        for (line, place) in self.lines.iter().zip(self.label_places(at_y)) {
            let x = WIDTH - RIGHT + 8.0;
            let _ = writeln!(
                out,
                "<text class=\"c{}\" x=\"{x}\" y=\"{:.1}\">{}</text>",
                line.colour,
                place + 4.0,
                escape(line.name)
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// Where the lines' labels go: at their ends, moved apart where they would meet.
    fn label_places(&self, at_y: impl Fn(f64) -> f64) -> Vec<f64> {
        let ends = self.lines.iter().map(|line| line.points.last().map_or(HEIGHT, |point| at_y(point.1)));
        let mut order: Vec<(usize, f64)> = ends.enumerate().collect();
        order.sort_by(|one, other| one.1.total_cmp(&other.1));
        let mut least = TOP;
        for (_, place) in &mut order {
            *place = place.max(least);
            least = *place + LABEL;
        }
        let mut most = HEIGHT - BOTTOM;
        for (_, place) in order.iter_mut().rev() {
            *place = place.min(most);
            most = *place - LABEL;
        }
        order.sort_by_key(|(line, _)| *line);
        order.into_iter().map(|(_, place)| place).collect()
    }
}

impl Scale {
    fn new(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
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

    /// From 0, the low end, to 1.
    fn place(&self, value: f64) -> f64 {
        let map = |value: f64| match self.axis {
            Axis::Time | Axis::Linear | Axis::Days => value,
            Axis::Log => value.max(self.low).log10(),
            Axis::Percentile => -(1.0 - value / 100.0).log10(),
        };
        let (low, high) = (map(self.low), map(self.high));
        if high > low { ((map(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    fn ticks(&self) -> Vec<f64> {
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

    fn label(&self, value: f64) -> String {
        match self.axis {
            Axis::Time => format!("{} s", short(value)),
            Axis::Days => date(value),
            Axis::Percentile if value < 99.0 => format!("{}%", (value * 10.0).round() / 10.0),
            Axis::Percentile => format!("{}%", (value * 1e5).round() / 1e5),
            Axis::Linear | Axis::Log => short(value),
        }
    }
}

/// The date of a day, counted from 1970-01-01, as ISO 8601 has it.
pub fn date(day: f64) -> String {
    // No report goes past the year 9999, which is as far as a date can be written.
    let seconds = (day * 86_400.0).clamp(0.0, 253_402_300_799.0);
    let written =
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs_f64(seconds)).to_string();
    written.split('T').next().unwrap_or_default().to_owned()
}

/// The next number of 1, 2, 5 times a power of ten below or above.
fn round(value: f64, direction: fn(f64) -> f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * decade);
    let found = match direction(0.5) == 0.0 {
        true => digits.into_iter().rfind(|round| *round <= value * (1.0 + 1e-9)),
        false => digits.into_iter().find(|round| *round >= value * (1.0 - 1e-9)),
    };
    found.unwrap_or(value)
}

/// Three digits, thousands as k, millions as M.
fn short(value: f64) -> String {
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

    #[test]
    fn lines_stay_inside_and_labels_apart() {
        let line = |name, height| PlotLine { name, colour: 1, points: vec![(0.0, 1.0), (5.0, height)] };
        let plot =
            Plot { x: Axis::Time, y: Axis::Log, unit: "ms", lines: vec![line("a", 3.0), line("b", 3.01)] };
        let places = plot.label_places(|_| 100.0);
        assert!((places[0] - places[1]).abs() >= LABEL);
        let svg = plot.svg();
        assert!(svg.contains(">a</text>") && svg.contains("<title>b: 3.01 ms at 5 s</title>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_and_a_single_point_can_be_drawn() {
        for points in [vec![], vec![(0.0, 0.0)]] {
            for axis in [Axis::Linear, Axis::Log, Axis::Days] {
                let lines = vec![PlotLine { name: "x", colour: 0, points: points.clone() }];
                let svg = Plot { x: Axis::Percentile, y: axis, unit: "ms", lines }.svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
}
