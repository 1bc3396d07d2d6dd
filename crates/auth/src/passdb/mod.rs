//! The sources of users: who are you?
//!
//! A source is one module here that implements [`Passdb`]. Each kind of `auth_type` is made of one or more of them, see
//! [`crate::sources`]. A source only finds users; whether a password fits what is stored of them is decided in one place for all
//! (`authenticator.rs`), so that no source can forget the decoy, the cache or the locked accounts.

mod answer;
mod directory;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod list;
mod lists;
mod pam_time;
mod plugin;

mod shadow;
mod single;
mod system;
mod userlist;

use config::{AuthType, Fault};

use crate::decoy::Decoy;
use crate::host::Peer;
use crate::name::UserName;
use crate::password::Secret;
use crate::refusal::Refusal;
use crate::userdb::Owner;

pub(crate) use directory::DirectoryUsers;
pub(crate) use lists::HostLists;
pub(crate) use plugin::Plugins;
pub(crate) use shadow::check as check_shadow;
pub(crate) use single::SingleUser;
pub(crate) use system::{NoCheck, SystemUsers};
pub(crate) use userlist::Userlist;

/// Who is looked for.
pub(crate) struct Query<'a> {
    pub(crate) user: &'a UserName,
    pub(crate) peer: &'a Peer,
    /// The kind of login, for sources that serve several.
    pub(crate) kind: AuthType,
}

/// What a source has of a user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This is stored of the password.
    Stored(Owner, Secret),
    /// The user may not log in, whatever the password.
    Locked,
    /// The password is checked elsewhere: [`Passdb::ask`].
    Ask,
}

/// A source of users.
pub(crate) trait Passdb {
    /// Looks a user up, without a password. `None`: this source does not know the name, so that the next one may be asked.
    ///
    /// # Errors
    /// The source cannot say: [`Refusal::Temporary`].
    fn find(&mut self, query: &Query<'_>) -> Result<Option<Found>, Refusal>;

    /// Checks the password of a user for whom [`Passdb::find`] said [`Found::Ask`], or of one that nobody knows.
    ///
    /// # Errors
    /// Why the login fails.
    fn ask(&mut self, query: &Query<'_>, _password: &[u8]) -> Result<Owner, Refusal> {
        Err(Refusal::Temporary(format!("user {}: this source of users checks no passwords", query.user)))
    }

    /// The owner of the mail of a user for whom [`Passdb::find`] said [`Found::Ask`], and for whom somebody else vouches.
    ///
    /// # Errors
    /// They may not log in, or this source says nothing of a user without a password.
    fn vouched(&mut self, query: &Query<'_>) -> Result<Owner, Refusal> {
        Err(Refusal::Temporary(format!(
            "user {}: this source of users knows no login without a password",
            query.user
        )))
    }

    /// Whether SCRAM can check the passwords of all users of this source, as far as that can be known.
    fn scram_fits(&mut self) -> bool {
        false
    }

    /// Whether [`Passdb::ask`] may let in a name that [`Passdb::find`] does not know, because what is asked may rename users.
    fn may_rename(&self) -> bool {
        false
    }

    /// One secret of each cost that occurs where such a name is looked for, the costs bounded in number.
    fn decoys(&mut self, query: &Query<'_>) -> Vec<Decoy>;

    /// Changes whenever something changes that makes a password found right by [`Passdb::ask`] wrong, as far as that is visible.
    fn version(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads what there is to be read, so that processes forked after this share it.
    fn warm(&mut self) {}

    /// What the administrator should know, found since this was last asked.
    fn take_remarks(&mut self) -> Vec<Fault>;
}
