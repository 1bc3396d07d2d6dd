//! Where the settings place a user's maildrop.

use std::path::{Path, PathBuf};

use config::{Config, Expansion, ExpansionError, PathTemplate, PerUser};
use vocabulary::{Location, Storage};

use super::qmail;
use crate::name::UserName;

/// Where the settings place the maildrop of a user, for programs that check no logins. `home` is an absolute
/// path.
///
/// # Errors
///
/// The template needs something that this user does not have.
pub fn maildrop_of(
    config: &Config,
    user: &UserName,
    home: Option<&Path>,
) -> Result<Location, ExpansionError> {
    MaildropPaths::new(config).of(user, home)
}

/// The settings that decide where maildrops are.
#[derive(Debug)]
pub(crate) struct MaildropPaths {
    storage: Storage,
    user_storage: PerUser<Storage>,
    mbox: Option<PathTemplate>,
    maildir: Option<PathTemplate>,
    mail_spool_dir: PathBuf,
    path_to_homedir: PathBuf,
}

impl MaildropPaths {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            storage: config.storage,
            user_storage: config.user_storage.clone(),
            mbox: config.mbox.clone(),
            maildir: config.maildir.clone(),
            mail_spool_dir: config.mail_spool_dir.clone(),
            path_to_homedir: config.path_to_homedir.clone(),
        }
    }

    /// How the mail of a user is stored.
    pub(crate) fn storage_of(&self, user: &UserName) -> Storage {
        self.user_storage.get(user.as_str()).copied().unwrap_or(self.storage)
    }

    /// The maildrop of a user. `home` is an absolute path.
    ///
    /// # Errors
    ///
    /// The template needs something that this user does not have.
    pub(crate) fn of(&self, user: &UserName, home: Option<&Path>) -> Result<Location, ExpansionError> {
        let storage = self.storage_of(user);
        let template = match storage {
            Storage::Maildir => &self.maildir,
            Storage::Mbox | Storage::Disk | Storage::Ram => &self.mbox,
        };
        let path = match (template, storage) {
            (Some(template), _) => template.expand(Expansion::of(user.as_str(), home))?,
            (None, Storage::Maildir) => self.maildir_of(user, home),
            (None, _) => self.mail_spool_dir.join(user.as_str()),
        };
        Ok(Location { storage, path })
    }

    /// The Maildir that `~/.qmail` names; otherwise `path_to_homedir/USER/Maildir` if it exists; otherwise
    /// `Maildir` in the home directory, if there is one.
    fn maildir_of(&self, user: &UserName, home: Option<&Path>) -> PathBuf {
        if let Some(maildir) = home.and_then(qmail::maildir) {
            return maildir;
        }
        let by_name = self.path_to_homedir.join(user.as_str()).join("Maildir");
        match home {
            Some(home) if !by_name.is_dir() => home.join("Maildir"),
            _ => by_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(config: &Config, user: &str, home: Option<&str>) -> Result<PathBuf, ExpansionError> {
        let user = UserName::try_from(user.as_bytes()).unwrap();
        MaildropPaths::new(config).of(&user, home.map(Path::new)).map(|location| location.path)
    }

    #[test]
    fn an_mbox_is_in_the_spool_or_where_the_template_says() {
        let mut config = Config::default();
        assert_eq!(path(&config, "alice", Some("/h")).unwrap(), Path::new("/var/mail/alice"));
        config.mbox = Some(PathTemplate::parse("/v/%d/%n").unwrap());
        assert_eq!(path(&config, "alice@example.org", None).unwrap(), Path::new("/v/example.org/alice"));
        assert_eq!(path(&config, "alice", None), Err(ExpansionError::NoDomain));
    }

    #[test]
    fn a_maildir_is_looked_for_in_the_order_of_the_manual() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            storage: Storage::Maildir,
            path_to_homedir: folder.path().to_owned(),
            ..Config::default()
        };
        let by_name = folder.path().join("alice/Maildir");
        assert_eq!(path(&config, "alice", Some("/h/a")).unwrap(), Path::new("/h/a/Maildir"));
        assert_eq!(path(&config, "alice", None).unwrap(), by_name);
        std::fs::create_dir_all(&by_name).unwrap();
        assert_eq!(path(&config, "alice", Some("/h/a")).unwrap(), by_name);
        let home = folder.path().join("h");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join(".qmail"), "./mail/inbox/\n").unwrap();
        assert_eq!(path(&config, "alice", home.to_str()).unwrap(), home.join("mail/inbox"));
        config.maildir = Some(PathTemplate::parse("%h/mail").unwrap());
        assert_eq!(path(&config, "alice", Some("/h/a")).unwrap(), Path::new("/h/a/mail"));
        assert_eq!(path(&config, "alice", None), Err(ExpansionError::NoHome));
    }

    #[test]
    fn a_user_can_have_another_storage() {
        let mut config = Config::default();
        config.user_storage.insert("bob".to_owned(), Storage::Maildir);
        config.maildir = Some(PathTemplate::parse("/m/%u").unwrap());
        assert_eq!(path(&config, "bob", None).unwrap(), Path::new("/m/bob"));
        assert_eq!(path(&config, "alice", None).unwrap(), Path::new("/var/mail/alice"));
    }
}
