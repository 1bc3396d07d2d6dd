//! The maildrop processes: the channel to each, and the maildrops that sessions have open.

mod body;
mod channel;
mod fetch_window;
mod notes;
mod open_mail;
mod receive;

pub(crate) use channel::MaildropChannel;
pub(crate) use open_mail::{NoBody, OpenMail};
pub(crate) use receive::receive;
