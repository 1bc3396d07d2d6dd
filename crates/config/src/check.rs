//! Checks that a server can start: settings that are valid on their own may still contradict each other.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fault::Fault;
use crate::table::Config;
use crate::types::{AuthType, Certificates};

/// The errors, each at the line of its setting if the file has it (`origins`).
pub(crate) fn serving(config: &Config, file: &Path, origins: &BTreeMap<String, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |key: &str, what: String| {
        let fault = Fault { line: origins.get(key).copied(), ..Fault::of_file(file, what) };
        faults.push(fault.key(key));
    };

    for (key, what) in directory(config).into_iter().chain(tls(config)) {
        fault(key, what.to_owned());
    }
    let other_users = config.has_directory_users();
    let kinds = config.user_auth.iter().map(|(user, kind)| (user_key("user_auth", user), *kind));
    for (key, kind) in std::iter::once(("auth_type".to_owned(), config.auth_type)).chain(kinds) {
        match kind {
            AuthType::List if config.userlist.is_relative() && !other_users => {
                // At the list, not at the setting that uses it.
                let key = if origins.contains_key("userlist") { "userlist" } else { &key };
                fault(key, "kind 6 needs userlist, the absolute path of a user list".to_owned());
            }
            AuthType::Plugin if config.password_plugin.is_none() => {
                fault(&key, "kind 7 needs password_plugin, the path of a program".to_owned());
            }
            _ => {}
        }
    }
    faults
}

/// Missing and superfluous settings of the table `[tls]`.
fn tls(config: &Config) -> Option<(&'static str, &'static str)> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(Certificates::One(_)), None) => Some(("tls.key", "missing, although tls.certificate is set")),
        (None, Some(_)) => Some(("tls.certificate", "missing, although tls.key is set")),
        (Some(Certificates::Several(_)), Some(_)) => {
            Some(("tls.key", "each [[tls.certificate]] has its own key; remove this one"))
        }
        (None, None) if config.pop3s_port.is_some() => {
            Some(("pop3s_port", "needs tls.certificate and tls.key"))
        }
        (Some(_), Some(_)) | (Some(Certificates::Several(_)), None) | (None, None) => None,
    }
}

/// Missing and superfluous settings of the tables `[sql]`, `[ldap]` and `[oauth]`.
fn directory(config: &Config) -> Vec<(&'static str, &'static str)> {
    let (sql, ldap, oauth) = (&config.sql, &config.ldap, &config.oauth);
    let mut faults = Vec::new();
    let mut fault_if = |wrong: bool, key, what| {
        if wrong {
            faults.push((key, what));
        }
    };
    let query = "a database needs the query that finds a user, such as \"SELECT uid, password FROM users WHERE name = %u\"";
    fault_if(sql.url.is_some() && sql.query.is_none(), "sql.query", query);
    fault_if(
        sql.url.is_some() && ldap.url.is_some(),
        "ldap.url",
        "users are in [sql] already; set one of both",
    );
    let base = "an LDAP server needs the DN below which users are, such as \"ou=people,dc=example,dc=org\"";
    fault_if(ldap.url.is_some() && ldap.base.is_empty(), "ldap.base", base);
    // A bind with a name and no password is anonymous (RFC 4513 section 5.1.2).
    let half = ldap.service_dn.is_empty() != ldap.service_password.expose().is_empty();
    fault_if(
        half,
        "ldap.service_password",
        "service_dn and service_password belong together; set both or none",
    );
    let stored = !ldap.bind && ldap.password_attribute.is_empty();
    fault_if(
        stored,
        "ldap.password_attribute",
        "without bind it must name the attribute with the stored password",
    );
    let both = oauth.introspection_url.is_some() && oauth.jwks.is_some();
    fault_if(both, "oauth.jwks", "tokens are checked by introspection_url already; set one of both");
    let keys = oauth.jwks.is_some();
    fault_if(keys && oauth.issuer.is_empty(), "oauth.issuer", "with jwks it must say who issues the tokens");
    let audience =
        "with jwks it must say for whom the tokens are: those for other services must open no mail";
    fault_if(keys && oauth.audience.is_empty(), "oauth.audience", audience);
    let unnamed = !oauth.client_secret.expose().is_empty() && oauth.client_id.is_empty();
    fault_if(unnamed, "oauth.client_id", "client_secret is that of a client; say which");
    faults
}

fn user_key(table: &str, user: &str) -> String {
    format!("{table}.{}", user.escape_debug())
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
    fn each_kind_can_serve_with_what_it_needs() {
        assert_eq!(serving(""), Ok(()));
        for kind in 1..=5 {
            assert_eq!(serving(&format!("auth_type = {kind}\n")), Ok(()));
        }
        assert_eq!(serving("auth_type = 7\npassword_plugin = \"/usr/local/bin/checkpassword\"\n"), Ok(()));
        assert_eq!(serving("auth_type = 6\nuserlist = \"/etc/users\"\n"), Ok(()));
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let table = "[[tls.certificate]]\ncertificate = \"/c\"\nkey = \"/k\"\n";
        assert_eq!(serving("pop3s_port = 995\n[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n"), Ok(()));
        assert_eq!(serving(&format!("pop3s_port = 995\n{table}")), Ok(()));
        for (text, told) in [
            ("pop3s_port = 995\n", "f:1: pop3s_port: needs tls.certificate and tls.key"),
            ("[tls]\ncertificate = \"/c\"\n", "f: tls.key: missing, although tls.certificate is set"),
            ("[tls]\nkey = \"/k\"\n", "f: tls.certificate: missing, although tls.key is set"),
            (
                &format!("[tls]\nkey = \"/k\"\n{table}"),
                "f:2: tls.key: each [[tls.certificate]] has its own key; remove this one",
            ),
        ] {
            assert_eq!(serving(text).unwrap_err(), told);
        }
    }

    #[test]
    fn what_cannot_be_served_is_told_with_its_line_if_it_has_one() {
        assert_eq!(
            serving("\nauth_type = 6\n").unwrap_err(),
            "f:2: auth_type: kind 6 needs userlist, the absolute path of a user list"
        );
        assert_eq!(
            serving("userlist = \"users\"\nauth_type = 6\n").unwrap_err(),
            "f:1: userlist: kind 6 needs userlist, the absolute path of a user list"
        );
        assert_eq!(
            serving("[user_auth]\nbob = 7\n").unwrap_err(),
            "f:2: user_auth.bob: kind 7 needs password_plugin, the path of a program"
        );
        let told = serving("auth_type = 6\nuserlist = \"users\"\n[user_auth]\na = 7\n");
        let told = told.unwrap_err();
        let lines: Vec<_> = told.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["f:2", "f:4"], "{told}");
    }

    #[test]
    fn a_source_of_users_takes_the_place_of_the_user_list() {
        let sql = "auth_type = 6\n[sql]\nurl = \"sqlite:/u.db\"\nquery = \"SELECT 1 WHERE n = %u\"\n";
        assert_eq!(serving(sql), Ok(()));
        let ldap = "auth_type = 6\n[ldap]\nurl = \"ldaps://h\"\nbase = \"dc=org\"\n";
        assert_eq!(serving(ldap), Ok(()));
        let both = format!("{sql}[ldap]\nurl = \"ldaps://h\"\nbase = \"dc=org\"\n");
        assert_eq!(
            serving(&both),
            Err("f:6: ldap.url: users are in [sql] already; set one of both".to_owned())
        );
    }

    #[test]
    fn half_of_what_a_server_needs_is_told() {
        for (tables, keys) in [
            ("[sql]\nurl = \"mysql://h/d\"\n", &["sql.query"][..]),
            ("[ldap]\nurl = \"ldap://h\"\nservice_dn = \"cn=a\"\n", &["ldap.base", "ldap.service_password"]),
            ("[ldap]\nbind = false\npassword_attribute = \"\"\n", &["ldap.password_attribute"]),
            (
                "[oauth]\njwks = \"/k\"\nclient_secret = \"x\"\n",
                &["oauth.audience", "oauth.client_id", "oauth.issuer"],
            ),
            (
                "[oauth]\njwks = \"/k\"\nissuer = \"i\"\naudience = \"a\"\nintrospection_url = \"https://h/\"\n",
                &["oauth.jwks"],
            ),
        ] {
            let told = serving(&format!("auth_type = 6\nuserlist = \"/u\"\n{tables}")).unwrap_err();
            let mut named: Vec<_> = told.lines().filter_map(|line| line.split(": ").nth(1)).collect();
            named.sort_unstable();
            assert_eq!(named, keys, "{told}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let text = "[sql]\nurl = \"mysql://u:hunter2@h/d\"\n[ldap]\nservice_password = \"hunter2\"\n[oauth]\nclient_secret = \"hunter2\"\n";
        let config = parse(Path::new("f"), text.as_bytes()).unwrap().config;
        assert_eq!(config.sql.url.as_ref().map(|url| url.expose()), Some("mysql://u:hunter2@h/d"));
        let printed = config.to_toml();
        assert_eq!(printed.matches("= \"******\"").count(), 3, "{printed}");
        assert!(!printed.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
        let faults = parse(Path::new("f"), printed.as_bytes()).unwrap_err();
        let refused = faults.iter().filter(|fault| fault.what.contains("--print-config")).count();
        assert_eq!(refused, 3, "{faults}");
    }
}
