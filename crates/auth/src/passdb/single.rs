//! One user, named where the server was started: `mpopd try`.

use config::Fault;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Attempt, Passdb};
use crate::name::UserName;
use crate::refusal::Refusal;
use crate::userdb::Owner;

/// The one user that there is.
pub(crate) struct SingleUser {
    pub(crate) user: UserName,
    pub(crate) password: Zeroizing<Vec<u8>>,
    pub(crate) owner: Owner,
}

impl Passdb for SingleUser {
    fn authenticate(&mut self, attempt: &Attempt<'_>) -> Result<Owner, Refusal> {
        let right = self.password.ct_eq(attempt.password);
        match (attempt.user == &self.user, bool::from(right)) {
            (false, _) => Err(Refusal::UnknownUser),
            (true, false) => Err(Refusal::Password),
            (true, true) => Ok(self.owner.clone()),
        }
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}
