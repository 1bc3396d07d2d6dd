//! What became of every message, for `--mode drain`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::failure::{FailureKind, SessionFailure};
use crate::reference::{ReferenceMailbox, SeenMessages};

/// Accounts for each message of each user over the whole run, by its UIDL.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<usize, UserLedger>>);

#[derive(Debug, Default)]
struct UserLedger {
    fates: HashMap<Box<[u8]>, Fate>,
    /// With `--verify`: how often each message of the reference mailbox was delivered and removed.
    delivered: Option<Vec<u32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Listed, and not removed.
    There,
    /// QUIT succeeded after its DELE.
    Removed,
    /// Gone without that.
    Lost,
    /// QUIT was sent after its DELE, but did not succeed. The message may be there or not; the next listing
    /// tells.
    InDoubt,
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Balance {
    /// Messages ever listed.
    pub(crate) listed: u64,
    /// Downloaded, checked and removed.
    pub(crate) removed: u64,
    /// Gone without having been removed.
    pub(crate) lost: u64,
    /// Still there.
    pub(crate) left: u64,
    /// Removed or still there: QUIT was not answered, and no later session looked.
    pub(crate) in_doubt: u64,
}

impl Ledger {
    /// The server listed these UIDLs to a session of `user`, a number in the roster.
    ///
    /// # Errors
    ///
    /// [`FailureKind::CameBack`] when a removed message is among them, [`FailureKind::Lost`] when one is
    /// missing that no session removed.
    pub(crate) fn listed<'a>(
        &self,
        user: usize,
        uidls: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), SessionFailure> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fates = &mut accounts.entry(user).or_default().fates;
        let mut before = std::mem::take(fates);
        let mut came_back = Vec::new();
        for uidl in uidls {
            if before.remove(uidl) == Some(Fate::Removed) {
                came_back.push(uidl);
            }
            fates.insert(uidl.into(), Fate::There);
        }
        let mut lost = Vec::new();
        for (uidl, fate) in before {
            let now = match fate {
                Fate::There => {
                    lost.push(uidl.clone());
                    Fate::Lost
                }
                Fate::InDoubt => Fate::Removed,
                Fate::Removed | Fate::Lost => fate,
            };
            fates.insert(uidl, now);
        }
        if let Some(first) = came_back.first() {
            let text =
                format!("UIDL: {}, which QUIT had removed", several(first, came_back.len(), "listed again"));
            return Err(SessionFailure::new(FailureKind::CameBack, text));
        }
        lost.sort_unstable();
        if let Some(first) = lost.first() {
            let text = format!(
                "UIDL: {}, and no QUIT had removed it",
                several(first, lost.len(), "not listed any more")
            );
            return Err(SessionFailure::new(FailureKind::Lost, text));
        }
        Ok(())
    }

    /// A session sent QUIT after deleting these messages; `done` if QUIT succeeded.
    pub(crate) fn quit<'a>(&self, user: usize, deleted: impl Iterator<Item = &'a [u8]>, done: bool) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fates = &mut accounts.entry(user).or_default().fates;
        for uidl in deleted {
            fates.insert(uidl.into(), if done { Fate::Removed } else { Fate::InDoubt });
        }
    }

    /// The messages of a user's reference mailbox that earlier sessions delivered.
    pub(crate) fn delivered<'a>(&self, user: usize, reference: &'a ReferenceMailbox) -> SeenMessages<'a> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match accounts.get(&user).and_then(|account| account.delivered.clone()) {
            Some(times) => reference.seen(times),
            None => reference.nothing_seen(),
        }
    }

    /// Keeps what a session saw, after its QUIT succeeded.
    pub(crate) fn keep_delivered(&self, user: usize, seen: &SeenMessages<'_>) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(user).or_default().delivered = Some(seen.times().to_vec());
    }

    /// The users who have had a session.
    pub(crate) fn users(&self) -> Vec<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// The sums over all users.
    pub(crate) fn balance(&self) -> Balance {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut balance = Balance::default();
        for fate in accounts.values().flat_map(|account| account.fates.values()) {
            balance.listed += 1;
            match fate {
                Fate::There => balance.left += 1,
                Fate::Removed => balance.removed += 1,
                Fate::Lost => balance.lost += 1,
                Fate::InDoubt => balance.in_doubt += 1,
            }
        }
        balance
    }
}

fn several(first: &[u8], count: usize, what: &str) -> String {
    let first = first.escape_ascii();
    match count {
        1 => format!("\"{first}\" is {what}"),
        _ => format!("{count} messages are {what}, such as \"{first}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(ledger: &Ledger, uidls: &[&str]) -> Result<(), FailureKind> {
        ledger.listed(0, uidls.iter().map(|uidl| uidl.as_bytes())).map_err(|failure| failure.kind)
    }

    fn quit(ledger: &Ledger, uidls: &[&str], done: bool) {
        ledger.quit(0, uidls.iter().map(|uidl| uidl.as_bytes()), done);
    }

    #[test]
    fn removed_messages_stay_away_and_others_stay() {
        let ledger = Ledger::default();
        listed(&ledger, &["a", "b", "c"]).unwrap();
        quit(&ledger, &["a", "b"], true);
        listed(&ledger, &["c", "d"]).unwrap();
        assert_eq!(ledger.balance(), Balance { listed: 4, removed: 2, lost: 0, left: 2, in_doubt: 0 });
        assert_eq!(listed(&ledger, &["b", "c", "d"]), Err(FailureKind::CameBack));
        assert_eq!(listed(&ledger, &["b", "c"]), Err(FailureKind::Lost));
    }

    #[test]
    fn a_loss_is_told_once() {
        let ledger = Ledger::default();
        listed(&ledger, &["a", "b"]).unwrap();
        assert_eq!(listed(&ledger, &["a"]), Err(FailureKind::Lost));
        listed(&ledger, &["a"]).unwrap();
        assert_eq!(ledger.balance(), Balance { listed: 2, lost: 1, left: 1, ..Balance::default() });
    }

    #[test]
    fn an_unanswered_quit_may_have_happened_or_not() {
        for afterwards in [&["a", "b"][..], &["b"]] {
            let ledger = Ledger::default();
            listed(&ledger, &["a", "b"]).unwrap();
            quit(&ledger, &["a"], false);
            assert_eq!(ledger.balance().in_doubt, 1);
            listed(&ledger, afterwards).unwrap();
            assert_eq!(ledger.balance().in_doubt, 0);
        }
    }

    #[test]
    fn users_have_accounts_of_their_own() {
        let ledger = Ledger::default();
        listed(&ledger, &["a"]).unwrap();
        quit(&ledger, &["a"], true);
        ledger.listed(7, [&b"a"[..]].into_iter()).unwrap();
        assert_eq!(ledger.users(), [0, 7]);
        assert_eq!(ledger.balance().listed, 2);
    }
}
