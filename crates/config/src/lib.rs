//! mpopd.conf: the settings, their parser and their documentation.
//!
//! Each setting is declared once, in the table of [`Config`] (`table.rs`): name, type, default, accepted
//! values and help text. This table generates the typed [`Config`], its parser, the output of
//! `--print-config` ([`Config::to_toml`]), the settings in mpopd.conf(5) ([`man_settings`]) and the commented
//! sample file ([`sample`]). None of them can miss a setting.
//!
//! [`load`] reads a file. It reports every error of the file as a [`Fault`] with file, line and key, so that
//! an administrator can fix all of them at once. [`Loaded::check_serving`] checks what only matters for a
//! server that is about to start, so that `--print-config` works with an unfinished file.
//!
//! ```
//! let text = b"port = 8110\nauth_type = 6\nuserlist = \"/etc/mpopd/users\"\n";
//! let loaded = config::parse(std::path::Path::new("mpopd.conf"), text).expect("no errors");
//! loaded.check_serving().expect("complete enough to serve");
//! assert_eq!(loaded.config.port, 8110);
//! ```
#![forbid(unsafe_code)]

mod check;
mod cidr;
mod fault;
mod file;
mod kind;
mod kinds;
mod kinds_of_servers;
mod kinds_of_tls;
mod macros;
mod near;
mod part;
mod path_template;
mod query_pattern;
mod reader;
mod render;
#[allow(rustdoc::broken_intra_doc_links, reason = "help texts are plain text: name:uid[:gid] is no link")]
mod table;
mod types;

pub use cidr::cidr;
pub use fault::{Fault, Faults};
pub use file::{Loaded, MAX_FILE_OCTETS, Places, check_permissions, load, parse, places};
pub use kind::quoted;
pub use part::{BadPart, path_part};
pub use path_template::{Expansion, ExpansionError, PathTemplate, TemplateError};
pub use query_pattern::{QueryPart, QueryPattern, QueryPatternError};
pub use render::{SettingName, man_settings, sample, setting_names};
pub use table::{Config, Ldap, Metrics, Oauth, Sql, Tls};
pub use types::{AuthType, CertificateFiles, Certificates, PerUser, SecretText};
