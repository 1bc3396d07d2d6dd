//! What a name that nobody knows is checked against, to take as long as a known one.

use crate::name::UserName;
use crate::password::Secret;
use crate::secret_key::Key;

/// A stored secret for names that no source knows.
#[derive(Clone, Debug)]
pub(crate) struct Decoy {
    /// How many users have a secret of this cost.
    pub(crate) users: u64,
    /// The secret of one of them; none where the source must be asked.
    pub(crate) secret: Option<Secret>,
}

/// Chooses among decoys of several sources, told apart by their words: each cost as often as known users have it, and for the
/// same name always the same. `key` keeps outsiders from knowing which.
///
/// Each cost draws a number for the name, and the lowest one, weighted by its users, wins (rendezvous hashing): so the
/// choice for a name hardly changes when users come and go.
pub(crate) fn choose<S>(
    decoys: Vec<(S, Decoy)>,
    user: &UserName,
    key: &Key,
    word: impl Fn(&S) -> &str,
) -> Option<(S, Decoy)> {
    // How many users PAM or a plugin has, nobody knows: as many as all others.
    let counted: u64 = decoys.iter().filter(|(_, d)| d.secret.is_some()).map(|(_, d)| d.users).sum();
    let draw = |(source, decoy): &(S, Decoy)| {
        let (cost, users) = match &decoy.secret {
            Some(secret) => (secret.stored().cost(), decoy.users),
            None => (&b""[..], counted),
        };
        let mac = key.mac(&[user.as_str().as_bytes(), word(source).as_bytes(), cost]);
        let number = u64::from_le_bytes(mac.first_chunk().copied().unwrap_or_default());
        // Evenly between 0 and 1, neither included; its negative logarithm is what may be weighted.
        let even = (number as f64 + 0.5) / 2f64.powi(64);
        -even.ln() / users.max(1) as f64
    };
    decoys.into_iter().min_by(|a, b| draw(a).total_cmp(&draw(b)))
}
