//! Files of one crate that import each other, directly or through others.
//!
//! Such files can only be understood together. A circle means that something is in the wrong file, or that a
//! file is missing that both could import.
//!
//! What counts as an import: a `use`, and every path in the code, of something that another file defines.
//! Paths are followed through re-exports to the file with the definition. `mod x;` is no import, nor is a
//! re-export of a name that its own file does not use, nor anything in code for tests.

mod circle;
mod imports;
mod paths;
mod resolve;
mod search;

use crate::Tree;
use crate::modules;
pub use crate::modules::Unreadable;
pub use circle::Circle;
pub use imports::Import;

/// The circles of one crate, such as `crates/pop3`: of its library and of each of its programs.
///
/// # Errors
///
/// A file of the crate cannot be parsed, or a module has no file.
pub fn find(tree: &Tree, crate_folder: &str) -> Result<Vec<Circle>, Unreadable> {
    let mut circles = Vec::new();
    for root in modules::roots(tree, crate_folder) {
        circles.extend(search::circles(&imports::of(&modules::read(tree, &root)?)));
    }
    Ok(circles)
}

#[cfg(test)]
mod tests;
