//! The sources of users: who are you?
//!
//! A source is one module here that implements [`Passdb`]. Each kind of `auth_type` is made of one or more of them.

mod list;
mod single;
mod userlist;

use std::net::IpAddr;

use config::Fault;

use crate::name::UserName;
use crate::refusal::Refusal;
use crate::userdb::Owner;

pub(crate) use single::SingleUser;
pub(crate) use userlist::UserlistFile;

/// A login to be judged.
pub(crate) struct Attempt<'a> {
    pub(crate) user: &'a UserName,
    pub(crate) password: &'a [u8],
    /// The client's address.
    #[expect(
        dead_code,
        reason = "kinds 2 to 5 choose the user list by its host name; they are not built yet"
    )]
    pub(crate) peer: IpAddr,
}

/// A source of users.
pub(crate) trait Passdb {
    /// Judges a login. An unknown user costs the same time as a wrong password.
    ///
    /// # Errors
    /// [`Refusal::UnknownUser`] if this source does not know the name, so that the next one may be asked.
    fn authenticate(&mut self, attempt: &Attempt<'_>) -> Result<Owner, Refusal>;

    /// What the administrator should know, found since this was last asked.
    fn take_remarks(&mut self) -> Vec<Fault>;
}
