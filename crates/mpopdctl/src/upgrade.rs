//! `mpopdctl upgrade`: the installed mpopd takes over from the running one.

use std::process::ExitCode;

use ipc::control::{ControlReply, ControlRequest};

use crate::client::Client;
use crate::failure::Failure;

/// Waits until the new one serves.
pub(crate) fn run(daemon: &Client) -> Result<ExitCode, Failure> {
    match daemon.ask(&ControlRequest::Upgrade)? {
        ControlReply::Upgraded { pid } => {
            println!("mpopd upgraded: process {pid} serves, and the sessions of the old one go on");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(daemon.confused()),
    }
}
