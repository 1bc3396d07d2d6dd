//! The documents say what is so: the README's commands are CI's commands, its configuration starts, its links
//! lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

const TRY: &str = "cargo run --release -- try";
const TEST: &str = "cargo test --workspace";

#[test]
fn the_readme_shows_its_two_commands_first() {
    let readme = read("README.md");
    let first_screen: Vec<&str> = readme.lines().take(40).collect();
    for command in [TRY, TEST] {
        assert!(
            first_screen.iter().any(|line| line.trim() == command),
            "`{command}` is not on the first screen"
        );
    }
}

#[test]
fn ci_runs_the_commands_of_the_readme() {
    let justfile = read("justfile");
    let ci = read(".ci/run");
    assert!(justfile.lines().any(|line| line.trim() == TEST), "no recipe runs `{TEST}`");
    assert!(ci.contains(TRY), ".ci/run does not run `{TRY}`");
    for recipe in ["fmt-check", "lint", "test", "deny"] {
        assert!(justfile.lines().any(|line| line.starts_with(&format!("{recipe}:"))), "no recipe {recipe}");
        assert!(ci.contains(&format!("just {recipe}")), ".ci/run does not call `just {recipe}`");
    }
}

#[test]
fn configurations_in_documents_have_no_faults() {
    let mut examples = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        for example in text.split("```toml\n").skip(1) {
            let (example, _) = example.split_once("```").expect("the end of an example");
            let file = document.file_name().expect("a name");
            let loaded = config::parse(Path::new(file), example.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
            loaded.check_serving().unwrap_or_else(|e| panic!("{e}"));
            examples += 1;
        }
    }
    assert!(examples > 0, "the README shows a configuration");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(top().join(target).exists(), "{}: no {target}", document.display());
        }
    }
}

fn documents() -> Vec<PathBuf> {
    let entries = fs::read_dir(top()).expect("the project").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(top().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn top() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates' folder");
    crates.parent().expect("the project").to_owned()
}
