//! The client of the load test, on tokio: it allocates nothing between one session and the next.

mod client;
mod error;
mod inactivity_timer;
mod server;
mod stream;

pub use client::{AsyncPop3Client, SessionBuffers};
pub use error::{ClientError, ClientStage};
pub use inactivity_timer::InactivityTimer;
pub use server::{LookupError, RemoteServer};
