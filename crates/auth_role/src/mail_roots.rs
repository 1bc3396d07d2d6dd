//! Which files a maildrop process needs, as far as that is known when it is started.
//!
//! One process serves all maildrops of an owner, so it cannot be confined to one of them. All of them get the
//! folders in which mail lies by the configuration: the roots. A user of the machine has a uid alone and may
//! have the mailbox elsewhere, usually at home; their process gets the mailbox's folder, too. If a database
//! or a plugin places mail of a shared uid elsewhere, only the rights of the uid limit the process.

use std::io;
use std::path::{Path, PathBuf};

use auth::Account;
use config::{AuthType, Config};
use ipc::hire::FileAccess;
use vocabulary::Storage;

/// The folders in which mail lies by the configuration.
#[derive(Debug, Clone, Default)]
pub struct MailRoots(Vec<PathBuf>);

impl MailRoots {
    /// The roots of the settings that are in use.
    pub fn of(config: &Config) -> Self {
        let by_list = |kind: &AuthType| !matches!(kind, AuthType::System | AuthType::List | AuthType::Plugin);
        let lists = config.user_auth.values().chain([&config.auth_type]).any(by_list);
        let lists = lists.then(|| config.host_mail_path.clone());
        let storages = config.user_storage.values().chain([&config.storage]);
        let places = storages.filter_map(|storage| match (storage, &config.maildir, &config.mbox) {
            (Storage::Maildir, template, _) => template.as_ref()?.root(),
            (_, _, Some(template)) => template.root(),
            (_, _, None) => Some(config.mail_spool_dir.clone()),
        });
        let mut roots: Vec<PathBuf> = lists.into_iter().chain(places).map(|root| resolved(&root)).collect();
        roots.retain(|root| root != Path::new("/"));
        roots.sort();
        roots.dedup();
        Self(roots)
    }

    /// The folders.
    pub fn folders(&self) -> &[PathBuf] {
        &self.0
    }

    /// The files that the process which opens the maildrop of `account` needs.
    pub fn file_access(&self, account: &Account) -> FileAccess {
        let path = &account.maildrop.path;
        let real = match path.canonicalize() {
            Ok(real) => real,
            // An empty maildrop: nothing will be opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return FileAccess::Roots,
            // On NFS the owner may have more rights than root.
            Err(_) => path.clone(),
        };
        if self.0.iter().any(|root| real.starts_with(root)) {
            return FileAccess::Roots;
        }
        if !account.own_uid {
            return FileAccess::Anything;
        }
        let mut folders = match account.maildrop.storage {
            Storage::Maildir => vec![real],
            // Its lock file is created beside it: beside the link, or beside the link's target.
            Storage::Mbox | Storage::Disk | Storage::Ram => {
                [path.parent(), real.parent()].into_iter().flatten().map(Path::to_owned).collect()
            }
        };
        folders.dedup();
        FileAccess::Folders(folders.iter().map(|folder| folder.as_path().into()).collect())
    }
}

/// The canonical path of a folder, or the given path if it does not exist.
fn resolved(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth::{OwnerUid, UserName};
    use config::PathTemplate;
    use std::os::unix::fs::symlink;
    use vocabulary::Location;

    fn account(storage: Storage, path: PathBuf, own_uid: bool) -> Account {
        let user = UserName::try_from(&b"alice"[..]).unwrap();
        let uid = OwnerUid::new(1000).unwrap();
        Account { user, uid, gid: 8, own_uid, home: None, maildrop: Location { storage, path } }
    }

    fn folders(paths: &[&Path]) -> FileAccess {
        FileAccess::Folders(paths.iter().map(|path| (*path).into()).collect())
    }

    #[test]
    fn the_roots_are_those_of_the_settings_that_are_used() {
        let roots = |config: &Config| MailRoots::of(config).0;
        let mail = |name: &str| PathBuf::from("/nonexistent").join(name);
        let template = |text: &str| Some(PathTemplate::parse(text).unwrap());
        let mut config = Config {
            mail_spool_dir: mail("spool"),
            host_mail_path: mail("popmail"),
            auth_type: AuthType::System,
            ..Config::default()
        };
        assert_eq!(roots(&config), [mail("spool")]);
        config.auth_type = AuthType::HostOrDomain;
        assert_eq!(roots(&config), [mail("popmail"), mail("spool")]);
        config.mbox = template("/nonexistent/v/%d/%n");
        assert_eq!(roots(&config), [mail("popmail"), mail("v")]);
        config.storage = Storage::Maildir;
        assert_eq!(roots(&config), [mail("popmail")], "homes are anywhere");
        config.maildir = template("%h/Maildir");
        assert_eq!(roots(&config), [mail("popmail")]);
        config.maildir = template("/%u/Maildir");
        assert_eq!(roots(&config), [mail("popmail")], "the whole tree is no root");
        config.maildir = template("/nonexistent/vmail/box-%u/new");
        assert_eq!(roots(&config), [mail("popmail"), mail("vmail")]);
    }

    #[test]
    fn a_process_reaches_what_its_mailbox_needs() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        let [spool, home, vmail] = ["spool", "home", "vmail"].map(|name| top.join(name));
        for folder in [&spool, &home, &vmail] {
            std::fs::create_dir(folder).unwrap();
        }
        let roots = MailRoots::of(&Config { mail_spool_dir: spool.clone(), ..Config::default() });

        let inside = spool.join("alice");
        std::fs::write(&inside, "").unwrap();
        assert_eq!(roots.file_access(&account(Storage::Mbox, inside.clone(), true)), FileAccess::Roots);
        assert_eq!(roots.file_access(&account(Storage::Mbox, inside, false)), FileAccess::Roots);

        let away = home.join("mbox");
        std::fs::write(&away, "").unwrap();
        let linked = spool.join("bob");
        symlink(&away, &linked).unwrap();
        assert_eq!(roots.file_access(&account(Storage::Mbox, away.clone(), true)), folders(&[&home]));
        assert_eq!(
            roots.file_access(&account(Storage::Mbox, linked.clone(), true)),
            folders(&[&spool, &home])
        );
        assert_eq!(roots.file_access(&account(Storage::Mbox, linked, false)), FileAccess::Anything);

        let maildir = home.join("Maildir");
        assert_eq!(
            roots.file_access(&account(Storage::Maildir, maildir.clone(), true)),
            FileAccess::Roots,
            "none yet"
        );
        symlink(&vmail, &maildir).unwrap();
        assert_eq!(roots.file_access(&account(Storage::Maildir, maildir, true)), folders(&[&vmail]));
    }
}
