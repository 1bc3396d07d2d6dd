//! Circles in a graph of imports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::circle::Circle;
use super::imports::Import;

/// Every group of files of which each reaches each other one.
pub(crate) fn circles(imports: &[Import]) -> Vec<Circle> {
    let mut graph: BTreeMap<&str, Vec<&Import>> = BTreeMap::new();
    for import in imports {
        graph.entry(&import.from).or_default().push(import);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|file| (*file, reachable(&graph, file))).collect();
    let mut grouped = BTreeSet::new();
    let mut found = Vec::new();
    for (file, reaches) in &reached {
        if !reaches.contains(file) || grouped.contains(file) {
            continue;
        }
        let returns = |other: &&str| reached.get(other).is_some_and(|back| back.contains(file));
        let files: BTreeSet<&str> = reaches.iter().copied().filter(returns).collect();
        grouped.extend(files.iter().copied());
        found.push(circle(&graph, &files));
    }
    found
}

fn circle(graph: &BTreeMap<&str, Vec<&Import>>, files: &BTreeSet<&str>) -> Circle {
    let ways = files.iter().filter_map(|file| way_around(graph, file));
    let shortest: Vec<Import> = ways.min_by_key(Vec::len).unwrap_or_default().into_iter().cloned().collect();
    let inside = graph
        .values()
        .flatten()
        .filter(|import| files.contains(import.from.as_str()) && files.contains(import.to.as_str()));
    let others = inside.filter(|import| !shortest.contains(import)).map(|import| (*import).clone()).collect();
    Circle { files: files.iter().map(|file| (*file).to_owned()).collect(), shortest, others }
}

/// The files that imports lead to from `start`; itself only if there is a way back.
fn reachable<'a>(graph: &BTreeMap<&'a str, Vec<&'a Import>>, start: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&Import> = graph.get(start).into_iter().flatten().copied().collect();
    while let Some(import) = next.pop() {
        if seen.insert(import.to.as_str()) {
            next.extend(graph.get(import.to.as_str()).into_iter().flatten());
        }
    }
    seen
}

/// The shortest way from a file back to itself.
fn way_around<'a>(graph: &BTreeMap<&'a str, Vec<&'a Import>>, start: &str) -> Option<Vec<&'a Import>> {
    let mut came_by: BTreeMap<&str, &Import> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(file) = next.pop_front() {
        for import in graph.get(file).into_iter().flatten() {
            if came_by.contains_key(import.to.as_str()) {
                continue;
            }
            came_by.insert(&import.to, import);
            if import.to == start {
                let mut way = vec![*import];
                while let Some(last) = way.last().filter(|last| last.from != start) {
                    way.push(came_by.get(last.from.as_str())?);
                }
                way.reverse();
                return Some(way);
            }
            next.push_back(&import.to);
        }
    }
    None
}
