//! Which of our crates may see which. What a process may know is what its crate can name.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue, Error};

use crate::Tree;

/// Our crates, and which of ours each depends on.
pub type CrateGraph = BTreeMap<String, BTreeSet<String>>;

/// The most that each crate may see of ours, directly or through others. Dependencies for tests and build
/// scripts count as well. A crate that is not in this table may not exist.
const MAY_SEE: &[(&str, &[&str])] = &[
    // Words that several crates share.
    ("vocabulary", &[]),
    // The libraries. The storage never sees the protocol, and the protocol never sees a path.
    ("pop3", &["vocabulary"]),
    ("sys", &[]),
    ("config", &["vocabulary"]),
    ("ipc", &["sys", "vocabulary"]),
    ("logging", &["ipc", "sys", "vocabulary"]),
    ("maildrop", &["sys", "vocabulary"]),
    ("auth", &["config", "ipc", "sys", "vocabulary"]),
    // The roles, a process each. The session role parses what strangers send: it knows neither users nor
    // mailboxes nor the configuration. Roles that open files never see the protocol.
    ("session_role", &["ipc", "logging", "pop3", "sys", "vocabulary"]),
    ("auth_role", &["auth", "config", "ipc", "logging", "sys", "vocabulary"]),
    ("maildrop_role", &["ipc", "logging", "maildrop", "sys", "vocabulary"]),
    ("log_role", &["ipc", "logging", "sys", "vocabulary"]),
    // The server starts all roles; its tests play dialogues. It does not see `mpopdctl`, which reads the
    // configurations of the Perl programs.
    (
        "mpopd",
        &[
            "auth",
            "auth_role",
            "config",
            "dialogues",
            "ipc",
            "log_role",
            "logging",
            "maildrop",
            "maildrop_role",
            "pop3",
            "pop3_client",
            "session_role",
            "sys",
            "vocabulary",
        ],
    ),
    // The programs beside the server.
    ("mpopd-directory", &["config", "ipc", "sys", "vocabulary"]),
    // `check-migration` reads maildrops, as their owner.
    ("mpopdctl", &["auth", "config", "ipc", "maildrop", "sys", "vocabulary"]),
    ("mpopd_test", &["page", "pop3", "pop3_client", "vocabulary"]),
    ("mpopdstats", &["config", "page", "vocabulary"]),
    ("page", &[]),
    // What tests the server and other servers.
    ("pop3_client", &["pop3", "vocabulary"]),
    ("dialogues", &["pop3", "pop3_client", "vocabulary"]),
    // It describes every program, and no program sees it.
    (
        "manual",
        &[
            "auth",
            "auth_role",
            "config",
            "ipc",
            "log_role",
            "logging",
            "maildrop",
            "maildrop_role",
            "mpopd",
            "mpopd_test",
            "mpopdctl",
            "mpopdstats",
            "page",
            "pop3",
            "pop3_client",
            "session_role",
            "sys",
            "vocabulary",
            // Through the tests of mpopd.
            "dialogues",
        ],
    ),
    ("source_checks", &[]),
];

/// Reads every crate's manifest.
///
/// # Errors
///
/// A manifest is not TOML.
pub fn graph(tree: &Tree) -> Result<CrateGraph, Error> {
    let mut packages = BTreeMap::new();
    for folder in tree.crate_folders() {
        let manifest = tree.text(&format!("{folder}/Cargo.toml")).unwrap_or_default();
        let manifest = DeTable::parse(manifest)?.into_inner();
        let mut on = BTreeSet::new();
        dependencies(&manifest, &mut on);
        packages.insert(package_name(&manifest).unwrap_or(folder).to_owned(), on);
    }
    let names: BTreeSet<String> = packages.keys().cloned().collect();
    for on in packages.values_mut() {
        on.retain(|name| names.contains(name));
    }
    Ok(packages)
}

/// Every crate that sees what it may not see, and every difference between the crates and the rule's table.
#[must_use]
pub fn violations(graph: &CrateGraph) -> Vec<String> {
    let mut found = against(MAY_SEE, graph);
    let gone = MAY_SEE.iter().filter(|(name, _)| !graph.contains_key(*name));
    found.extend(gone.map(|(name, _)| format!("the rule names {name}, and there is no such crate")));
    found
}

/// Crates other than `sys` that do not forbid unsafe code in their library or a program.
#[must_use]
pub fn may_be_unsafe(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for folder in tree.crate_folders().into_iter().filter(|folder| *folder != "crates/sys") {
        for root in crate::modules::roots(tree, folder) {
            let text = tree.text(&root).unwrap_or_default();
            if !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
                found.push(format!("{root} lacks #![forbid(unsafe_code)]"));
            }
        }
    }
    found
}

fn against(rule: &[(&str, &[&str])], graph: &CrateGraph) -> Vec<String> {
    let mut found = Vec::new();
    for name in graph.keys() {
        let Some((_, allowed)) = rule.iter().find(|(crate_name, _)| crate_name == name) else {
            found.push(format!("the rule does not say what {name} may see"));
            continue;
        };
        let seen = reachable(graph, name);
        found.extend(seen.iter().filter(|seen| !allowed.contains(&seen.as_str())).map(|seen| {
            let through = graph[name].iter().filter(|direct| *direct != seen);
            let through = through.filter(|direct| reachable(graph, direct).contains(seen));
            let through: Vec<&str> = through.map(String::as_str).collect();
            let by = if graph[name].contains(seen) { Vec::new() } else { through };
            let by = if by.is_empty() { String::new() } else { format!(", by way of {}", by.join(" and ")) };
            format!("{name} depends on {seen}{by}")
        }));
    }
    found
}

fn reachable(graph: &CrateGraph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&String> = graph.get(from).into_iter().flatten().collect();
    while let Some(name) = next.pop() {
        if seen.insert(name.clone()) {
            next.extend(graph.get(name).into_iter().flatten());
        }
    }
    seen
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

fn package_name<'a>(manifest: &'a DeTable<'_>) -> Option<&'a str> {
    manifest.get("package")?.get_ref().as_table()?.get("name")?.get_ref().as_str()
}

#[cfg(test)]
mod tests {
    use super::{CrateGraph, MAY_SEE, against, graph, may_be_unsafe, violations};
    use crate::Tree;

    fn made_of(edges: &[(&str, &[&str])]) -> CrateGraph {
        let crates =
            edges.iter().map(|(name, on)| ((*name).to_owned(), on.iter().map(|n| (*n).to_owned()).collect()));
        crates.collect()
    }

    fn broken(edges: &[(&str, &[&str])]) -> Vec<String> {
        against(MAY_SEE, &made_of(edges))
    }

    #[test]
    fn a_broken_rule_is_found() {
        let kept: [(&str, &[&str]); 4] =
            [("pop3", &[]), ("sys", &[]), ("ipc", &["sys"]), ("mpopd", &["pop3", "ipc"])];
        assert!(broken(&kept).is_empty());
        assert_eq!(broken(&[("pop3", &["sys"]), ("sys", &[])]), ["pop3 depends on sys"]);
        assert_eq!(broken(&[("ipc", &["config"]), ("config", &[])]), ["ipc depends on config"]);
        assert_eq!(broken(&[("pop3", &[]), ("maildrop", &["pop3"])]), ["maildrop depends on pop3"]);
    }

    #[test]
    fn each_role_sees_its_own_library_only() {
        for (role, library) in [
            ("session_role", "auth"),
            ("session_role", "maildrop"),
            ("session_role", "config"),
            ("auth_role", "maildrop"),
            ("auth_role", "pop3"),
            ("maildrop_role", "auth"),
            ("maildrop_role", "config"),
            ("maildrop_role", "pop3"),
            ("log_role", "auth"),
            ("log_role", "config"),
            ("log_role", "maildrop"),
            ("log_role", "pop3"),
            ("mpopd", "mpopdctl"),
        ] {
            assert_eq!(
                broken(&[(role, &[library]), (library, &[])]),
                [format!("{role} depends on {library}")]
            );
        }
    }

    #[test]
    fn by_way_of_another_crate_it_is_the_same_dependency() {
        let found = broken(&[("pop3", &[]), ("ipc", &["pop3"]), ("auth", &["ipc"])]);
        assert_eq!(found, ["auth depends on pop3, by way of ipc", "ipc depends on pop3"]);
    }

    #[test]
    fn each_crate_has_its_row_and_each_row_its_crate() {
        let found = broken(&[("newcomer", &[])]);
        assert_eq!(found, ["the rule does not say what newcomer may see"]);
        let found = violations(&made_of(&[("sys", &[])]));
        assert!(found.contains(&"the rule names pop3, and there is no such crate".to_owned()), "{found:?}");
    }

    #[test]
    fn manifests_are_read_with_renamed_test_and_target_dependencies() {
        let tree = Tree::made_of(&[
            (
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nserde = \"1\"\nb = { path = \"../b\" }",
            ),
            (
                "crates/b/Cargo.toml",
                "[package]\nname = \"b\"\n[dev-dependencies]\nx = { path = \"../c\", package = \"c-c\" }",
            ),
            (
                "crates/c/Cargo.toml",
                "[package]\nname = \"c-c\"\n[target.'cfg(unix)'.build-dependencies.a]\npath = \"../a\"",
            ),
        ]);
        let expected = made_of(&[("a", &["b"]), ("b", &["c-c"]), ("c-c", &["a"])]);
        assert_eq!(graph(&tree).expect("manifests"), expected);
    }

    #[test]
    fn a_crate_that_allows_unsafe_code_is_found() {
        let tree = Tree::made_of(&[
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/lib.rs", "#![forbid(unsafe_code)]"),
            ("crates/a/src/main.rs", "fn main() {}"),
            ("crates/sys/Cargo.toml", ""),
            ("crates/sys/src/lib.rs", ""),
        ]);
        assert_eq!(may_be_unsafe(&tree), ["crates/a/src/main.rs lacks #![forbid(unsafe_code)]"]);
    }
}
