//! What every source of users can do.

use config::{AuthType, Fault};

use crate::decoy::Decoy;
use crate::host::Peer;
use crate::login_error::LoginError;
use crate::name::UserName;
use crate::password::StoredSecret;
use crate::userdb::Owner;

/// The user to look up.
pub(crate) struct UserQuery<'a> {
    pub(crate) user: &'a UserName,
    pub(crate) peer: &'a Peer,
    /// The kind of login, for sources that serve several.
    pub(crate) kind: AuthType,
}

/// What a source knows about a user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FoundUser {
    /// The owner of the mail, and what is stored of the password.
    Stored(Owner, StoredSecret),
    /// The user may not log in, whatever the password.
    Locked,
    /// The source must check the password itself: [`Passdb::ask`].
    Ask,
}

/// A source of users.
pub(crate) trait Passdb {
    /// Looks up a user, without a password. `None` if this source does not know the name, and the next one
    /// may be asked.
    ///
    /// # Errors
    ///
    /// The source failed: a temporary error.
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError>;

    /// Checks the password of a user for whom [`Passdb::find`] returned [`FoundUser::Ask`], or of an unknown
    /// one.
    ///
    /// # Errors
    ///
    /// Why the login fails.
    fn ask(&mut self, query: &UserQuery<'_>, _password: &[u8]) -> Result<Owner, LoginError> {
        let detail = format!("user {}: this source of users checks no passwords", query.user);
        Err(LoginError::temporary(detail))
    }

    /// The owner of the mail of a user for whom [`Passdb::find`] returned [`FoundUser::Ask`], and whose
    /// identity is already proven.
    ///
    /// # Errors
    ///
    /// The user may not log in, or this source needs the password.
    fn vouched(&mut self, query: &UserQuery<'_>) -> Result<Owner, LoginError> {
        let detail = format!("user {}: this source of users knows no login without a password", query.user);
        Err(LoginError::temporary(detail))
    }

    /// Whether SCRAM can check the passwords of all users of this source, as far as that is known.
    fn scram_fits(&mut self) -> bool {
        false
    }

    /// Whether [`Passdb::ask`] may accept a name that [`Passdb::find`] does not know, because it may rename
    /// users.
    fn may_rename(&self) -> bool {
        false
    }

    /// One secret of each cost that occurs where such a name is looked up. The number of costs is bounded.
    fn decoys(&mut self, query: &UserQuery<'_>) -> Vec<Decoy>;

    /// A version that changes whenever a change may invalidate what [`Passdb::ask`] accepted, as far as that
    /// is visible.
    fn version(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads its files, so that processes forked later share the memory.
    fn warm(&mut self) {}

    /// What the administrator should know, found since the last call.
    fn take_remarks(&mut self) -> Vec<Fault>;
}
