//! What may cross the network, and how it is encrypted.

use crate::words::words;

words! {
    /// From where a password may come over a connection without TLS.
    AllowPlaintext {
        /// From nowhere.
        Never = "never",
        /// From this machine: 127.0.0.0/8 and ::1.
        Loopback = "loopback",
        /// From everywhere.
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
