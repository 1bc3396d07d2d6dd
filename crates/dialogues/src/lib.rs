//! POP3 dialogues as plain scripts that run against any server.
//!
//! A script is a text file with one step per line:
//!
//! | line | means |
//! |---|---|
//! | `# text` | a comment |
//! | `N: pattern` | the script is for servers that list such a capability, and is left out for others |
//! | `C: text` | the client sends this line and CRLF |
//! | `c: text` | the client sends these octets without a line end |
//! | `S: pattern` | the server's next line; it must end in CRLF |
//! | `+: pattern` | the next `S*` has a line like this |
//! | `-: pattern` | the next `S*` has no line like this |
//! | `S*` | the server's lines, including the single dot that ends them |
//! | `T:` | the client begins TLS, and accepts any certificate |
//! | `E:` | the server closes the connection; under TLS, with a close alert |
//! | `---` | the client drops the connection and opens another |
//! | `=2` | the next steps use connection 2, which is opened if necessary; a script begins on 1 |
//!
//! In the text that the client sends, `{user}` and `{password}` stand for the account, `{user64}` and
//! `{password64}` for the same in base64, `{plain}` for the response of SASL PLAIN, `{300*a}` for 300 times
//! `a`, and `\r`, `\n`, `\0`, `\\` and `\xHH` for octets. In a pattern, `*` stands for any octets and `$name`
//! for a word, which must be the same wherever the name occurs.
#![forbid(unsafe_code)]

mod pattern;
mod play;
mod script;

pub use play::{Mismatch, Played, ScriptFailure, play};
pub use script::{BadScript, Script};
