//! The client's side of a connection: sockets, TLS records, buffers and bounds.

mod backlog;
pub(crate) mod buffers;
mod certificate;
mod client_stream;
mod transport;

pub(crate) use client_stream::ClientStream;
