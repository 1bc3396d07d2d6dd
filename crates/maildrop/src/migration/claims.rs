//! One UIDL for each message, whatever the old server called the messages.

use std::collections::{HashMap, HashSet};

use super::remembered::RememberedUidls;
use crate::uidl::{self, Uidl};

/// The UIDLs of all messages. `old` are those that the old server gave, and `defaults` are those that we
/// would give.
///
/// A message claims both, and gets the old one if it can. If several messages claim the same UIDL, the one
/// that is remembered to have it gets it. Otherwise the first one does, and that is remembered from then on:
/// mail that arrives or goes changes no other message's UIDL.
pub(super) fn settle(old: Vec<Option<Uidl>>, defaults: Vec<Uidl>, memory: &mut RememberedUidls) -> Vec<Uidl> {
    // For each UIDL, the first message that claims it, and whether others do.
    let mut claims: HashMap<Uidl, (usize, bool)> = HashMap::with_capacity(defaults.len() * 2);
    for (index, (old, default)) in old.iter().zip(&defaults).enumerate() {
        for uidl in old.iter().chain([default]) {
            let claim = claims.entry(*uidl).or_insert((index, false));
            claim.1 |= claim.0 != index;
        }
    }
    for (uidl, &(first, contested)) in &claims {
        if contested && let Some(&holder) = defaults.get(first) {
            memory.hold(*uidl, holder);
        }
    }
    memory.retain(|uidl| claims.contains_key(uidl));

    let may_have = |uidl: &Uidl, default: &Uidl| memory.holder(uidl).is_none_or(|holder| holder == default);
    let mut used = HashSet::with_capacity(defaults.len());
    let mut settled = Vec::with_capacity(defaults.len());
    for (old, default) in old.iter().zip(&defaults) {
        let candidate = old.iter().chain([default]).find(|uidl| may_have(uidl, default));
        settled.push(candidate.copied().filter(|uidl| used.insert(*uidl)));
    }
    let mut last_resort = |default: Uidl| {
        let digest = uidl::digest(blake3::Hasher::new().update(default.as_bytes()));
        let mut ordinals = 1..=u32::MAX;
        ordinals.find_map(|ordinal| Some(Uidl::of_digest(&digest, ordinal)).filter(|uidl| used.insert(*uidl)))
    };
    settled
        .into_iter()
        .zip(defaults)
        // An older message has this one's default.
        .map(|(settled, default)| settled.or_else(|| last_resort(default)).unwrap_or(default))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uidl(text: &str) -> Uidl {
        Uidl::new(text.as_bytes()).unwrap()
    }

    /// Messages given as `old/default`, or `/default` for a message that the old server did not know.
    fn settled(memory: &mut RememberedUidls, messages: &[&str]) -> Vec<String> {
        let (old, defaults) = messages
            .iter()
            .map(|message| message.split_once('/').unwrap())
            .map(|(old, default)| ((!old.is_empty()).then(|| uidl(old)), uidl(default)))
            .unzip();
        settle(old, defaults, memory).iter().map(Uidl::to_string).collect()
    }

    #[test]
    fn the_old_uidl_where_there_is_one() {
        assert_eq!(settled(&mut RememberedUidls::default(), &["A/1", "/2", "C/3"]), ["A", "2", "C"]);
    }

    #[test]
    fn a_doubled_one_stays_with_the_first_and_never_passes_to_another() {
        let memory = &mut RememberedUidls::default();
        assert_eq!(settled(memory, &["A/1", "B/2"]), ["A", "B"]);
        assert_eq!(settled(memory, &["A/1", "B/2", "A/3", "A/4"]), ["A", "B", "3", "4"]);
        assert_eq!(settled(memory, &["B/2", "A/3", "A/4"]), ["B", "3", "4"]);
        assert_eq!(settled(memory, &["A/4"]), ["4"]);
        assert_eq!(settled(memory, &["A/0", "A/4", "A/1"]), ["0", "4", "A"], "back from a backup");
    }

    #[test]
    fn a_default_that_an_older_message_has_is_not_used_again() {
        let memory = &mut RememberedUidls::default();
        assert_eq!(settled(memory, &["5/1"]), ["5"]);
        let both = settled(memory, &["5/1", "/5"]);
        assert_eq!((&*both[0], both[1].len()), ("5", 32));
        assert_eq!(settled(memory, &["/5"]), both[1..]);
        // The first message never used it, but could have.
        assert_eq!(settled(&mut RememberedUidls::default(), &["x/1", "1/2"]), ["x", "2"]);
    }

    #[test]
    fn what_nobody_claims_is_forgotten() {
        let memory = &mut RememberedUidls::default();
        settled(memory, &["A/1", "A/2"]);
        assert!(memory.holder(&uidl("A")).is_some());
        settled(memory, &["B/1", "B/3"]);
        assert!(memory.holder(&uidl("A")).is_none() && memory.holder(&uidl("B")).is_some());
    }

    proptest! {
        #[test]
        fn all_differ_and_none_changes(
            olds in prop::collection::vec(prop::option::of(0u8..12), 1..12),
            arrived in 0usize..12,
            deleted in prop::collection::vec(any::<bool>(), 12),
        ) {
            let all: Vec<String> = olds
                .iter()
                .enumerate()
                .map(|(index, old)| {
                    let old = old.map_or(String::new(), |old| format!("{old}x"));
                    format!("{old}/{index}x")
                })
                .collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let memory = &mut RememberedUidls::default();
            let first = settled(memory, &all);
            prop_assert_eq!(first.iter().collect::<HashSet<_>>().len(), all.len());
            let kept = |index: &usize| !deleted[*index] || *index >= arrived;
            let left: Vec<_> = (0..all.len()).filter(kept).collect();
            let messages: Vec<_> = left.iter().map(|&index| all[index]).collect();
            let expected: Vec<_> = left.iter().map(|&index| first[index].clone()).collect();
            prop_assert_eq!(settled(memory, &messages), expected);
        }
    }
}
