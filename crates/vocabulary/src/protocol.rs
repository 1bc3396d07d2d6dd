//! Languages and SASL mechanisms.

use crate::words::words;

words! {
    /// A language of replies, by its tag (RFC 5646).
    Language {
        /// English: ASCII only, and the language until the client asks for another one.
        English = "en",
        /// German.
        German = "de",
    }

    /// A SASL mechanism for AUTH (RFC 5034), by the name in which CAPA offers it.
    SaslMechanism {
        /// RFC 4616.
        Plain = "PLAIN",
        /// The two-question form that old mail programs use.
        Login = "LOGIN",
        /// RFC 7677.
        ScramSha256 = "SCRAM-SHA-256",
        /// RFC 7677, bound to the TLS channel.
        ScramSha256Plus = "SCRAM-SHA-256-PLUS",
        /// RFC 4422, appendix A: the client's certificate.
        External = "EXTERNAL",
        /// RFC 7628.
        OauthBearer = "OAUTHBEARER",
        /// What OAUTHBEARER was before it had an RFC.
        Xoauth2 = "XOAUTH2",
    }
}
