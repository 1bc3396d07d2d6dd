//! Which file defines what a path names.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Item};

use super::paths::UseLeaf;
use crate::modules::{Module, name_of};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathTarget {
    /// A module, by its index.
    Module(usize),
    /// Something that a module defines. A type may be followed by more of a path.
    Item { module: usize, is_type: bool },
}

/// The names of all modules of a crate.
pub(crate) struct Names<'a> {
    modules: &'a [Module],
    items: Vec<BTreeMap<String, Vec<PathTarget>>>,
    uses: Vec<&'a [UseLeaf]>,
    /// Macros by example, which code further down can call without any import.
    macros: BTreeMap<String, PathTarget>,
}

impl<'a> Names<'a> {
    /// `uses` has the `use` declarations of each module.
    pub(crate) fn of(modules: &'a [Module], uses: Vec<&'a [UseLeaf]>) -> Self {
        let mut items = vec![BTreeMap::<String, Vec<PathTarget>>::new(); modules.len()];
        let mut macros = BTreeMap::new();
        for (index, module) in modules.iter().enumerate() {
            for (name, child) in &module.children {
                items[index].entry(name.clone()).or_default().push(PathTarget::Module(*child));
            }
            for item in &module.items {
                let Some((name, is_type)) = defined(item) else { continue };
                let target = PathTarget::Item { module: index, is_type };
                if let Item::Macro(item) = item {
                    macros.insert(name.clone(), target);
                    if has(&item.attrs, "macro_export") {
                        items[0].entry(name.clone()).or_default().push(target);
                    }
                }
                items[index].entry(name).or_default().push(target);
            }
        }
        Self { modules, items, uses, macros }
    }

    /// Everything that a path means in a module; empty for what is not of this crate.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Vec<PathTarget> {
        self.follow(module, path, &mut BTreeSet::new())
    }

    /// The definition of a macro that is called by its plain name.
    pub(crate) fn macro_by_example(&self, name: &str) -> Option<PathTarget> {
        self.macros.get(name).copied()
    }

    /// `seen` has the lookups under way: names that are imported from each other must end somewhere.
    fn follow(
        &self,
        module: usize,
        path: &[String],
        seen: &mut BTreeSet<(usize, String)>,
    ) -> Vec<PathTarget> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut found = match first.as_str() {
            "crate" => vec![PathTarget::Module(0)],
            "self" => vec![PathTarget::Module(module)],
            "super" => self.modules[module].parent.map(PathTarget::Module).into_iter().collect(),
            name => self.lookup(module, name, true, seen),
        };
        for segment in rest {
            let mut next = Vec::new();
            for target in found {
                match target {
                    PathTarget::Module(inner) if segment == "super" => {
                        next.extend(self.modules[inner].parent.map(PathTarget::Module));
                    }
                    PathTarget::Module(inner) => {
                        let inside = self.is_inside(module, inner);
                        next.extend(self.lookup(inner, segment, inside, seen));
                    }
                    // A variant, a constant or a function of the type.
                    PathTarget::Item { is_type: true, .. } => next.push(target),
                    PathTarget::Item { is_type: false, .. } => {}
                }
            }
            found = next;
        }
        found
    }

    /// What a name means in a module: what it defines and imports, and only else what its globs bring.
    fn lookup(
        &self,
        module: usize,
        name: &str,
        sees_private: bool,
        seen: &mut BTreeSet<(usize, String)>,
    ) -> Vec<PathTarget> {
        if !seen.insert((module, name.to_owned())) {
            return Vec::new();
        }
        let uses = self.uses[module].iter().filter(|leaf| sees_private || leaf.is_reexport);
        let (globs, named): (Vec<&UseLeaf>, Vec<&UseLeaf>) = uses.partition(|leaf| leaf.name.is_none());
        let mut found = self.items[module].get(name).cloned().unwrap_or_default();
        let mut is_named = !found.is_empty();
        for leaf in named.into_iter().filter(|leaf| leaf.name.as_deref() == Some(name)) {
            found.extend(self.follow(module, &leaf.path, seen));
            is_named = true;
        }
        if !is_named {
            for glob in globs {
                for target in self.follow(module, &glob.path, seen) {
                    if let PathTarget::Module(inner) = target {
                        let sees_private = self.is_inside(module, inner);
                        found.extend(self.lookup(inner, name, sees_private, seen));
                    }
                }
            }
        }
        seen.remove(&(module, name.to_owned()));
        found
    }

    /// Whether a module is `outer` or below it, and so sees what is private there.
    fn is_inside(&self, module: usize, outer: usize) -> bool {
        let mut above = Some(module);
        while let Some(module) = above {
            if module == outer {
                return true;
            }
            above = self.modules[module].parent;
        }
        false
    }
}

/// The name that an item defines, and whether it is a type.
fn defined(item: &Item) -> Option<(String, bool)> {
    Some(match item {
        Item::Enum(item) => (name_of(&item.ident), true),
        Item::Struct(item) => (name_of(&item.ident), true),
        Item::Trait(item) => (name_of(&item.ident), true),
        Item::TraitAlias(item) => (name_of(&item.ident), true),
        Item::Type(item) => (name_of(&item.ident), true),
        Item::Union(item) => (name_of(&item.ident), true),
        Item::Const(item) => (name_of(&item.ident), false),
        Item::Fn(item) => (name_of(&item.sig.ident), false),
        Item::Static(item) => (name_of(&item.ident), false),
        Item::Macro(item) => (name_of(item.ident.as_ref()?), false),
        _ => return None,
    })
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}
