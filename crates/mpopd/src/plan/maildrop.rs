//! The settings of maildrop processes.

use config::{Config, Fault, Loaded};
use maildrop::{Boundaries, BoundaryError, LockMethod, Received, Settings, UidlScheme, Unescape};
use maildrop_role::UserSettings;
use vocabulary::{Storage, UnescapeFrom};

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
        unescape_from: match config.unescape_from {
            UnescapeFrom::None => Unescape::None,
            UnescapeFrom::Mboxo => Unescape::Mboxo,
            UnescapeFrom::Mboxrd => Unescape::Mboxrd,
        },
        received: (!config.addreceived.is_empty()).then(|| received(config)),
        max_messages: config.max_messages,
        lock_methods: config
            .lock_methods
            .iter()
            .map(|method| match method {
                vocabulary::LockMethod::Dotlock => LockMethod::Dotlock,
                vocabulary::LockMethod::Fcntl => LockMethod::Fcntl,
                vocabulary::LockMethod::Flock => LockMethod::Flock,
            })
            .collect(),
        retry_on_lock: config.retry_on_lock,
        status_header: config.status_header,
        stale_lock: config.stale_lock,
        uidl: UidlScheme::parse(&config.uidl)
            .map_err(|error| SettingError::new("uidl", error.to_string()))?,
        ..Settings::default()
    })
}

/// What is set for single users.
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
/// What is wrong with one of them, at its line.
pub(crate) fn check_boundaries(loaded: &Loaded) -> Result<(), Fault> {
    boundaries(&loaded.config).map(drop).map_err(|error| match error {
        BoundaryError::Start(problem) => loaded.fault("message_start", problem),
        BoundaryError::End(problem) => loaded.fault("message_end", problem),
    })
}

fn boundaries(config: &Config) -> Result<Boundaries, BoundaryError> {
    Boundaries::new(&config.message_start, &config.message_end)
}

fn received(config: &Config) -> Received {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let from = config.receivedfrom.clone().unwrap_or_else(|| host.clone());
    Received { from, by: host, zone: config.timezone }
}
