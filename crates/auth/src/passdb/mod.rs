//! The sources of users: is this the user they claim to be?
//!
//! Each source is a module here that implements [`Passdb`]. Each kind of `auth_type` uses one or more of
//! them, see [`crate::user_sources`]. A source only finds users. Whether a password matches what is stored is
//! decided in one place for all sources (`authenticator.rs`), so that none of them can forget the decoy, the
//! cache or locked accounts.

mod directory_users;
mod fields;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod host_and_local;
mod host_lists;
mod indexed_userlist;
mod interface;
mod pam_time;
mod plugin;
mod plugin_account;
mod read_file;
mod shadow;
mod single_user;
mod system_users;
mod userlist;

pub(crate) use directory_users::DirectoryUsers;
pub(crate) use host_lists::HostLists;
pub(crate) use interface::{FoundUser, Passdb, UserQuery};
pub(crate) use plugin::Plugins;
pub(crate) use shadow::check as check_shadow;
pub(crate) use single_user::SingleUser;
pub(crate) use system_users::{CheckerUnavailable, SystemUsers};
pub(crate) use userlist::Userlist;
