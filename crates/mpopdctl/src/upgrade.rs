//! `mpopdctl upgrade`: the installed mpopd takes over from the running one.

use std::process::ExitCode;

use ipc::control::{ControlReply, ControlRequest};

use crate::client::DaemonClient;
use crate::error::CtlError;

/// Waits until the new process serves.
pub(crate) fn run(daemon: &DaemonClient) -> Result<ExitCode, CtlError> {
    match daemon.ask(&ControlRequest::Upgrade)? {
        ControlReply::Upgraded { pid } => {
            println!("mpopd upgraded: process {pid} serves, and the sessions of the old one go on");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(daemon.unexpected_reply()),
    }
}
