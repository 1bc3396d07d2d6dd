//! The dependency rule of the design: who may know whom among our crates; and `unsafe` in one crate only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// Our crates, and which of ours each depends on.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_crates_depend_on_each_other_as_designed() {
    let graph = graph();
    assert!(graph.len() >= 7, "all crates were found: {:?}", graph.keys());
    assert_eq!(violations(&graph), [] as [String; 0]);
}

#[test]
fn a_broken_rule_is_found() {
    let graph = |edges: &[(&str, &[&str])]| -> Graph {
        let crates =
            edges.iter().map(|(name, on)| ((*name).to_owned(), on.iter().map(|n| (*n).to_owned()).collect()));
        crates.collect()
    };
    assert_eq!(
        violations(&graph(&[("pop3", &[]), ("sys", &[]), ("ipc", &["sys"]), ("mpopd", &["pop3", "ipc"])]))
            .len(),
        0
    );
    assert_eq!(violations(&graph(&[("pop3", &["sys"]), ("sys", &[])])).len(), 1);
    assert_eq!(violations(&graph(&[("ipc", &["config"]), ("config", &[])])).len(), 1);
    assert_eq!(violations(&graph(&[("pop3", &[]), ("maildrop", &["pop3"])])).len(), 1);
    // By way of another crate it is the same dependency.
    assert_eq!(violations(&graph(&[("pop3", &[]), ("ipc", &["pop3"]), ("auth", &["ipc"])])).len(), 1);
    assert_eq!(violations(&graph(&[("newcomer", &["mpopd"]), ("mpopd", &[])])).len(), 1);
}

#[test]
fn only_sys_may_have_unsafe_code() {
    for crate_folder in crate_folders() {
        let name = crate_folder.file_name().expect("a name").to_string_lossy().into_owned();
        let roots = ["src/lib.rs", "src/main.rs"].map(|file| crate_folder.join(file));
        for root in roots.iter().filter(|root| root.is_file() && name != "sys") {
            let text = fs::read_to_string(root).expect("a crate root");
            let forbids = text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
            assert!(forbids, "{} lacks #![forbid(unsafe_code)]", root.display());
        }
    }
}

/// What the rule says of each crate: the most it may see of ours, seen through all others.
fn may_see(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "pop3" | "sys" => &[],
        "ipc" | "config" => &["pop3", "sys"],
        "maildrop" | "auth" => &["sys", "ipc", "config"],
        // It describes every program, and no program sees it.
        "mpopd" | "manual" => return None,
        // It reads maildrops for `check-migration`, as their owner.
        "mpopdctl" => &["sys", "ipc", "config", "maildrop", "auth"],
        "pop3_client" => &["pop3", "vocabulary"],
        "page" => &[],
        "mpopd_test" => &["pop3", "pop3_client", "page", "vocabulary"],
        "dialogues" => &["pop3", "pop3_client", "vocabulary"],
        "mpopdstats" => &["config", "page", "vocabulary"],
        // The programs beside mpopd: they speak the protocol and read the configuration, and open no mail.
        _ => &["pop3", "sys", "ipc", "config", "page"],
    })
}

fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for name in graph.keys() {
        let Some(allowed) = may_see(name) else { continue };
        for seen in reachable(graph, name) {
            if !allowed.contains(&seen.as_str()) {
                found.push(format!("{name} depends on {seen}"));
            }
        }
    }
    found
}

fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&String> = graph.get(from).into_iter().flatten().collect();
    while let Some(name) = next.pop() {
        if seen.insert(name.clone()) {
            next.extend(graph.get(name).into_iter().flatten());
        }
    }
    seen
}

/// Reads every crate's Cargo.toml. Dependencies for tests and build scripts count as well.
fn graph() -> Graph {
    let names: BTreeSet<String> = crate_folders().iter().map(|folder| package_name(folder)).collect();
    let manifests = crate_folders().into_iter().map(|folder| {
        let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let manifest = DeTable::parse(&text).expect("TOML");
        let mut on = BTreeSet::new();
        dependencies(manifest.get_ref(), &mut on);
        on.retain(|name| names.contains(name));
        (package_name(&folder), on)
    });
    manifests.collect()
}

/// Collects the packages in every table of dependencies, those of single targets included, under their real
/// names.
fn dependencies(table: &DeTable<'_>, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let DeValue::Table(inner) = value.get_ref() else { continue };
        if !key.get_ref().ends_with("dependencies") {
            dependencies(inner, found);
            continue;
        }
        for (name, how) in inner {
            let renamed = match how.get_ref() {
                DeValue::Table(how) => how.get("package").and_then(|package| package.get_ref().as_str()),
                _ => None,
            };
            found.insert(renamed.unwrap_or(name.get_ref()).to_owned());
        }
    }
}

fn package_name(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    let manifest = DeTable::parse(&text).expect("TOML");
    let package = manifest.get_ref().get("package").expect("a package").get_ref();
    let name = package.as_table().and_then(|package| package.get("name")).expect("a name").get_ref();
    name.as_str().expect("a string").to_owned()
}

fn crate_folders() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crates' folder");
    let entries =
        fs::read_dir(crates).expect("the crates' folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|folder| folder.join("Cargo.toml").is_file()).collect()
}
