//! Writes the manual pages, the shell completions and the sample configuration: `just man`.
//!
//! The options come from the programs' own command lines, the settings from the table in the crate `config`,
//! and the prose around them from `pages/`. A test fails while a file in the tree differs from what this
//! program would write.
#![forbid(unsafe_code)]

mod files;
mod page;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The top of the repository.
const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> ExitCode {
    for (name, text) in files::all() {
        let file = Path::new(TOP).join(&name);
        let folder = file.parent().unwrap_or(&file);
        if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text)) {
            eprintln!("manual: {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
        println!("{name}");
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_them_again_changes_nothing() {
        for (name, text) in files::all() {
            let here = fs::read_to_string(Path::new(TOP).join(&name)).unwrap_or_default();
            assert!(here == text, "{name} is out of date: run `just man` and commit the changes");
        }
    }

    #[test]
    fn nothing_else_lies_beside_them() {
        let written: Vec<String> = files::all().into_iter().map(|(name, _)| name).collect();
        for folder in ["man", "completions"] {
            for entry in fs::read_dir(Path::new(TOP).join(folder)).unwrap() {
                let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
                assert!(written.contains(&name), "{name} is not written by this program");
            }
        }
    }
}
