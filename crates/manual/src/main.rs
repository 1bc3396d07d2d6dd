//! Writes the manual pages, the shell completions and the sample configuration: `just man`.
//!
//! Options are those of the programs' own command lines, settings those of the table in the crate `config`. What stands
//! around them is in `pages/`. A test fails while a file in the tree is not what this program would write.
#![forbid(unsafe_code)]

mod files;
mod page;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The top of the tree.
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
            assert!(
                here == text,
                "{name} is not what it should be: run `just man` and commit what it changes"
            );
        }
    }

    #[test]
    fn nothing_else_lies_beside_them() {
        let written: Vec<String> = files::all().into_iter().map(|(name, _)| name).collect();
        for folder in ["man", "completions"] {
            for entry in fs::read_dir(Path::new(TOP).join(folder)).unwrap() {
                let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
                assert!(written.contains(&name), "{name} is written by nobody");
            }
        }
    }
}
