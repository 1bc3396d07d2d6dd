//! The client's end of a connection.

mod buffer;
mod connection;
mod stream;
mod tls;
mod watchdog;

pub(crate) use buffer::Buffer;
pub(crate) use connection::{Connection, Tools};
pub(crate) use stream::Target;
pub(crate) use tls::connector;
pub(crate) use watchdog::Watchdog;
