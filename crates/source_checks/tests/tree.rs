//! The rules of the source tree, checked on the tree that this crate is in.

use source_checks::{Tree, circles, dependencies, names};

fn tree() -> Tree {
    Tree::of_this_project().expect("the source tree")
}

/// Fails with everything that was found, a paragraph each.
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_two_files_of_a_crate_import_each_other() {
    let tree = tree();
    let folders = tree.crate_folders();
    assert!(folders.len() >= 15, "all crates were found: {folders:?}");
    let mut found = Vec::new();
    for folder in folders {
        let circles = circles::find(&tree, folder).unwrap_or_else(|e| panic!("{e}"));
        found.extend(circles.iter().map(ToString::to_string));
    }
    assert_none(&found);
}

#[test]
fn each_type_name_means_one_thing() {
    assert_none(&names::find(&tree()).unwrap_or_else(|e| panic!("{e}")));
}

#[test]
fn the_crates_depend_on_each_other_as_designed() {
    let graph = dependencies::graph(&tree()).unwrap_or_else(|e| panic!("{e}"));
    assert_none(&dependencies::violations(&graph));
}

#[test]
fn only_sys_may_have_unsafe_code() {
    assert_none(&dependencies::may_be_unsafe(&tree()));
}
