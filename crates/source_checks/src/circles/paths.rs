//! What a module's code refers to: its `use` declarations and the paths in it.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Local, Macro, Path, TraitItem, UseTree, Visibility};

use crate::modules::{Module, attributes, is_test_only, name_of};

/// Everything that the code of one module refers to.
#[derive(Default)]
pub(crate) struct References {
    pub(crate) uses: Vec<UseLeaf>,
    pub(crate) paths: Vec<PathInCode>,
}

/// One name, or one `*`, of a `use` declaration.
pub(crate) struct UseLeaf {
    /// Without the `*` of a glob.
    pub(crate) path: Vec<String>,
    /// What it is called here; none for a glob.
    pub(crate) name: Option<String>,
    pub(crate) line: usize,
    /// `pub use`, or `pub(crate) use` and the like.
    pub(crate) is_reexport: bool,
}

/// A path in an expression, a type, a pattern or the tokens of a macro.
pub(crate) struct PathInCode {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// It is the name of a macro, which may have been defined further up without any import.
    pub(crate) is_macro: bool,
}

pub(crate) fn of(module: &Module) -> References {
    let mut found = References::default();
    for item in &module.items {
        found.visit_item(item);
    }
    found
}

impl<'ast> Visit<'ast> for References {
    fn visit_item(&mut self, item: &'ast Item) {
        // A module inside a function is not looked into: there is none in this tree.
        if !is_test_only(attributes(item)) && !matches!(item, Item::Mod(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_test_only(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[Attribute] = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_test_only(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if !is_test_only(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            let is_reexport = !matches!(item.vis, Visibility::Inherited);
            self.add_uses(&item.tree, &mut Vec::new(), is_reexport);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let (None, Some(first)) = (&path.leading_colon, path.segments.first()) {
            let line = first.ident.span().start().line;
            let path = path.segments.iter().map(|segment| name_of(&segment.ident)).collect();
            self.paths.push(PathInCode { path, line, is_macro: false });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let before = self.paths.len();
        self.visit_path(&call.path);
        self.paths[before..].iter_mut().for_each(|path| path.is_macro = true);
        self.add_tokens(call.tokens.clone());
    }

    // `pub(in crate::a)` imports nothing, and attributes are not code.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

impl References {
    fn add_uses(&mut self, tree: &UseTree, path: &mut Vec<String>, is_reexport: bool) {
        match tree {
            UseTree::Path(inner) => {
                path.push(name_of(&inner.ident));
                self.add_uses(&inner.tree, path, is_reexport);
                path.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_uses(tree, path, is_reexport);
                }
            }
            UseTree::Name(leaf) => self.add_use(&leaf.ident, None, path, is_reexport),
            UseTree::Rename(leaf) => self.add_use(&leaf.ident, Some(&leaf.rename), path, is_reexport),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.uses.push(UseLeaf { path: path.clone(), name: None, line, is_reexport });
            }
        }
    }

    fn add_use(&mut self, leaf: &Ident, rename: Option<&Ident>, prefix: &[String], is_reexport: bool) {
        let mut path = prefix.to_vec();
        // `a::{self}` is `a`.
        if leaf != "self" || path.is_empty() {
            path.push(name_of(leaf));
        }
        let name = rename.map(name_of).or_else(|| path.last().cloned());
        self.uses.push(UseLeaf { path, name, line: leaf.span().start().line, is_reexport });
    }

    /// Every `a::b::c` in the tokens of a macro. Names after a dot are fields or methods.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |index: usize, sign: char| matches!(tokens.get(index), Some(TokenTree::Punct(p)) if p.as_char() == sign);
        let mut next = 0;
        while let Some(token) = tokens.get(next) {
            let start = next;
            next += 1;
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let mut path = vec![name_of(first)];
                    while is(next, ':')
                        && is(next + 1, ':')
                        && let Some(TokenTree::Ident(segment)) = tokens.get(next + 2)
                    {
                        path.push(name_of(segment));
                        next += 3;
                    }
                    if start == 0 || !is(start - 1, '.') {
                        let line = first.span().start().line;
                        self.paths.push(PathInCode { path, line, is_macro: is(next, '!') });
                    }
                }
                _ => {}
            }
        }
    }
}
