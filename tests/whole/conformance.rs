//! docs/conformance.md and docs/pop3-cves.md name tests, scripts and files that exist, and leave none of theirs out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::dialogues::NOT_DOVECOT;

const PAGES: [&str; 2] = ["docs/conformance.md", "docs/pop3-cves.md"];

#[test]
fn the_tables_name_only_tests_that_exist() {
    let tests = tests_below(&["tests", "crates"]);
    assert!(tests.len() > 500, "all tests were found: {}", tests.len());
    let (mut named, mut missing) = (0, Vec::new());
    for (page, row) in rows() {
        for name in quoted(&row) {
            let exists = match kind(name) {
                Kind::Script => top().join("tests/dialogues").join(name).is_file(),
                Kind::File => top().join(name).is_file(),
                Kind::Test => tests.contains(name),
                Kind::Other => continue,
            };
            named += 1;
            if !exists {
                missing.push(format!("{page}: {name}"));
            }
        }
    }
    assert_eq!(missing, [""; 0], "there are no such tests, scripts or files");
    assert!(named > 200, "the tables were read");
}

#[test]
fn every_script_and_every_test_of_a_fault_is_told_of() {
    let pages = PAGES.map(read).concat();
    for script in fs::read_dir(top().join("tests/dialogues")).expect("tests/dialogues") {
        let name = script.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(kind(&name) != Kind::Script || pages.contains(&format!("`{name}`")), "{name} is not told of");
    }
    for test in tests_below(&["tests/whole/faults"]) {
        assert!(pages.contains(&format!("`{test}`")), "{test} is not told of");
    }
}

#[test]
fn each_difference_with_dovecot_is_explained() {
    let page = read("docs/conformance.md");
    let (_, after) = page.split_once("## Where Dovecot differs").expect("the chapter");
    let table = after.split("\n## ").next().expect("its end");
    let explained: BTreeSet<&str> =
        table.lines().filter(|line| line.starts_with("| `")).map(|row| quoted(row)[0]).collect();
    let found: BTreeSet<String> =
        NOT_DOVECOT.iter().map(|name| format!("{}.txt", name.trim_end_matches('?'))).collect();
    assert_eq!(explained, found.iter().map(String::as_str).collect());
}

#[derive(PartialEq, Eq)]
enum Kind {
    Script,
    File,
    Test,
    /// A setting, a command, an answer.
    Other,
}

/// What a word in backquotes is.
fn kind(word: &str) -> Kind {
    let is_name =
        word.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_');
    if word.ends_with(".txt") && !word.contains('/') {
        Kind::Script
    } else if word.ends_with(".rs") {
        Kind::File
    // The names of tests are sentences; those of settings are not.
    } else if is_name && (word.matches('_').count() > 2 || word == "status_lines") {
        Kind::Test
    } else {
        Kind::Other
    }
}

/// The rows of all tables with their pages.
fn rows() -> Vec<(&'static str, String)> {
    let of_page = |page: &'static str| {
        let text = read(page);
        let rows: Vec<_> =
            text.lines().filter(|line| line.starts_with('|')).map(|row| (page, row.to_owned())).collect();
        rows
    };
    PAGES.into_iter().flat_map(of_page).collect()
}

/// What stands between backquotes.
fn quoted(row: &str) -> Vec<&str> {
    row.split('`').skip(1).step_by(2).collect()
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
            // A contract is run on several formats by a macro.
            let marks = ["#[test]", "#[tokio::test]"];
            let is_contract = path.ends_with("maildrop/tests/contract.rs");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
                if let Some(name) = name.filter(|_| is_test || (is_contract && line.contains("<F: Format>")))
                {
                    found.insert(name.split(['(', '<']).next().unwrap_or_default().to_owned());
                }
                is_test = marks.contains(&line) || (is_test && line.starts_with("#["));
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
