//! One connection, from the greeting to the log line at its end: drives the dialogue, and carries out what it
//! asks for.

mod handler;
mod listing;
mod login;
mod message;
mod origin;
mod quit;
mod serve;
mod xclient;

pub(crate) use handler::ConnectionHandler;
pub(crate) use origin::Origin;
