//! mpopd-directory: asks databases, LDAP servers and OAuth servers what they know of mpopd's users.
//!
//! It is a program of its own, so that neither the processes that run as root nor those that meet clients open a connection
//! to such a server or hold its password. mpopd starts it, as the user `mpopd-directory`, when a table `[sql]`, `[ldap]` or
//! `[oauth]` of mpopd.conf names a server. What it hears and says is in [`ipc::directory`].
//!
//! From the outside in: [`control`] hears the supervisor, [`channel`] an auth process, [`directory`] finds the answer, with
//! [`sql`], [`ldap`] and [`oauth`]; [`pool`] keeps their connections.
//!
//! Whatever a server does, a login ends: each answer has a deadline, and all that goes wrong is a temporary failure. Only a
//! server that works can say that a user is unknown or a password wrong.
#![forbid(unsafe_code)]

mod channel;
mod control;
mod directory;
mod entry;
mod failure;
mod ldap;
mod names;
mod oauth;
mod pool;
mod sql;
mod tls;

fn main() -> std::process::ExitCode {
    control::run()
}
