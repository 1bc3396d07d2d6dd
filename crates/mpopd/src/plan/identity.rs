//! The users that roles run as.

use config::Config;
use sys::identity::SystemUser;

use crate::error::SettingError;
use crate::process::child::Identity;

/// The user of mpopd-directory when mpopd is started by root.
const DIRECTORY_USER: &str = "mpopd-directory";

/// As root, the session role becomes the configured user in its empty folder.
///
/// # Errors
///
/// There is no such user, it is root, or the folder is not there or not empty.
pub(crate) fn of_session(config: &Config) -> Result<Identity, SettingError> {
    if !sys::identity::is_root() {
        return Ok(Identity::Unchanged);
    }
    let user = powerless_user("user", &config.user)?;
    let chroot = &config.chroot;
    let wrong = |problem: String| SettingError::new("chroot", format!("{} {problem}", chroot.display()));
    std::fs::create_dir_all(chroot).map_err(|error| wrong(format!("cannot be made: {error}")))?;
    match std::fs::read_dir(chroot).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => return Err(wrong("is not empty".to_owned())),
        Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
    }
    Ok(Identity::User { uid: user.uid, gid: user.gid, file_group: None, chroot: Some(chroot.clone()) })
}

/// The user of mpopd-directory.
///
/// # Errors
///
/// There is no such user.
pub(crate) fn of_directory() -> Result<Identity, SettingError> {
    if !sys::identity::is_root() {
        return Ok(Identity::Unchanged);
    }
    let SystemUser { uid, gid, .. } =
        powerless_user("mpopd-directory, for [sql], [ldap] and [oauth]", DIRECTORY_USER)?;
    Ok(Identity::User { uid, gid, file_group: None, chroot: None })
}

/// The user `name`, who must not be root. `setting` says in an error what needs that user.
fn powerless_user(setting: &'static str, name: &str) -> Result<SystemUser, SettingError> {
    let problem = match sys::identity::user_by_name(name) {
        Ok(Some(user)) if user.uid != 0 => return Ok(user),
        Ok(Some(_)) => format!("{name} is root, who must not run this"),
        Ok(None) => format!(
            "there is no user {name}; make one (useradd --system --no-create-home {name}) or name another"
        ),
        Err(error) => format!("{name} cannot be looked up: {error}"),
    };
    Err(SettingError::new(setting, problem))
}
