//! The page and its parts.

use std::fmt::{Display, Write};

use crate::escape::escape;
use crate::plot::Plot;
use crate::style::STYLE;

/// A page that is being written, from top to bottom.
#[derive(Debug)]
pub struct Page {
    title: String,
    body: String,
}

/// A figure in large print.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The figure, with its unit.
    pub value: String,
    /// What it counts.
    pub name: &'static str,
    /// Whether it is a bad sign, such as a number of failures.
    pub bad: bool,
}

impl Page {
    /// A page with this title and nothing else yet.
    pub fn new(title: &str) -> Self {
        let mut page = Self { title: title.to_owned(), body: String::new() };
        page.write(format_args!("<h1>{}</h1>", escape(title)));
        page
    }

    /// Adds a paragraph of text.
    pub fn text(&mut self, text: &str) {
        self.write(format_args!("<p>{}</p>", escape(text)));
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: &str) {
        self.write(format_args!("<h2>{}</h2>", escape(text)));
    }

    /// Adds a row of figures.
    pub fn tiles(&mut self, tiles: &[Tile]) {
        self.body.push_str("<div class=\"tiles\">\n");
        for Tile { value, name, bad } in tiles {
            let class = if *bad { "tile bad" } else { "tile" };
            self.write(format_args!(
                "<div class=\"{class}\"><b>{}</b><span>{name}</span></div>",
                escape(value)
            ));
        }
        self.body.push_str("</div>\n");
    }

    /// Adds a plot below a heading.
    pub fn plot(&mut self, heading: &str, plot: &Plot<'_>) {
        self.heading(heading);
        self.body.push_str(&plot.svg());
    }

    /// Adds a bar for each name, its length in proportion to the figure. Adds nothing if no figure is
    /// positive.
    pub fn bars<'a>(&mut self, unit: &str, bars: impl Iterator<Item = (&'a str, f64)> + Clone) {
        let most = bars.clone().map(|(_, figure)| figure).fold(0.0, f64::max);
        if most <= 0.0 {
            return;
        }
        self.body.push_str("<div class=\"bars\">\n");
        for (name, figure) in bars {
            let (width, unit) = (figure / most * 100.0, escape(unit));
            self.write(format_args!(
                "<span>{}</span><i style=\"width: {width:.1}%\"></i><b>{figure:.1} {unit}</b>",
                escape(name)
            ));
        }
        self.body.push_str("</div>\n");
    }

    /// Adds a table, whose first column is text and whose others are figures.
    pub fn table<R, C>(&mut self, head: &[&str], rows: R)
    where
        R: IntoIterator<Item = Vec<C>>,
        C: Display,
    {
        let row = |cells: &mut dyn Iterator<Item = String>, tag: &str| {
            let cells: String = cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(&cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        self.body.push_str("<table>\n");
        self.body.push_str(&row(&mut head.iter().map(|cell| (*cell).to_owned()), "th"));
        for cells in rows {
            self.body.push_str(&row(&mut cells.iter().map(C::to_string), "td"));
        }
        self.body.push_str("</table>\n");
    }

    /// Adds preformatted text.
    pub fn verbatim(&mut self, text: &str) {
        self.write(format_args!("<pre>{}</pre>", escape(text)));
    }

    /// The finished page.
    pub fn finish(self) -> String {
        let Self { title, body } = self;
        let title = escape(&title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n{body}</body>\n</html>\n"
        )
    }

    fn write(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::PlotLine;
    use crate::scale::Axis;

    #[test]
    fn what_is_put_in_is_no_markup() {
        let mut page = Page::new("<i>");
        page.text("-ERR <script> & \"x\"");
        page.table(&["<em>"], [vec!["<td>"]]);
        page.verbatim("</pre>");
        page.bars("<u>", [("<s>", 1.0)].into_iter());
        let page = page.finish();
        for markup in ["<h1><i>", "<script>", "<em>", "</pre></pre>", "<u>", "<s>"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert!(page.contains("<p>-ERR &lt;script&gt; &amp; &quot;x&quot;</p>"));
    }

    #[test]
    fn nothing_is_fetched() {
        let mut page = Page::new("x");
        let lines = vec![PlotLine { name: "a", colour: 0, points: vec![(0.0, 1.0)] }];
        page.plot("p", &Plot { x: Axis::Time, y: Axis::Linear, unit: "ms", lines });
        let page = page.finish();
        for outside in ["http", "src=", "<link", "<script", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
