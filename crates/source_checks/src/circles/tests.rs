use super::{Circle, find};
use crate::Tree;

fn circles(files: &[(&str, &str)]) -> Vec<Circle> {
    let files: Vec<(String, &str)> =
        files.iter().map(|(path, text)| (format!("crates/x/src/{path}"), *text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    find(&Tree::made_of(&files), "crates/x").expect("a crate that parses")
}

/// The names of the files of the only circle.
fn circle(files: &[(&str, &str)]) -> Vec<String> {
    let mut found = circles(files);
    assert_eq!(found.len(), 1, "{found:?}");
    let files = found.remove(0).files;
    files.into_iter().map(|file| file.trim_start_matches("crates/x/src/").to_owned()).collect()
}

fn has_none(files: &[(&str, &str)]) {
    let found = circles(files);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_parent_and_its_child() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; use b::B; pub struct A; fn f(_: B) {}"),
        ("a/b.rs", "use super::A; pub struct B(A);"),
    ];
    assert_eq!(circle(&files), ["a/b.rs", "a/mod.rs"]);
}

#[test]
fn the_import_that_closes_the_circle_is_shown_with_its_line() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "\n\nuse crate::a::A;\npub struct B(A);"),
    ]);
    let text = found[0].to_string();
    assert!(text.starts_with("2 files import each other:\n"), "{text}");
    assert!(text.contains("crates/x/src/a.rs:1 imports crate::b::B from crates/x/src/b.rs\n"), "{text}");
    let closing = "crates/x/src/b.rs:3 imports crate::a::A from crates/x/src/a.rs  <- closes the circle\n";
    assert!(text.contains(closing), "{text}");
}

#[test]
fn three_files() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::c::C; pub struct B(C);"),
        ("c.rs", "pub struct C; fn f() -> Option<crate::a::A> { None }"),
        ("d.rs", "use crate::{a::A, b::B, c::C}; struct D(A, B, C);"),
    ];
    assert_eq!(circle(&files), ["a.rs", "b.rs", "c.rs"]);
}

#[test]
fn two_circles_are_two() {
    let found = circles(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A(B); use crate::c::C;"),
        ("b.rs", "use crate::a::A; pub struct B(A);"),
        ("c.rs", "use crate::d::D; pub struct C(D);"),
        ("d.rs", "use crate::c::C; pub struct D(C);"),
    ]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn through_a_reexport_to_the_file_that_defines_it() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod inner; pub use inner::Inner;"),
        ("a/inner.rs", "use crate::b::B; pub struct Inner(B);"),
        ("b.rs", "use crate::a::Inner; pub struct B(Option<Box<Inner>>);"),
    ];
    assert_eq!(circle(&files), ["a/inner.rs", "b.rs"]);
}

#[test]
fn through_globs_and_new_names() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::*; use b as other;\nfn f() { other::g(); }"),
        ("a/mod.rs", "mod inner; pub use inner::*;"),
        ("a/inner.rs", "use crate::b::{self as bb}; pub struct Inner; fn f() { bb::g() }"),
        ("b.rs", "use crate::Inner as I; pub fn g() -> I { I }"),
    ];
    assert_eq!(circle(&files), ["a/inner.rs", "b.rs"]);
}

#[test]
fn names_that_a_glob_of_the_parent_brings() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; pub struct A; fn f() { b::g() }"),
        ("a/b.rs", "use super::*; pub fn g() { let _ = A; }"),
    ];
    assert_eq!(circle(&files), ["a/b.rs", "a/mod.rs"]);
}

#[test]
fn paths_in_code_without_any_use() {
    let files = [
        ("lib.rs", "mod a; mod b; pub mod kind { pub enum Kind { X } }"),
        ("a.rs", "pub fn f() { crate::b::g(); }"),
        ("b.rs", "pub fn g() {} fn h() { println!(\"{:?}\", (1, super::a::f())); }"),
    ];
    assert_eq!(circle(&files), ["a.rs", "b.rs"]);
    let files = [
        ("lib.rs", "mod a; pub mod kind { pub enum Kind { X } }"),
        ("a.rs", "pub fn f() { match x { crate::kind::Kind::X => {} } }"),
    ];
    has_none(&files);
}

#[test]
fn macros_by_example_belong_to_their_file() {
    let files = [
        ("lib.rs", "#[macro_use] mod a; mod b;"),
        ("a.rs", "macro_rules! m { () => { $crate::b::g() } }"),
        ("b.rs", "pub fn g() { m!(); }"),
    ];
    assert_eq!(circle(&files), ["a.rs", "b.rs"]);
}

#[test]
fn a_use_inside_a_function() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A; fn f() { use crate::b; b::g(); }"),
        ("b.rs", "use crate::a::A; pub fn g() -> A { A }"),
    ];
    assert_eq!(circle(&files), ["a.rs", "b.rs"]);
}

#[test]
fn a_reexport_alone_is_no_import() {
    let facade = "mod a; pub use a::A; pub struct Error;";
    let a = "use crate::Error; pub struct A(Error);";
    has_none(&[("lib.rs", facade), ("a.rs", a)]);
    // The same with a use of the name.
    let facade = format!("{facade} fn f() -> Option<A> {{ None }}");
    assert_eq!(circle(&[("lib.rs", &facade), ("a.rs", a)]), ["a.rs", "lib.rs"]);
}

#[test]
fn what_both_need_is_in_a_third_file() {
    has_none(&[
        ("lib.rs", "mod a; mod b; mod shared; pub use a::A; pub use shared::Error;"),
        ("a.rs", "use crate::b::B; use crate::Error; pub struct A(B, Error);"),
        ("b.rs", "use crate::shared::Error; pub struct B(Error);"),
        ("shared.rs", "pub struct Error;"),
    ]);
}

#[test]
fn modules_themselves_are_no_imports() {
    has_none(&[
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod inner; pub(super) fn f() {} pub(in crate::a) struct P;"),
        ("a/inner.rs", "use super::super::b; fn f() { b::g(); }"),
        ("b.rs", "use crate::a; pub fn g() { a::f(); }"),
    ]);
}

#[test]
fn code_for_tests_does_not_count() {
    has_none(&[
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "pub struct A; #[cfg(test)] mod tests { use crate::b::B; } #[cfg(test)] fn f(_: crate::b::B) {}",
        ),
        ("b.rs", "use crate::a::A; pub struct B(A); #[cfg(all(test, unix))] mod tests;"),
    ]);
}

#[test]
fn inline_modules_are_of_their_file() {
    has_none(&[
        ("lib.rs", "mod a; pub struct A;"),
        (
            "a.rs",
            "mod one { use super::two::Two; pub struct One(Two, crate::A); } mod two { use super::one::One; pub struct Two; }",
        ),
    ]);
    let files = [
        ("lib.rs", "mod a { pub mod b; pub struct A; pub fn f(_: b::B) {} }"),
        ("a/b.rs", "use super::A; pub struct B(A);"),
    ];
    assert_eq!(circle(&files), ["a/b.rs", "lib.rs"]);
}

#[test]
fn other_crates_with_the_names_of_our_modules() {
    has_none(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use ::b::X; pub struct A; fn f() { ::b::g(); }"),
        ("b.rs", "use crate::a::A; use std::a::Y; pub struct B(A); pub fn g() {}"),
    ]);
}

#[test]
fn a_program_and_its_library_are_two() {
    has_none(&[
        ("lib.rs", "pub fn f() {}"),
        ("main.rs", "mod other; fn main() { x::f(); other::g(); }"),
        ("other.rs", "pub fn g() {}"),
    ]);
}

#[test]
fn a_file_that_is_missing_or_no_rust_is_an_error() {
    let error =
        |text| find(&Tree::made_of(&[("crates/x/src/lib.rs", text)]), "crates/x").expect_err("unreadable");
    assert_eq!(error("mod a;").to_string(), "crates/x/src/lib.rs: no file for the module a");
    assert!(error("\nfn (").to_string().starts_with("crates/x/src/lib.rs:2: "));
}
