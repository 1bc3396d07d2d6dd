//! What is found.

use std::fmt;

use super::imports::Import;

/// Files that import each other.
#[derive(Debug)]
pub struct Circle {
    /// All files of the circle, at least two.
    pub files: Vec<String>,
    /// The shortest way around: the last import closes the circle.
    pub shortest: Vec<Import>,
    /// The other imports between these files.
    pub others: Vec<Import>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files import each other:", self.files.len())?;
        for (index, import) in self.shortest.iter().enumerate() {
            let closes = if index + 1 == self.shortest.len() { "  <- closes the circle" } else { "" };
            writeln!(f, "    {import}{closes}")?;
        }
        if !self.others.is_empty() {
            writeln!(f, "  also:")?;
        }
        for import in &self.others {
            writeln!(f, "    {import}")?;
        }
        Ok(())
    }
}
