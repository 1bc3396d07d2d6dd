//! The modules of a crate: what `mod` declarations make of its files. Test modules are left out.

use std::collections::BTreeMap;
use std::fmt;

use proc_macro2::Ident;
use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta};

use crate::Tree;

/// One module, inline or in a file of its own.
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// Its items, without those that only tests have.
    pub(crate) items: Vec<Item>,
}

/// Why a crate's modules cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// No file has the module that is declared there.
    NoFile {
        /// The file with the declaration, or the root that was asked for.
        declared_in: String,
        /// The name of the module.
        module: String,
    },
    /// A file is not Rust.
    Syntax {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        error: String,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile { declared_in, module } => {
                write!(f, "{declared_in}: no file for the module {module}")
            }
            Self::Syntax { file, line, error } => write!(f, "{file}:{line}: {error}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// The files in which the crate's library and its programs begin.
pub(crate) fn roots(tree: &Tree, crate_folder: &str) -> Vec<String> {
    let (lib, main) = (format!("{crate_folder}/src/lib.rs"), format!("{crate_folder}/src/main.rs"));
    let programs = format!("{crate_folder}/src/bin/");
    let is_root = |path: &str| path == lib || path == main || path.starts_with(&programs);
    tree.files().map(|(path, _)| path).filter(|path| is_root(path)).map(str::to_owned).collect()
}

/// Reads the modules below `root`, which is the first of them.
pub(crate) fn read(tree: &Tree, root: &str) -> Result<Vec<Module>, Unreadable> {
    let mut reader = ModuleReader { tree, modules: Vec::new() };
    let (folder, _) = root.rsplit_once('/').unwrap_or(("", root));
    reader.read_file(root, folder, None)?;
    Ok(reader.modules)
}

/// Whether code with these attributes is built for tests only.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || (path.is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta)))
    })
}

/// The attributes of an item of any kind.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name of an identifier, without the `r#` of a raw one.
pub(crate) fn name_of(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// Whether a condition of `cfg` can hold in a build for tests only.
fn needs_test(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            let parts =
                list.parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated);
            parts.is_ok_and(|parts| parts.iter().any(needs_test))
        }
        _ => false,
    }
}

struct ModuleReader<'a> {
    tree: &'a Tree,
    modules: Vec<Module>,
}

impl ModuleReader<'_> {
    /// Reads a file whose child modules are in `folder`.
    fn read_file(&mut self, file: &str, folder: &str, parent: Option<usize>) -> Result<usize, Unreadable> {
        let missing = || Unreadable::NoFile { declared_in: file.to_owned(), module: "crate".to_owned() };
        let text = self.tree.text(file).ok_or_else(missing)?;
        let parsed = syn::parse_file(text).map_err(|error| Unreadable::Syntax {
            file: file.to_owned(),
            line: error.span().start().line,
            error: error.to_string(),
        })?;
        self.add(file, folder, parent, parsed.items)
    }

    fn add(
        &mut self,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        items: Vec<Item>,
    ) -> Result<usize, Unreadable> {
        let items: Vec<Item> = items.into_iter().filter(|item| !is_test_only(attributes(item))).collect();
        let index = self.modules.len();
        let module = Module { file: file.to_owned(), parent, children: BTreeMap::new(), items: Vec::new() };
        self.modules.push(module);
        let mut kept = Vec::new();
        for item in items {
            if let Item::Mod(declaration) = item {
                let name = name_of(&declaration.ident);
                let child = self.add_child(file, folder, index, declaration)?;
                self.modules[index].children.insert(name, child);
            } else {
                kept.push(item);
            }
        }
        self.modules[index].items = kept;
        Ok(index)
    }

    fn add_child(
        &mut self,
        file: &str,
        folder: &str,
        parent: usize,
        declaration: ItemMod,
    ) -> Result<usize, Unreadable> {
        let name = name_of(&declaration.ident);
        let inside = format!("{folder}/{name}");
        if let Some((_, items)) = declaration.content {
            return self.add(file, &inside, Some(parent), items);
        }
        let named = path_attribute(&declaration.attrs).map(|path| {
            let (beside, _) = file.rsplit_once('/').unwrap_or(("", file));
            format!("{beside}/{path}")
        });
        let candidates = named.into_iter().chain([format!("{inside}.rs"), format!("{inside}/mod.rs")]);
        let found = candidates.into_iter().find(|path| self.tree.text(path).is_some());
        let missing = || Unreadable::NoFile { declared_in: file.to_owned(), module: name.clone() };
        self.read_file(&found.ok_or_else(missing)?, &inside, Some(parent))
    }
}

/// The path in `#[path = "..."]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}
