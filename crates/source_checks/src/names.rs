//! Type names that are defined twice.
//!
//! A reader who finds `Entry` in one file and another `Entry` in the next has to remember which is meant. So
//! each struct, enum, union, trait and type alias of the tree has a name of its own, tests aside.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Ident;
use syn::Item;
use syn::visit::{self, Visit};

use crate::Tree;
use crate::modules::{self, Unreadable, attributes, is_test_only, name_of};

/// Names that several crates may define, because each is always read with its crate or module before it:
/// `maildrop::Error`, `log_role::Settings`; and what each program's command line is made of.
pub const MAY_REPEAT: [&str; 5] = ["Error", "Settings", "Channels", "Cli", "Options"];

/// Every name that is defined more than once, with the places.
///
/// # Errors
///
/// A file cannot be parsed, or a module has no file.
pub fn find(tree: &Tree) -> Result<Vec<String>, Unreadable> {
    let mut places: BTreeMap<String, BTreeSet<(String, usize)>> = BTreeMap::new();
    for folder in tree.crate_folders() {
        for root in modules::roots(tree, folder) {
            for module in modules::read(tree, &root)? {
                let mut types = Types::default();
                module.items.iter().for_each(|item| types.visit_item(item));
                for (name, line) in types.found {
                    places.entry(name).or_default().insert((module.file.clone(), line));
                }
            }
        }
    }
    let repeated =
        places.into_iter().filter(|(name, places)| places.len() > 1 && !MAY_REPEAT.contains(&name.as_str()));
    Ok(repeated.map(|(name, places)| described(&name, &places)).collect())
}

fn described(name: &str, places: &BTreeSet<(String, usize)>) -> String {
    let places: Vec<String> = places.iter().map(|(file, line)| format!("    {file}:{line}")).collect();
    format!("{name} is defined {} times:\n{}", places.len(), places.join("\n"))
}

/// The types that a module defines, inside functions too, with their lines.
#[derive(Default)]
struct Types {
    found: Vec<(String, usize)>,
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test_only(attributes(item)) {
            return;
        }
        match item {
            Item::Enum(item) => self.add(&item.ident),
            Item::Struct(item) => self.add(&item.ident),
            Item::Trait(item) => self.add(&item.ident),
            Item::Type(item) => self.add(&item.ident),
            Item::Union(item) => self.add(&item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }
}

impl Types {
    fn add(&mut self, ident: &Ident) {
        self.found.push((name_of(ident), ident.span().start().line));
    }
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::Tree;

    fn repeated(files: &[(&str, &str)]) -> Vec<String> {
        find(&Tree::made_of(files)).expect("a tree that parses")
    }

    #[test]
    fn a_name_in_two_crates() {
        let found = repeated(&[
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/lib.rs", "struct Entry;"),
            ("crates/b/Cargo.toml", ""),
            ("crates/b/src/lib.rs", "mod inner;"),
            ("crates/b/src/inner.rs", "\ntype Entry = u8;"),
        ]);
        let expected = "Entry is defined 2 times:\n    crates/a/src/lib.rs:1\n    crates/b/src/inner.rs:2";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_name_twice_in_one_file() {
        let text = "mod a { trait Part {} }\nfn f() { enum Part {} } union Whole { a: u8 }";
        let found = repeated(&[("crates/a/Cargo.toml", ""), ("crates/a/src/lib.rs", text)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("Part is defined 2 times"), "{found:?}");
    }

    #[test]
    fn names_in_tests_associated_types_and_the_names_that_may_repeat() {
        let text = "struct One; enum Error {} impl Iterator for One { type Item = u8; } trait Two { type Item; }\
            #[cfg(test)] mod tests { struct One; struct Two; }";
        let other = "enum Error {} fn f() { let One = 1; }";
        let found = repeated(&[
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/lib.rs", text),
            ("crates/b/Cargo.toml", ""),
            ("crates/b/src/lib.rs", other),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
