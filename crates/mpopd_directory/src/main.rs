//! mpopd-directory: asks databases, LDAP servers and OAuth servers what they know of mpopd's users.
//!
//! It is a separate program so that neither the processes that run as root nor those that talk to clients
//! open a connection to such a server or hold its password. mpopd starts it as the user `mpopd-directory`
//! when a table `[sql]`, `[ldap]` or `[oauth]` of mpopd.conf names a server. [`ipc::directory`] has its
//! messages.
//!
//! From the outside in: [`control`] is the channel of the supervisor, [`channel`] that of an auth process.
//! [`directory`] finds the answer with [`sql`], [`ldap`] and [`oauth`]; [`pool`] keeps their connections.
//!
//! A login ends whatever a server does: each answer has a deadline, and every error is a temporary failure.
//! Only a working server can report that a user is unknown or a password wrong.
#![forbid(unsafe_code)]

mod channel;
mod control;
mod directory;
mod failure;
mod ldap;
mod names;
mod oauth;
mod pool;
mod record;
mod sql;
mod tls;

fn main() -> std::process::ExitCode {
    control::run()
}
