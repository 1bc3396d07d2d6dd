//! `mpopdctl import`, run as administrators run it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn import(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mpopdctl")).arg("import").args(arguments).output().unwrap()
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/samples").join(name)
}

#[test]
fn what_is_printed_is_a_configuration() {
    for name in ["assignments.conf", "hash.conf"] {
        let output = import(&[&sample(name)]);
        assert_eq!(output.status.code(), Some(0));
        let new = String::from_utf8(output.stdout).unwrap();
        config::parse(Path::new("new"), new.as_bytes()).unwrap_or_else(|faults| panic!("{faults}\n{new}"));
        let checks = new.matches("\n# CHECK ").count();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, format!("{checks} things need a person: see the lines with CHECK\n"));
    }
}

#[test]
fn a_file_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("mpopd.conf");
    let arguments = [sample("hash.conf"), PathBuf::from("-o"), new.clone()];
    let arguments: Vec<&Path> = arguments.iter().map(PathBuf::as_path).collect();
    let first = import(&arguments);
    assert!(first.status.success() && first.stdout.is_empty());
    let text = fs::read(&new).unwrap();
    config::parse(&new, &text).unwrap();
    let second = import(&arguments);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains("exists already"));
    assert_eq!(fs::read(&new).unwrap(), text);
}

#[test]
fn a_fault_names_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.conf");
    fs::write(&old, "$port = 110;\n$greeting = \"no end;\n").unwrap();
    let output = import(&[&old]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, format!("mpopdctl: {}:2: the quoted text that begins here has no end\n", old.display()));
    let output = import(&[Path::new("/nonexistent/old.conf")]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nonexistent/old.conf: No such file"));
}
