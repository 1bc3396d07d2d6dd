//! "Did you mean": the known name nearest to a mistyped one.

/// The nearest of `known`, if it is near enough: at most one edit for every three letters, at least one.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name much longer than any setting is not mistyped, and comparing it is slow.
    if typed.len() > 64 {
        return None;
    }
    let typed = typed.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|name| (edits(&typed, name), name))
        .filter(|(edits, name)| *edits <= (name.chars().count() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// The number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["port", "pop3s_port", "timeout", "login_timeout"];

    #[test]
    fn a_slip_finds_what_was_meant() {
        for (typed, meant) in [
            ("prot", "port"),
            ("Timeout", "timeout"),
            ("login-timeout", "login_timeout"),
            ("pop3_port", "pop3s_port"),
        ] {
            assert_eq!(nearest(typed, KNOWN), Some(meant));
        }
    }

    #[test]
    fn what_is_like_nothing_finds_nothing() {
        for typed in ["", "colour", &"x".repeat(1000)] {
            assert_eq!(nearest(typed, KNOWN), None);
        }
    }
}
