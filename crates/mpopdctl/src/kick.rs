//! `mpopdctl kick`: ends sessions.

use std::process::ExitCode;

use ipc::control::{ControlReply, ControlRequest};
use ipc::steer::MOST_WHO;

use crate::client::DaemonClient;
use crate::error::CtlError;

/// Ends the sessions of a user, or the session with this id.
pub(crate) fn run(daemon: &DaemonClient, who: String) -> Result<ExitCode, CtlError> {
    if who.is_empty() || who.len() > MOST_WHO {
        return Err("neither a user's name nor a session's id".into());
    }
    match daemon.ask(&ControlRequest::Kick(who.clone()))? {
        ControlReply::Kicked(0) => {
            Err(format!("{who} is neither logged in nor the id of a session; see mpopdctl who").into())
        }
        ControlReply::Kicked(1) => print("kicked 1 session"),
        ControlReply::Kicked(sessions) => print(&format!("kicked {sessions} sessions")),
        _ => Err(daemon.unexpected_reply()),
    }
}

fn print(what: &str) -> Result<ExitCode, CtlError> {
    println!("{what}");
    Ok(ExitCode::SUCCESS)
}
