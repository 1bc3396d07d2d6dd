//! What keeps a server from starting, although each setting for itself is right.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fault::Fault;
use crate::table::Config;
use crate::types::{AuthType, Storage};

/// The faults, each at the line of its setting if the file has it (`origins`).
pub(crate) fn serving(config: &Config, file: &Path, origins: &BTreeMap<String, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |key: &str, what: String| {
        let fault = Fault { line: origins.get(key).copied(), ..Fault::of_file(file, what) };
        faults.push(fault.key(key));
    };

    if config.auth_type == AuthType::List {
        if config.userlist.is_relative() {
            let what = "auth_type 6 needs the absolute path of the user list, such as \"/etc/mpopd/users\"";
            fault("userlist", what.to_owned());
        }
    } else {
        let which = if origins.contains_key("auth_type") { "kind" } else { "the default, kind" };
        let number = config.auth_type.number();
        let what = format!(
            "{which} {number}, is not built yet; set auth_type = 6, and userlist to the absolute path of a user list"
        );
        fault("auth_type", what);
    }

    let users = config
        .user_storage
        .iter()
        .map(|(user, storage)| (format!("user_storage.{}", user.escape_debug()), *storage));
    for (key, storage) in std::iter::once(("storage".to_owned(), config.storage)).chain(users) {
        if matches!(storage, Storage::Disk | Storage::Ram) {
            fault(&key, format!("\"{storage}\" is not built yet; use \"mbox\" or \"maildir\""));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use std::path::Path;

    fn serving(text: &str) -> Result<(), String> {
        let loaded =
            parse(Path::new("f"), text.as_bytes()).map_err(|faults| format!("not even read: {faults}"))?;
        loaded.check_serving().map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_user_list_is_enough_to_serve() {
        assert_eq!(serving("auth_type = 6\nuserlist = \"/etc/users\"\n"), Ok(()));
    }

    #[test]
    fn what_cannot_be_served_is_told_with_its_line_if_it_has_one() {
        assert_eq!(
            serving("").unwrap_err(),
            "f: auth_type: the default, kind 1, is not built yet; set auth_type = 6, and userlist to the absolute path \
             of a user list"
        );
        assert!(
            serving("\nauth_type = 3\n")
                .unwrap_err()
                .starts_with("f:2: auth_type: kind 3, is not built yet;")
        );
        assert!(serving("auth_type = 6\n").unwrap_err().starts_with("f: userlist: auth_type 6 needs"));
        let told = serving(
            "auth_type = 6\nuserlist = \"users\"\nstorage = \"ram\"\nuser_storage.\"a\" = \"disk\"\n",
        );
        let told = told.unwrap_err();
        let lines: Vec<_> = told.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["f:2", "f:3", "f:4"], "{told}");
    }
}
