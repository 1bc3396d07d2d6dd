//! Which file of a crate imports which.

use std::collections::BTreeMap;
use std::fmt;

use super::paths::{self, References};
use super::resolve::{Names, PathTarget};
use crate::modules::Module;

/// A file that refers to what another one defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The file with the reference.
    pub from: String,
    /// The first line with one, counted from 1.
    pub line: usize,
    /// As it is written there.
    pub path: String,
    /// The file with the definition.
    pub to: String,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} imports {} from {}", self.from, self.line, self.path, self.to)
    }
}

/// The first import of each file by each other file.
pub(crate) fn of(modules: &[Module]) -> Vec<Import> {
    let references: Vec<References> = modules.iter().map(paths::of).collect();
    let uses = references.iter().map(|found| found.uses.as_slice()).collect();
    let names = Names::of(modules, uses);
    let mut first: BTreeMap<(String, String), Import> = BTreeMap::new();
    for (index, found) in references.iter().enumerate() {
        // A re-export is an import only for the file that uses the name itself: that is found among its
        // paths.
        let uses = found.uses.iter().filter(|leaf| !leaf.is_reexport);
        let uses = uses.map(|leaf| (&leaf.path, leaf.line, false));
        let paths = found.paths.iter().map(|path| (&path.path, path.line, path.is_macro));
        for (path, line, is_macro) in uses.chain(paths) {
            let mut targets = names.resolve(index, path);
            if is_macro && targets.is_empty() && path.len() == 1 {
                targets.extend(names.macro_by_example(&path[0]));
            }
            for target in targets {
                // Who imports a module takes something out of it by a longer path, and that one counts.
                let PathTarget::Item { module, .. } = target else { continue };
                let (from, to) = (&modules[index].file, &modules[module].file);
                if from == to {
                    continue;
                }
                let import = Import { from: from.clone(), line, path: path.join("::"), to: to.clone() };
                let kept = first.entry((from.clone(), to.clone())).or_insert_with(|| import.clone());
                if line < kept.line {
                    *kept = import;
                }
            }
        }
    }
    first.into_values().collect()
}
