//! Line plots as SVG that need no script: axes with round numbers, a label at each line, values on hover.

use std::fmt::Write;

use crate::escape::escape;
use crate::scale::{Axis, Scale, short};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 92.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 36.0;
/// The least distance between the labels at the lines' ends.
const LABEL: f64 = 14.0;

/// A plot.
#[derive(Debug)]
pub struct Plot<'a> {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The unit of the vertical axis, shown on hover.
    pub unit: &'a str,
    /// The lines. Of two that end at the same height, the first has its label above.
    pub lines: Vec<PlotLine<'a>>,
}

/// One line of a plot.
#[derive(Debug)]
pub struct PlotLine<'a> {
    /// Its label.
    pub name: &'a str,
    /// The number of its colour, 0 to 5.
    pub colour: usize,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
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
                    "<circle class=\"c{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {} {} at \
                     {}</title></circle>",
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

    /// The heights of the lines' labels: at the ends of the lines, but moved apart where they would overlap.
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

#[cfg(test)]
mod tests {
    use super::*;

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
