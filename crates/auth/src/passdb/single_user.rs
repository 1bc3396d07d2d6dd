//! The only user of `mpopd try`.

use config::Fault;

use super::interface::{FoundUser, Passdb, UserQuery};
use crate::decoy::Decoy;
use crate::login_error::LoginError;
use crate::password::StoredSecret;
use crate::userdb::Owner;

/// A source with a single user, given when the server is started.
pub(crate) struct SingleUser {
    pub(crate) owner: Owner,
    pub(crate) secret: StoredSecret,
}

impl Passdb for SingleUser {
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError> {
        let known = *query.user == self.owner.user;
        Ok(known.then(|| FoundUser::Stored(self.owner.clone(), self.secret.clone())))
    }

    fn decoys(&mut self, _: &UserQuery<'_>) -> Vec<Decoy> {
        vec![Decoy { users: 1, secret: Some(self.secret.clone()) }]
    }

    fn scram_fits(&mut self) -> bool {
        self.secret.stored().scram_fits()
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}
