//! mpopd.conf: what an administrator may say, and what the programs make of it.
//!
//! Each setting is stated once, in the table of [`Config`] (`table.rs`): name, type, default, what is accepted and
//! the help text. From that one table come the typed [`Config`], its parser, the output of `--print-config`
//! ([`Config::to_toml`]), the settings part of mpopd.conf(5) ([`man_settings`]) and the commented sample file
//! ([`sample`]), so none of them can forget a setting.
//!
//! [`load`] reads a file. It collects every [`Fault`] of the file, each with file, line and key, before it gives up:
//! an administrator repairs a file in one go. What only matters to a server that is about to start is asked with
//! [`Loaded::check_serving`], so that `--print-config` works on a file that is not finished yet.
//!
//! ```
//! let text = b"port = 8110\nauth_type = 6\nuserlist = \"/etc/mpopd/users\"\n";
//! let loaded = config::parse(std::path::Path::new("mpopd.conf"), text).expect("no faults");
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
