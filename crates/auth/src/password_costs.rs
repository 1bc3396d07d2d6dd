//! How often each cost of checking a password occurs.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::decoy::Decoy;
use crate::password::StoredPassword;

/// Which costs occur among stored passwords, and how often each does.
#[derive(Default)]
pub(crate) struct PasswordCosts<'a>(HashMap<&'a [u8], (u64, StoredPassword<'a>)>);

impl<'a> PasswordCosts<'a> {
    /// The number of different costs that become decoys. The rarest beyond that do not matter.
    const MOST: usize = 16;

    pub(crate) fn count(&mut self, password: StoredPassword<'a>) {
        if password != StoredPassword::Locked {
            self.0.entry(password.cost()).or_insert((0, password)).0 += 1;
        }
    }

    /// One password of each cost, the most frequent costs first.
    pub(crate) fn decoys(self) -> Vec<Decoy> {
        let mut costs: Vec<_> = self.0.into_values().collect();
        // Equally frequent costs are sorted by themselves: the order must not depend on chance.
        costs.sort_by_key(|(users, password)| (Reverse(*users), password.cost()));
        costs.truncate(Self::MOST);
        costs.into_iter().map(|(users, password)| Decoy { users, secret: password.secret() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoys_are_one_of_each_cost() {
        let costs = |fields: &[&[u8]]| {
            let mut costs = PasswordCosts::default();
            fields.iter().for_each(|field| costs.count(StoredPassword::parse(field).unwrap()));
            let cost = |decoy: &Decoy| decoy.secret.as_ref().unwrap().stored().cost().to_vec();
            costs.decoys().iter().map(|decoy| (decoy.users, cost(decoy))).collect::<Vec<_>>()
        };
        assert_eq!(
            costs(&[b"$1$s$h", b"$6$s$h", b"$6$t$h", b"!", b"!", b"!"]),
            [(2, b"$6$".to_vec()), (1, b"$1$".to_vec())]
        );
        assert_eq!(
            costs(&[b"$y$j9T$s$h", b"$y$jAT$s$h"]),
            [(1, b"$y$j9T$".to_vec()), (1, b"$y$jAT$".to_vec())]
        );
        assert_eq!(costs(&[b"!"]), []);
        let many: Vec<_> = (0..100).map(|n| format!("$6$rounds={n}000$s$h")).collect();
        let many: Vec<_> = many.iter().map(|field| field.as_bytes()).collect();
        assert_eq!(costs(&many).len(), PasswordCosts::MOST);
    }
}
