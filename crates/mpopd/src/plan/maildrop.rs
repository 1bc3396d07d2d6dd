//! The settings of maildrop processes.

use config::{Config, Fault, Loaded};
use maildrop::{Boundaries, BoundaryError, ReceivedHeader, Settings, UidlScheme};
use maildrop_role::UserSettings;
use vocabulary::Storage;

use crate::error::SettingError;

/// How mailboxes are read and locked.
///
/// # Errors
///
/// A setting whose text cannot be used.
pub(crate) fn settings(config: &Config) -> Result<Settings, SettingError> {
    Ok(Settings {
        boundaries: boundaries(config).map_err(|error| match error {
            BoundaryError::Start(problem) => SettingError::new("message_start", problem),
            BoundaryError::End(problem) => SettingError::new("message_end", problem),
        })?,
        unescape_from: config.unescape_from,
        received: (!config.addreceived.is_empty()).then(|| received(config)),
        max_messages: config.max_messages,
        lock_methods: config.lock_methods.clone(),
        retry_on_lock: config.retry_on_lock,
        status_header: config.status_header,
        stale_lock: config.stale_lock,
        uidl: UidlScheme::parse(&config.uidl)
            .map_err(|error| SettingError::new("uidl", error.to_string()))?,
        ..Settings::default()
    })
}

/// The settings for single users.
pub(crate) fn users(config: &Config) -> UserSettings {
    let debug = config.user_debug.iter().filter(|(_, debug)| **debug);
    UserSettings {
        debug: debug.map(|(user, _)| user.clone()).collect(),
        received: config.addreceived.iter().cloned().collect(),
        surrogates: config.utf8,
    }
}

/// Whether any mailbox is split into files of the spool.
pub(crate) fn uses_spool(config: &Config) -> bool {
    config.user_storage.values().chain([&config.storage]).any(|storage| *storage == Storage::Disk)
}

/// Checks the patterns of message boundaries, which the configuration takes as text.
///
/// # Errors
///
/// An error in one of them, with its line.
pub(crate) fn check_boundaries(loaded: &Loaded) -> Result<(), Fault> {
    boundaries(&loaded.config).map(drop).map_err(|error| match error {
        BoundaryError::Start(problem) => loaded.fault("message_start", problem),
        BoundaryError::End(problem) => loaded.fault("message_end", problem),
    })
}

fn boundaries(config: &Config) -> Result<Boundaries, BoundaryError> {
    Boundaries::new(&config.message_start, &config.message_end)
}

fn received(config: &Config) -> ReceivedHeader {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let from = config.receivedfrom.clone().unwrap_or_else(|| host.clone());
    ReceivedHeader { from, by: host, zone: config.timezone }
}
