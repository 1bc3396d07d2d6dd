//! One user, named where the server was started: `mpopd try`.

use config::Fault;

use super::{Found, Passdb, Query};
use crate::decoy::Decoy;
use crate::password::Secret;
use crate::refusal::Refusal;
use crate::userdb::Owner;

/// The one user that there is.
pub(crate) struct SingleUser {
    pub(crate) owner: Owner,
    pub(crate) secret: Secret,
}

impl Passdb for SingleUser {
    fn find(&mut self, query: &Query<'_>) -> Result<Option<Found>, Refusal> {
        let known = *query.user == self.owner.user;
        Ok(known.then(|| Found::Stored(self.owner.clone(), self.secret.clone())))
    }

    fn decoys(&mut self, _: &Query<'_>) -> Vec<Decoy> {
        vec![Decoy { users: 1, secret: Some(self.secret.clone()) }]
    }

    fn scram_fits(&mut self) -> bool {
        self.secret.stored().scram_fits()
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}
