//! `mpopdctl kick`: ends sessions.

use std::process::ExitCode;

use ipc::control::{ControlReply, ControlRequest};
use ipc::steer::MOST_WHO;

use crate::client::Client;
use crate::failure::Failure;

/// Ends the sessions of a user, or the one of this id.
pub(crate) fn run(daemon: &Client, who: String) -> Result<ExitCode, Failure> {
    if who.is_empty() || who.len() > MOST_WHO {
        return Err("neither a user's name nor a session's id".into());
    }
    match daemon.ask(&ControlRequest::Kick(who.clone()))? {
        ControlReply::Kicked(0) => {
            Err(format!("{who} is neither logged in nor the id of a session; see mpopdctl who").into())
        }
        ControlReply::Kicked(1) => said("kicked 1 session"),
        ControlReply::Kicked(sessions) => said(&format!("kicked {sessions} sessions")),
        _ => Err(daemon.confused()),
    }
}

fn said(what: &str) -> Result<ExitCode, Failure> {
    println!("{what}");
    Ok(ExitCode::SUCCESS)
}
