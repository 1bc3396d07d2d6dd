//! The configurations shown in the documents are valid. `crates/source_checks` checks the links and the
//! commands of the README.

use std::fs;
use std::path::{Path, PathBuf};

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
    assert!(examples > 0, "the README must show a configuration");
}

fn documents() -> Vec<PathBuf> {
    let entries = fs::read_dir(top()).expect("the project").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

fn top() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates' folder");
    crates.parent().expect("the project").to_owned()
}
