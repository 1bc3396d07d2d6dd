//! Every test, script and file that docs/conformance.md and docs/pop3-cves.md name exists, and they name all
//! that they should.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::dialogues::NOT_DOVECOT;

const PAGES: [&str; 2] = ["docs/conformance.md", "docs/pop3-cves.md"];

#[test]
fn the_tables_name_only_tests_that_exist() {
    let tests = tests_below(&["tests", "crates"]);
    assert!(tests.len() > 500, "too few tests were found: {}", tests.len());
    let (mut named, mut missing) = (0, Vec::new());
    for page in PAGES {
        let text = read(page);
        for (column, cell) in cells(&text) {
            for name in quoted(cell) {
                let exists = match name.rsplit_once('.') {
                    Some((_, "txt")) => top().join("tests/dialogues").join(name).is_file(),
                    Some((_, "rs")) => top().join(name).is_file(),
                    _ if ["test", "tested by"].contains(&column) => tests.contains(name),
                    _ => continue,
                };
                named += 1;
                if !exists {
                    missing.push(format!("{page}: {name}"));
                }
            }
        }
    }
    assert_eq!(missing, [""; 0], "the documents name tests, scripts or files that do not exist");
    assert!(named > 400, "too few names were found in the tables: {named}");
}

#[test]
fn every_script_and_every_test_of_a_fault_is_told_of() {
    let pages = PAGES.map(read).concat();
    for script in fs::read_dir(top().join("tests/dialogues")).expect("tests/dialogues") {
        let name = script.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(!name.ends_with(".txt") || pages.contains(&format!("`{name}`")), "{name} is not mentioned");
    }
    for test in tests_below(&["tests/whole/faults"]) {
        assert!(pages.contains(&format!("`{test}`")), "{test} is not mentioned");
    }
}

#[test]
fn each_difference_with_dovecot_is_explained() {
    let page = read("docs/conformance.md");
    let (_, after) = page.split_once("## Where Dovecot differs").expect("the chapter");
    let chapter = after.split("\n## ").next().expect("its end");
    let scripts = cells(chapter).into_iter().filter(|(column, _)| *column == "script");
    let explained: BTreeSet<&str> = scripts.flat_map(|(_, cell)| quoted(cell)).collect();
    let found: BTreeSet<String> =
        NOT_DOVECOT.iter().map(|name| format!("{}.txt", name.trim_end_matches('?'))).collect();
    assert_eq!(explained, found.iter().map(String::as_str).collect());
}

/// The cells of all tables, each with its column heading.
fn cells(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut heads = Vec::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
            heads.clear();
            continue;
        };
        let row: Vec<&str> = row.split('|').map(str::trim).collect();
        if heads.is_empty() {
            heads = row;
            continue;
        }
        assert_eq!(row.len(), heads.len(), "a row with a wrong number of columns: {line}");
        found.extend(heads.iter().copied().zip(row));
    }
    found
}

/// The texts between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests in these folders.
fn tests_below(folders: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| top().join(folder)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            // A macro runs the tests of the contract on several formats.
            let is_contract = path.ends_with("maildrop/tests/contract.rs");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
                if let Some(name) = name.filter(|_| is_test || (is_contract && line.contains("<F: Format>")))
                {
                    found.insert(name.split(['(', '<']).next().unwrap_or_default().to_owned());
                }
                is_test = line.ends_with("test]") || (is_test && line.starts_with("#["));
            }
        }
    }
    found
}

fn read(name: &str) -> String {
    fs::read_to_string(top().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn top() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates' folder");
    crates.parent().expect("the project").to_owned()
}
