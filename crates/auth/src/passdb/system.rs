//! The users of this machine: passwd(5) says who they are, PAM or shadow(5) whether the password is right (kinds 1 to 3).

use std::fs;
use std::path::PathBuf;
use std::time::Instant;
use std::{fmt, io};

use config::{Config, Fault};
use sys::crypt::{Crypt, CryptError};
use sys::identity::{SystemUser, password_field, user_by_name};
use sys::pam::{Denied, Pam, PamLogin};
use zeroize::Zeroizing;

use super::pam_time::PamTime;
use super::shadow::{self, ShadowFile};
use super::{Found, Passdb, Query};
use crate::decoy::Decoy;
use crate::name::UserName;
use crate::password::Stored;
use crate::refusal::Refusal;
use crate::secret_key::Key;
use crate::stamp::Stamp;
use crate::userdb::{Mail, Owner, OwnerUid};

/// The users of this machine.
pub(crate) struct SystemUsers {
    shadow: ShadowFile,
    check: Check,
}

/// Who checks passwords.
enum Check {
    Shadow,
    Pam { pam: Pam, service: String, time: PamTime },
}

/// What PAM modules get for the terminal: a service of the network has none.
const TERMINAL: &str = "mpopd";

impl SystemUsers {
    /// # Errors
    /// PAM is wanted, and this machine lacks it or libcrypt.
    pub(crate) fn new(config: &Config, key: &Key) -> Result<Self, NoCheck> {
        let check = match config.use_pam {
            true => Check::Pam {
                pam: Pam::load().map_err(NoCheck::Pam)?,
                service: config.mpopd_pam_service.clone(),
                time: PamTime::new(Crypt::load().map_err(NoCheck::Crypt)?, key.clone()),
            },
            false => Check::Shadow,
        };
        Ok(Self { shadow: ShadowFile::new(config.shadow.clone()), check })
    }

    fn stored(&mut self, owner: Owner) -> Result<Found, Refusal> {
        let user = &owner.user;
        let lines = self.shadow.current().map_err(|fault| Refusal::Temporary(fault.to_string()))?;
        let field = match shadow::entry(lines, user) {
            Some(entry) if entry.is_expired(shadow::today()) => return Ok(Found::Locked),
            Some(entry) => Zeroizing::new(entry.password.to_vec()),
            // As before there was a shadow file, and as in NIS.
            None => password_field(user.as_str())
                .map_err(|error| temporary(user, &error))?
                .map_or_else(Zeroizing::default, Zeroizing::new),
        };
        // Empty: anyone might come in. No hash: passwd's "x", "NP" or the like, which nothing matches.
        let secret = Stored::parse_crypt(&field).ok().and_then(Stored::secret);
        Ok(secret.map_or(Found::Locked, |secret| Found::Stored(owner, secret)))
    }
}

impl Passdb for SystemUsers {
    fn find(&mut self, query: &Query<'_>) -> Result<Option<Found>, Refusal> {
        let user = user_by_name(query.user.as_str()).map_err(|error| temporary(query.user, &error))?;
        let Some(user) = user else { return Ok(None) };
        let Some(owner) = owner(user) else { return Ok(Some(Found::Locked)) };
        match self.check {
            Check::Pam { .. } => Ok(Some(Found::Ask)),
            Check::Shadow => self.stored(owner).map(Some),
        }
    }

    fn ask(&mut self, query: &Query<'_>, password: &[u8]) -> Result<Owner, Refusal> {
        let Check::Pam { pam, service, time } = &mut self.check else { return Err(Refusal::UnknownUser) };
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
            Denied::Password if known => Refusal::Password,
            Denied::Password | Denied::UnknownUser => Refusal::UnknownUser,
            Denied::Disabled => Refusal::Disabled,
            Denied::Failed(why) => temporary(query.user, &format!("PAM service {service}: {why}")),
        })?;
        // Modules may settle on another name than the client gave.
        let name = UserName::try_from(name.as_slice()).map_err(|why| temporary(query.user, &why))?;
        match user_by_name(name.as_str()).map_err(|error| temporary(&name, &error))? {
            Some(user) => owner(user).ok_or(Refusal::Disabled),
            None => Err(Refusal::UnknownUser),
        }
    }

    fn may_rename(&self) -> bool {
        matches!(self.check, Check::Pam { .. })
    }

    fn decoys(&mut self, _: &Query<'_>) -> Vec<Decoy> {
        match self.check {
            Check::Pam { .. } => vec![Decoy { users: 1, secret: None }],
            Check::Shadow => self.shadow.decoys(),
        }
    }

    /// Most of what PAM says comes from the shadow file.
    fn version(&mut self) -> Vec<u8> {
        fs::metadata(self.shadow.path())
            .map_or_else(|_| Vec::new(), |file| format!("{:?}", Stamp::of(&file)).into())
    }

    fn warm(&mut self) {
        if matches!(self.check, Check::Shadow) {
            // What is wrong with it is told when it is needed.
            let _ = self.shadow.current();
        }
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}

/// The name is from here on as the user database spells it. `None`: this user owns no mail, for example root.
fn owner(user: SystemUser) -> Option<Owner> {
    let name = UserName::try_from(user.name.as_bytes()).ok()?;
    let home = Some(user.home).filter(|home: &PathBuf| home.is_absolute());
    Some(Owner {
        user: name,
        uid: OwnerUid::new(user.uid)?,
        gid: Some(user.gid),
        own_uid: true,
        home,
        mail: Mail::BySettings,
    })
}

fn temporary(user: &UserName, why: &dyn fmt::Display) -> Refusal {
    Refusal::Temporary(format!("user {user}: {why}"))
}

/// Why passwords of system users cannot be checked.
#[derive(Debug)]
pub(crate) enum NoCheck {
    Pam(io::Error),
    Crypt(CryptError),
}

impl fmt::Display for NoCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pam(error) => write!(f, "{error}; or set use_pam = false to use passwd and shadow"),
            Self::Crypt(error) => error.fmt(f),
        }
    }
}
