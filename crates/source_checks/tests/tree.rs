//! The rules of the source tree, checked on the tree that this crate is in.

use source_checks::documents::{columns, links, retired};
use source_checks::{Tree, circles, dependencies, names};

const TRY: &str = "cargo run --release -- try";
const TEST: &str = "cargo test --workspace";

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

#[test]
fn links_between_documents_lead_somewhere() {
    assert_none(&links::find_broken(&tree()));
}

#[test]
fn each_document_is_linked() {
    assert_none(&links::find_orphans(&tree()));
}

#[test]
fn prose_fits_into_110_columns() {
    assert_none(&columns::find(&tree()));
}

#[test]
fn retired_names_are_gone() {
    assert_none(&retired::find(&tree()));
}

#[test]
fn the_readme_shows_its_two_commands_first() {
    let tree = tree();
    let readme = tree.text("README.md").expect("a README");
    let first_screen: Vec<&str> = readme.lines().take(40).collect();
    for command in [TRY, TEST] {
        let is_there = first_screen.iter().any(|line| line.trim() == command);
        assert!(is_there, "`{command}` is not on the first screen");
    }
}

#[test]
fn ci_runs_the_commands_of_the_readme() {
    let tree = tree();
    let justfile = tree.text("justfile").expect("a justfile");
    let ci = tree.text(".ci/run").expect("CI's script");
    assert!(justfile.lines().any(|line| line.trim() == TEST), "no recipe runs `{TEST}`");
    assert!(ci.contains(TRY), ".ci/run does not run `{TRY}`");
    for recipe in ["fmt-check", "lint", "test", "doc", "deny"] {
        assert!(justfile.lines().any(|line| line.starts_with(&format!("{recipe}:"))), "no recipe {recipe}");
        assert!(ci.contains(&format!("just {recipe}")), ".ci/run does not call `just {recipe}`");
    }
}
