//! Passwords without TLS, and versions of TLS.

use crate::words::words;

words! {
    /// The clients that may send a password without TLS.
    AllowPlaintext {
        /// No client.
        Never = "never",
        /// Clients on this machine: 127.0.0.0/8 and ::1.
        Loopback = "loopback",
        /// All clients.
        Always = "always",
    }

    /// A version of TLS.
    TlsVersion {
        /// RFC 5246.
        V1_2 = "1.2",
        /// RFC 8446.
        V1_3 = "1.3",
    }
}
