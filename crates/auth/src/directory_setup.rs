//! The settings of mpopd-directory.

use config::{Config, SecretText};
use ipc::directory::{
    DirectorySettings, LdapAttributes, LdapSettings, OAuthSettings, ServerBounds, SqlSettings,
    TokenVerification, UserSource,
};

/// The settings to start mpopd-directory with; `None` if the configuration names no server, and it is not
/// needed.
///
/// They contain passwords. [`config::Loaded::check_serving`] has checked that they are complete.
pub fn directory_setup(config: &Config) -> Option<DirectorySettings> {
    let (sql, ldap) = (&config.sql, &config.ldap);
    let bounds = |timeout, connections, ca: &Option<std::path::PathBuf>| ServerBounds {
        timeout,
        connections,
        ca: ca.as_deref().map(Into::into),
    };
    let users = match (&sql.url, &ldap.url) {
        (Some(url), _) => Some(UserSource::Sql(SqlSettings {
            url: secret(url),
            query: sql.query.as_ref().map_or_else(String::new, ToString::to_string),
            bounds: bounds(sql.timeout, sql.connections, &sql.ca),
        })),
        (None, Some(url)) => Some(UserSource::Ldap(Box::new(LdapSettings {
            url: url.clone(),
            starttls: ldap.starttls,
            service: (!ldap.service_dn.is_empty())
                .then(|| (ldap.service_dn.clone(), secret(&ldap.service_password))),
            base: ldap.base.clone(),
            filter: ldap.filter.to_string(),
            bind: ldap.bind,
            attributes: LdapAttributes {
                user: ldap.user_attribute.clone(),
                password: ldap.password_attribute.clone(),
                uid: ldap.uid_attribute.clone(),
                gid: ldap.gid_attribute.clone(),
                home: ldap.home_attribute.clone(),
                mbox: ldap.mbox_attribute.clone(),
                maildir: ldap.maildir_attribute.clone(),
            },
            uid: ldap.uid,
            gid: ldap.gid,
            bounds: bounds(ldap.timeout, ldap.connections, &ldap.ca),
        }))),
        (None, None) => None,
    };
    let oauth = &config.oauth;
    let by = match (&oauth.introspection_url, &oauth.jwks) {
        (Some(url), _) => Some(TokenVerification::Introspection {
            url: url.clone(),
            client_id: oauth.client_id.clone(),
            client_secret: secret(&oauth.client_secret),
        }),
        (None, Some(path)) => Some(TokenVerification::Keys(path.as_path().into())),
        (None, None) => None,
    };
    let oauth = by.map(|by| OAuthSettings {
        by,
        issuer: oauth.issuer.clone(),
        audience: oauth.audience.clone(),
        scope: oauth.scope.clone(),
        user_claim: oauth.user_claim.clone(),
        bounds: bounds(oauth.timeout, oauth.connections, &oauth.ca),
    });
    (users.is_some() || oauth.is_some()).then_some(DirectorySettings { users, oauth })
}

fn secret(text: &SecretText) -> ipc::SecretOctets {
    ipc::SecretOctets::new(text.expose().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml: &str) -> Config {
        config::parse(std::path::Path::new("f"), toml.as_bytes()).unwrap().config
    }

    #[test]
    fn the_settings_become_those_of_the_process() {
        assert_eq!(directory_setup(&Config::default()), None);
        let setup = directory_setup(&config(
            "[ldap]\nurl = \"ldaps://h\"\nbase = \"dc=org\"\nservice_dn = \"cn=s\"\nservice_password = \"pw\"\nuid = 7\n\
             [oauth]\njwks = \"/k\"\nissuer = \"i\"\naudience = \"a\"\n",
        ));
        let Some(DirectorySettings { users: Some(UserSource::Ldap(ldap)), oauth: Some(oauth) }) = setup
        else {
            panic!("{setup:?}")
        };
        assert_eq!((ldap.filter.as_str(), ldap.uid, ldap.bind), ("(uid=%u)", Some(7), true));
        assert_eq!(ldap.service, Some(("cn=s".to_owned(), ipc::SecretOctets::new(b"pw".to_vec()))));
        assert_eq!(oauth.by, TokenVerification::Keys(std::path::Path::new("/k").into()));
        let setup =
            directory_setup(&config("[sql]\nurl = \"mysql://u:p@h/d\"\nquery = \"SELECT 1 WHERE a = %u\"\n"));
        let Some(DirectorySettings { users: Some(UserSource::Sql(sql)), oauth: None }) = setup else {
            panic!("{setup:?}")
        };
        assert_eq!(
            (sql.url.expose(), sql.query.as_str()),
            (&b"mysql://u:p@h/d"[..], "SELECT 1 WHERE a = %u")
        );
    }
}
