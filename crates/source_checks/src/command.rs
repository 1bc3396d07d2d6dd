//! The checks on the command line.

use std::process::ExitCode;

use crate::documents::{columns, links, retired};
use crate::{Tree, circles, dependencies, names};

const USAGE: &str = "usage: source_checks circles [CRATE] | names | dependencies | documents";

/// Runs one check and prints what it finds.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let tree = match Tree::of_this_project() {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("the tree cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let found = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["circles"] => {
            tree.crate_folders().into_iter().flat_map(|folder| circles_of(&tree, folder)).collect()
        }
        ["circles", name] => {
            let folder = format!("crates/{name}");
            if !tree.contains(&folder) {
                eprintln!("there is no {folder}");
                return ExitCode::FAILURE;
            }
            circles_of(&tree, &folder)
        }
        ["names"] => names::find(&tree).unwrap_or_else(|error| vec![error.to_string()]),
        ["dependencies"] => match dependencies::graph(&tree) {
            Ok(graph) => dependencies::violations(&graph),
            Err(error) => vec![error.to_string()],
        },
        ["documents"] => {
            let (broken, orphans) = (links::find_broken(&tree), links::find_orphans(&tree));
            [broken, orphans, columns::find(&tree), retired::find(&tree)].concat()
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    for finding in &found {
        println!("{}", finding.trim_end());
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn circles_of(tree: &Tree, folder: &str) -> Vec<String> {
    match circles::find(tree, folder) {
        Ok(circles) => circles.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}
