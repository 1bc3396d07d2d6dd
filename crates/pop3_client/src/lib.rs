//! A POP3 client for testing servers: it accepts any certificate and hides nothing that the server sends.
//!
//! | module | for whom |
//! |---|---|
//! | [`blocking`] | tests and dialogue scripts: one connection, every wait bounded |
//! | `asynchronous` (feature `tokio`) | the load test: thousands of connections on one runtime |
//!
//! Both share [`ReceiveBuffer`], which cuts what arrives into lines, status lines and multi-line bodies
//! without doing any I/O, and [`tls`].
//!
//! Not for programs that carry anyone's real mail: nothing here proves who the server is.
#![forbid(unsafe_code)]

#[cfg(feature = "tokio")]
pub mod asynchronous;
pub mod blocking;
mod receive_buffer;
pub mod tls;

pub use receive_buffer::ReceiveBuffer;
