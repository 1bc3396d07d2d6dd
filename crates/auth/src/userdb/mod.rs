//! What a user owns: the identity of the process that opens the maildrop, and the maildrop's location.

mod maildrop_paths;
mod owner;
mod qmail;

pub(crate) use maildrop_paths::MaildropPaths;
pub use maildrop_paths::maildrop_of;
pub use owner::OwnerUid;
pub(crate) use owner::{Owner, StatedMaildrop};
