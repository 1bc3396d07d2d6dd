//! Reports as HTML pages, for mpopd_test and mpopdstats: one file with plots, which fetches nothing and has
//! no script.
//!
//! Everything that goes into a page is escaped, so text from outside cannot become markup.
#![forbid(unsafe_code)]

mod escape;
mod page;
mod plot;
mod scale;
mod style;

pub use page::{Page, Tile};
pub use plot::{Plot, PlotLine};
pub use scale::{Axis, date};
