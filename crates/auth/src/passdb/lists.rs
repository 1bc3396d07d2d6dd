//! User lists by host name and by domain: `host_mail_path/INITIAL/NAME/userlist` (kinds 2 to 5).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use config::{AuthType, Config, Fault};

use super::{Found, Passdb, Query, Userlist};
use crate::decoy::Decoy;
use crate::host::HostName;
use crate::name::UserName;
use crate::refusal::Refusal;
use crate::userdb::Mail;

/// How many lists one process keeps in memory.
const MOST_LISTS: usize = 256;

/// The lists of all host names and domains.
///
/// A name without `@` is looked for in the list of the client's host. A name with one is, in kinds 3 and 5, its local part in
/// the list of its domain, and in kinds 2 and 4 a name like any other.
pub(crate) struct HostLists {
    host_mail_path: PathBuf,
    userlist: PathBuf,
    /// The mail is where the settings say, not beside the list.
    switch: bool,
    /// By their paths: one for all, if `userlist` is an absolute path.
    open: HashMap<PathBuf, Open>,
    /// Counts queries, to know which list was not needed for longest.
    clock: u64,
    remarks: Vec<Fault>,
}

struct Open {
    list: Userlist,
    last_used: u64,
}

/// Where a name is looked for.
struct Place {
    list: PathBuf,
    /// The name in that list.
    entry: UserName,
    mail: Mail,
}

impl HostLists {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            host_mail_path: config.host_mail_path.clone(),
            userlist: config.userlist.clone(),
            switch: config.switch,
            open: HashMap::new(),
            clock: 0,
            remarks: Vec::new(),
        }
    }

    /// `None`: nobody can be found there.
    fn place(&self, query: &Query<'_>) -> Result<Option<Place>, Refusal> {
        let Some((host, local)) = host_and_local(query)? else { return Ok(None) };
        // The list lies among the maildrops, and is none.
        if Path::new(local.as_str()) == self.userlist {
            return Ok(None);
        }
        let folder = self.host_mail_path.join(host.initial()).join(host.as_str());
        let mail = if self.switch { Mail::BySettings } else { Mail::Path(folder.join(local.as_str())) };
        // In a list for all domains, a local part alone would be the user of each of them.
        let entry = if self.userlist.is_absolute() { query.user.clone() } else { local };
        // Of an absolute path, `join` makes that path.
        Ok(Some(Place { list: folder.join(&self.userlist), entry, mail }))
    }

    fn list(&mut self, path: &Path) -> &mut Userlist {
        self.clock += 1;
        if !self.open.contains_key(path) && self.open.len() >= MOST_LISTS {
            let oldest =
                self.open.iter().min_by_key(|(_, open)| open.last_used).map(|(path, _)| path.clone());
            if let Some(mut closed) = oldest.and_then(|path| self.open.remove(&path)) {
                self.remarks.extend(closed.list.take_remarks());
            }
        }
        let open = self
            .open
            .entry(path.to_owned())
            .or_insert_with(|| Open { list: Userlist::new(path.to_owned()), last_used: 0 });
        open.last_used = self.clock;
        &mut open.list
    }
}

/// Whose list a name is looked for in, and the name there; `None`: in nobody's.
pub(super) fn host_and_local(query: &Query<'_>) -> Result<Option<(HostName, UserName)>, Refusal> {
    let by_domain = matches!(query.kind, AuthType::SystemOrHostOrDomain | AuthType::HostOrDomain);
    match query.user.as_str().rsplit_once('@').filter(|_| by_domain) {
        Some((local, domain)) => match (UserName::try_from(local.as_bytes()), HostName::parse(domain)) {
            (Ok(local), Some(domain)) => Ok(Some((domain, local))),
            _ => Ok(None),
        },
        None => Ok(query.peer.host()?.map(|host| (host.clone(), query.user.clone()))),
    }
}

impl Passdb for HostLists {
    fn find(&mut self, query: &Query<'_>) -> Result<Option<Found>, Refusal> {
        let Some(place) = self.place(query)? else { return Ok(None) };
        // Most hosts have none, and what is not there is not kept in memory.
        if !Userlist::exists(&place.list) {
            return Ok(None);
        }
        let found = self.list(&place.list).find_entry(&place.entry)?;
        Ok(found.map(|found| match found {
            Found::Stored(mut owner, secret) => {
                owner.user = query.user.clone();
                owner.mail = place.mail;
                Found::Stored(owner, secret)
            }
            other => other,
        }))
    }

    fn decoys(&mut self, query: &Query<'_>) -> Vec<Decoy> {
        match self.place(query) {
            Ok(Some(place)) if Userlist::exists(&place.list) => self.list(&place.list).decoys(query),
            _ => Vec::new(),
        }
    }

    fn warm(&mut self) {
        if self.userlist.is_absolute() {
            let path = self.userlist.clone();
            self.list(&path).warm();
        }
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        let mut remarks = std::mem::take(&mut self.remarks);
        for open in self.open.values_mut() {
            remarks.extend(open.list.take_remarks());
        }
        remarks
    }
}
