//! TLS: reads the certificates of the `[tls]` settings and prepares them for rustls.

mod by_name;
mod error;
mod load;
mod pem_files;
mod settings;
mod validity;

pub use error::{FileProblem, TlsError, TlsErrors, TlsReport};
pub use load::load;
pub use settings::TlsSettings;
pub use validity::remarks;
