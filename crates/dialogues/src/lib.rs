//! POP3 dialogues as plain scripts, run against any server.
//!
//! A script is a text file, a step a line:
//!
//! | line | means |
//! |---|---|
//! | `# text` | a comment |
//! | `N: pattern` | the script is for servers that list such a capability; against others it is left out |
//! | `C: text` | the client sends this line, ended by CRLF |
//! | `c: text` | the client sends these octets and no line end |
//! | `S: pattern` | the server's next line; it must end in CRLF |
//! | `+: pattern` | among the lines of the next `S*` there is one like this |
//! | `-: pattern` | among the lines of the next `S*` there is none like this |
//! | `S*` | the server's lines up to and with the one that is a single dot |
//! | `T:` | the client begins TLS; it takes any certificate |
//! | `E:` | the server closes the connection, under TLS with a close alert |
//! | `---` | the connection is dropped, and the next one begins |
//! | `=2` | what follows happens on connection 2, which is opened if need be; a script begins on 1 |
//!
//! In what the client sends, `{user}` and `{password}` stand for the account, `{user64}` and `{password64}` for the same in base64,
//! `{plain}` for the response of SASL PLAIN, `{300*a}` for 300 times `a`, and `\r`, `\n`, `\0`, `\\` and `\xHH` for octets. In a
//! pattern `*` stands for any octets, and `$name` for a word: whatever it was where the name came first, it must be again.
#![forbid(unsafe_code)]

mod connection;
mod pattern;
mod play;
mod script;

pub use play::{Account, Failure, Played, play};
pub use script::{BadScript, Script};
