//! A report as a page: one HTML file with plots, that fetches nothing and has no script.
//!
//! Everything that is put in is text: what came from outside cannot become markup.
#![forbid(unsafe_code)]

mod plot;

use std::fmt::{Display, Write};

pub use plot::{Axis, Plot, PlotLine, date};

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
.bars { display: grid; grid-template-columns: minmax(4rem, 14rem) 1fr auto; gap: .2rem .8rem; align-items: center; margin: .8rem 0; }
.bars span { overflow: hidden; text-overflow: ellipsis; } .bars i { background: var(--c0); height: .7rem; border-radius: 3px; min-width: 1px; }
.bars b { font-weight: 400; text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
pre { background: var(--card); padding: .8rem; border-radius: 8px; overflow-x: auto; font-size: 13px; }
";

/// A page that is being written, from its top down.
#[derive(Debug)]
pub struct Page {
    title: String,
    body: String,
}

/// A figure in large letters.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The figure, with its unit.
    pub value: String,
    /// What it is.
    pub name: &'static str,
    /// Whether it is one that should not be.
    pub bad: bool,
}

impl Page {
    /// A page with this title and nothing else.
    pub fn new(title: &str) -> Self {
        let mut page = Self { title: title.to_owned(), body: String::new() };
        page.write(format_args!("<h1>{}</h1>", escape(title)));
        page
    }

    /// A line of text.
    pub fn text(&mut self, text: &str) {
        self.write(format_args!("<p>{}</p>", escape(text)));
    }

    /// A heading, for what comes next.
    pub fn heading(&mut self, text: &str) {
        self.write(format_args!("<h2>{}</h2>", escape(text)));
    }

    /// A row of figures.
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

    /// A plot below a heading.
    pub fn plot(&mut self, heading: &str, plot: &Plot<'_>) {
        self.heading(heading);
        self.body.push_str(&plot.svg());
    }

    /// A bar for each name, as long as its figure is large.
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

    /// A table; the first column is text, the others are figures.
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

    /// Text as it is, line by line.
    pub fn verbatim(&mut self, text: &str) {
        self.write(format_args!("<pre>{}</pre>", escape(text)));
    }

    /// The whole page.
    pub fn finish(self) -> String {
        let Self { title, body } = self;
        let title = escape(&title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
        )
    }

    fn write(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{what}");
    }
}

/// Text that is no markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

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
