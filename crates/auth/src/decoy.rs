//! What the password of an unknown name is checked against, so that it takes as long as for a known one.

use crate::mac_key::MacKey;
use crate::name::UserName;
use crate::password::StoredSecret;

/// A stored secret to check unknown names against.
#[derive(Clone, Debug)]
pub(crate) struct Decoy {
    /// The number of users whose secret has this cost.
    pub(crate) users: u64,
    /// The secret of one of them; `None` if the source itself must be asked.
    pub(crate) secret: Option<StoredSecret>,
}

/// Chooses among the decoys of several sources, which `word` tells apart. Each cost is chosen as often as
/// known users have it, and always the same one for the same name. `key` keeps outsiders from predicting
/// which.
///
/// For each name, every cost draws a number; the lowest one, weighted by its users, wins (rendezvous
/// hashing). So the choice for a name rarely changes when users come and go.
#[expect(clippy::cast_precision_loss, reason = "the weights need not be exact")]
pub(crate) fn choose<S>(
    decoys: Vec<(S, Decoy)>,
    user: &UserName,
    key: &MacKey,
    word: impl Fn(&S) -> &str,
) -> Option<(S, Decoy)> {
    // The number of users of PAM or a plugin is unknown: assumed to be as large as that of all others
    // together.
    let counted: u64 = decoys.iter().filter(|(_, d)| d.secret.is_some()).map(|(_, d)| d.users).sum();
    let draw = |(source, decoy): &(S, Decoy)| {
        let (cost, users) = match &decoy.secret {
            Some(secret) => (secret.stored().cost(), decoy.users),
            None => (&b""[..], counted),
        };
        let mac = key.mac(&[user.as_str().as_bytes(), word(source).as_bytes(), cost]);
        let number = u64::from_le_bytes(mac.first_chunk().copied().unwrap_or_default());
        // Uniform between 0 and 1, both excluded; its negative logarithm can be weighted.
        let even = (number as f64 + 0.5) / 2f64.powi(64);
        -even.ln() / users.max(1) as f64
    };
    decoys.into_iter().min_by(|a, b| draw(a).total_cmp(&draw(b)))
}
