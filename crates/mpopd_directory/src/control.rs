//! The channel of the supervisor: the settings arrive here, then the channels of the auth processes.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;

use ipc::directory::{FromDirectory, ToDirectory};
use ipc::socket::MessageSocket;

use crate::channel;
use crate::directory::UserDirectory;
use crate::failure::one_line;

/// The number of threads for calls that block: SQLite, HTTP, the resolution of host names.
const MOST_THREADS: usize = 128;

/// Runs the program until the supervisor is gone.
pub(crate) fn run() -> ExitCode {
    // The process holds the passwords of databases: no other process of its user may read its memory.
    if let Err(error) = sys::process::not_dumpable() {
        return failed(&format!("its memory cannot be protected: {error}"));
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(MOST_THREADS).build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(serve());
            // Does not wait for threads that wait for a server.
            runtime.shutdown_background();
            code
        }
        Err(error) => failed(&format!("it cannot start: {error}")),
    }
}

async fn serve() -> ExitCode {
    let (control, settings) = match receive_settings().await {
        Ok(received) => received,
        Err(error) => {
            eprintln!("mpopd-directory is started by mpopd, not by hand: {error}");
            return ExitCode::from(2);
        }
    };
    let directory = match UserDirectory::new(settings) {
        Ok(directory) => Arc::new(directory),
        Err(why) => {
            let why = one_line(&why.to_string());
            // If the supervisor is gone as well, standard error still has the reason.
            let _ = control.send(&FromDirectory::Failed(why.clone()), &[]).await;
            return failed(&why);
        }
    };
    if let Err(error) = control.send(&FromDirectory::Ready, &[]).await {
        return failed(&error.to_string());
    }
    loop {
        match control.receive::<ToDirectory>().await {
            Ok(Some((ToDirectory::Serve, channels))) => {
                for socket in channels {
                    match MessageSocket::new(socket) {
                        Ok(socket) => {
                            tokio::spawn(channel::serve(Arc::new(socket), directory.clone()));
                        }
                        Err(error) => return failed(&format!("a channel cannot be used: {error}")),
                    }
                }
            }
            Ok(Some((ToDirectory::Settings(_), _))) => return failed("its settings came twice"),
            Ok(None) => return ExitCode::SUCCESS,
            Err(error) => return failed(&error.to_string()),
        }
    }
}

/// The channel on descriptor 0, and the settings, which must be its first message.
async fn receive_settings() -> io::Result<(MessageSocket, ipc::directory::DirectorySettings)> {
    let control = MessageSocket::new(io::stdin().as_fd().try_clone_to_owned()?)?;
    match control.receive::<ToDirectory>().await.map_err(io::Error::other)? {
        Some((ToDirectory::Settings(settings), _)) => Ok((control, *settings)),
        Some((ToDirectory::Serve, _)) => Err(io::Error::other("the settings did not come first")),
        None => Err(io::Error::other("no settings came")),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("mpopd-directory: {why}");
    ExitCode::FAILURE
}
