//! The users of this machine: passwd(5) describes them, PAM or shadow(5) checks the password (kinds 1 to 3).

use std::fs;
use std::path::PathBuf;
use std::time::Instant;
use std::{fmt, io};

use config::{Config, Fault};
use sys::crypt::{Crypt, CryptError};
use sys::identity::{SystemUser, password_field, user_by_name};
use sys::pam::{Denied, Pam, PamLogin};
use vocabulary::LoginFailure;
use zeroize::Zeroizing;

use super::interface::{FoundUser, Passdb, UserQuery};
use super::pam_time::PamTime;
use super::shadow::{self, ShadowFile};
use crate::decoy::Decoy;
use crate::file_version::FileVersion;
use crate::login_error::LoginError;
use crate::mac_key::MacKey;
use crate::name::UserName;
use crate::password::StoredPassword;
use crate::userdb::{Owner, OwnerUid, StatedMaildrop};

/// The users of this machine.
pub(crate) struct SystemUsers {
    shadow: ShadowFile,
    check: PasswordChecker,
}

/// What checks passwords.
enum PasswordChecker {
    Shadow,
    Pam { pam: Pam, service: String, time: PamTime },
}

/// The terminal that PAM modules are given: a network service has none.
const TERMINAL: &str = "mpopd";

impl SystemUsers {
    /// # Errors
    ///
    /// PAM is configured, and this machine lacks it or libcrypt.
    pub(crate) fn new(config: &Config, key: &MacKey) -> Result<Self, CheckerUnavailable> {
        let check = match config.use_pam {
            true => PasswordChecker::Pam {
                pam: Pam::load().map_err(CheckerUnavailable::Pam)?,
                service: config.mpopd_pam_service.clone(),
                time: PamTime::new(Crypt::load().map_err(CheckerUnavailable::Crypt)?, key.clone()),
            },
            false => PasswordChecker::Shadow,
        };
        Ok(Self { shadow: ShadowFile::new(config.shadow.clone()), check })
    }

    fn stored(&mut self, owner: Owner) -> Result<FoundUser, LoginError> {
        let user = &owner.user;
        let lines = self.shadow.current().map_err(|fault| LoginError::temporary(fault.to_string()))?;
        let field = match shadow::entry(lines, user) {
            Some(entry) if entry.is_expired(shadow::today()) => return Ok(FoundUser::Locked),
            Some(entry) => Zeroizing::new(entry.password.to_vec()),
            // As in NIS, and before there were shadow files.
            None => password_field(user.as_str())
                .map_err(|error| temporary(user, &error))?
                .map_or_else(Zeroizing::default, Zeroizing::new),
        };
        // An empty field would let anyone in. passwd(5)'s "x", "NP" and the like are no hashes; no password
        // matches them.
        let secret = StoredPassword::parse_crypt(&field).ok().and_then(StoredPassword::secret);
        Ok(secret.map_or(FoundUser::Locked, |secret| FoundUser::Stored(owner, secret)))
    }
}

impl Passdb for SystemUsers {
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError> {
        let user = user_by_name(query.user.as_str()).map_err(|error| temporary(query.user, &error))?;
        let Some(user) = user else { return Ok(None) };
        let Some(owner) = owner(user) else { return Ok(Some(FoundUser::Locked)) };
        match self.check {
            PasswordChecker::Pam { .. } => Ok(Some(FoundUser::Ask)),
            PasswordChecker::Shadow => self.stored(owner).map(Some),
        }
    }

    fn ask(&mut self, query: &UserQuery<'_>, password: &[u8]) -> Result<Owner, LoginError> {
        let PasswordChecker::Pam { pam, service, time } = &mut self.check else {
            return Err(LoginFailure::UnknownUser.into());
        };
        let login = PamLogin {
            service,
            user: query.user.as_str(),
            password,
            remote_host: &query.peer.address().to_string(),
            terminal: TERMINAL,
        };
        let known =
            user_by_name(query.user.as_str()).map_err(|error| temporary(query.user, &error))?.is_some();
        let start = Instant::now();
        let judged = pam.login(&login);
        match (known, &judged) {
            (true, _) => time.known(self.shadow.cost(query.user), start.elapsed()),
            (false, Ok(_)) => {}
            (false, Err(_)) => time.stranger(query.user, password, self.shadow.decoys(), start.elapsed()),
        }
        let name = judged.map_err(|denied| match denied {
            Denied::Password if known => LoginFailure::Password.into(),
            Denied::Password | Denied::UnknownUser => LoginFailure::UnknownUser.into(),
            Denied::Disabled => LoginFailure::Disabled.into(),
            Denied::Failed(why) => temporary(query.user, &format!("PAM service {service}: {why}")),
        })?;
        // Modules may change the name that the client gave.
        let name = UserName::try_from(name.as_slice()).map_err(|why| temporary(query.user, &why))?;
        match user_by_name(name.as_str()).map_err(|error| temporary(&name, &error))? {
            Some(user) => owner(user).ok_or_else(|| LoginFailure::Disabled.into()),
            None => Err(LoginFailure::UnknownUser.into()),
        }
    }

    fn may_rename(&self) -> bool {
        matches!(self.check, PasswordChecker::Pam { .. })
    }

    fn decoys(&mut self, _: &UserQuery<'_>) -> Vec<Decoy> {
        match self.check {
            PasswordChecker::Pam { .. } => vec![Decoy { users: 1, secret: None }],
            PasswordChecker::Shadow => self.shadow.decoys(),
        }
    }

    /// The shadow file: most PAM decisions depend on it.
    fn version(&mut self) -> Vec<u8> {
        fs::metadata(self.shadow.path())
            .map_or_else(|_| Vec::new(), |file| format!("{:?}", FileVersion::of(&file)).into())
    }

    fn warm(&mut self) {
        if matches!(self.check, PasswordChecker::Shadow) {
            // An error is reported when the file is needed.
            let _ = self.shadow.current();
        }
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}

/// The owner, by the name as the user database spells it. `None` if this user may not own mail, such as root.
fn owner(user: SystemUser) -> Option<Owner> {
    let name = UserName::try_from(user.name.as_bytes()).ok()?;
    let home = Some(user.home).filter(|home: &PathBuf| home.is_absolute());
    Some(Owner {
        user: name,
        uid: OwnerUid::new(user.uid)?,
        gid: Some(user.gid),
        own_uid: true,
        home,
        mail: StatedMaildrop::BySettings,
    })
}

fn temporary(user: &UserName, why: &dyn fmt::Display) -> LoginError {
    LoginError::temporary(format!("user {user}: {why}"))
}

/// Why passwords of system users cannot be checked.
#[derive(Debug)]
pub(crate) enum CheckerUnavailable {
    Pam(io::Error),
    Crypt(CryptError),
}

impl fmt::Display for CheckerUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pam(error) => write!(f, "{error}; or set use_pam = false to use passwd and shadow"),
            Self::Crypt(error) => error.fmt(f),
        }
    }
}
