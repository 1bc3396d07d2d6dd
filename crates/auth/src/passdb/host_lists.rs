//! User lists by host name and by domain: `host_mail_path/INITIAL/NAME/userlist` (kinds 2 to 5).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use config::{Config, Fault};

use super::host_and_local::host_and_local;
use super::interface::{FoundUser, Passdb, UserQuery};
use super::userlist::Userlist;
use crate::decoy::Decoy;
use crate::login_error::LoginError;
use crate::name::UserName;
use crate::userdb::StatedMaildrop;

/// The most lists that one process keeps in memory.
const MOST_LISTS: usize = 256;

/// The lists of all host names and domains.
///
/// A name without `@` is looked up in the list of the client's host. With `@`, kinds 3 and 5 look up its
/// local part in the list of its domain; kinds 2 and 4 treat it like any other name.
pub(crate) struct HostLists {
    host_mail_path: PathBuf,
    userlist: PathBuf,
    /// The settings decide where the mail is; otherwise it is beside the list.
    switch: bool,
    /// By path: a single one if `userlist` is absolute.
    open: HashMap<PathBuf, OpenUserlist>,
    /// Counts queries, to find the least recently used list.
    clock: u64,
    remarks: Vec<Fault>,
}

struct OpenUserlist {
    list: Userlist,
    last_used: u64,
}

/// Where a name is looked up.
struct ListLookup {
    list: PathBuf,
    /// The name in that list.
    entry: UserName,
    mail: StatedMaildrop,
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

    /// Where to look up a user; `None` if no list can have them.
    fn lookup(&self, query: &UserQuery<'_>) -> Result<Option<ListLookup>, LoginError> {
        let Some((host, local)) = host_and_local(query)? else { return Ok(None) };
        // The list lies among the maildrops but is not one.
        if Path::new(local.as_str()) == self.userlist {
            return Ok(None);
        }
        let folder = self.host_mail_path.join(host.initial()).join(host.as_str());
        let mail = if self.switch {
            StatedMaildrop::BySettings
        } else {
            StatedMaildrop::Path(folder.join(local.as_str()))
        };
        // In a list for all domains, a local part alone would match the user of every domain.
        let entry = if self.userlist.is_absolute() { query.user.clone() } else { local };
        // Joining an absolute path results in that path.
        Ok(Some(ListLookup { list: folder.join(&self.userlist), entry, mail }))
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
            .or_insert_with(|| OpenUserlist { list: Userlist::new(path.to_owned()), last_used: 0 });
        open.last_used = self.clock;
        &mut open.list
    }
}

impl Passdb for HostLists {
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError> {
        let Some(lookup) = self.lookup(query)? else { return Ok(None) };
        // Most hosts have no list, and a missing list must not take a place in memory.
        if !Userlist::exists(&lookup.list) {
            return Ok(None);
        }
        let found = self.list(&lookup.list).find_entry(&lookup.entry)?;
        Ok(found.map(|found| match found {
            FoundUser::Stored(mut owner, secret) => {
                owner.user = query.user.clone();
                owner.mail = lookup.mail;
                FoundUser::Stored(owner, secret)
            }
            other => other,
        }))
    }

    fn decoys(&mut self, query: &UserQuery<'_>) -> Vec<Decoy> {
        match self.lookup(query) {
            Ok(Some(lookup)) if Userlist::exists(&lookup.list) => self.list(&lookup.list).decoys(query),
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
