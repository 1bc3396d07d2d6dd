//! POP3 dialogues as plain scripts, run against any server.
//!
//! A script is a text file, a step a line:
//!
//! | line | means |
//! |---|---|
//! | `# text` | a comment |
//! | `C: text` | the client sends this line, ended by CRLF |
//! | `c: text` | the client sends these octets and no line end |
//! | `S: pattern` | the server's next line; it must end in CRLF |
//! | `S*` | the server's lines up to and with the one that is a single dot |
//! | `E:` | the server closes the connection |
//! | `---` | the connection is dropped, and the next one begins |
//!
//! In what the client sends, `{user}` and `{password}` stand for the account, `{300*a}` for 300 times `a`, and `\r`, `\n`, `\0`, `\\` and
//! `\xHH` for octets. In a pattern `*` stands for any octets, and `$name` for a word: whatever it was where the name
//! came first, it must be again.
#![forbid(unsafe_code)]

mod pattern;
mod play;
mod script;

pub use play::{Account, Failure, play};
pub use script::{BadScript, Script};
