//! The channel of one auth process.

use std::sync::Arc;

use ipc::directory::{DirectoryAnswer, DirectoryRequest, LookupOutcome};
use ipc::socket::MessageSocket;
use ipc::wire::ChannelMessage;
use tokio::sync::Semaphore;

use crate::directory::Directory;
use crate::failure::one_line;

/// How many requests of one auth process may be under way. It asks one after the other; more are those that a predecessor,
/// killed at its deadline, has left behind.
const MOST_UNDER_WAY: usize = 16;

/// Answers requests until the auth process is gone.
pub(crate) async fn serve(socket: Arc<MessageSocket>, directory: Arc<Directory>) {
    let under_way = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    loop {
        // The semaphore is never closed.
        let Ok(place) = under_way.clone().acquire_owned().await else { return };
        let request = match socket.receive::<DirectoryRequest>().await {
            Ok(Some((request, _))) => request,
            Ok(None) => return,
            Err(error) => {
                eprintln!("mpopd-directory: an auth process is given up: {error}");
                return;
            }
        };
        let (socket, directory) = (socket.clone(), directory.clone());
        tokio::spawn(async move {
            let id = request.id;
            // In a task of its own: a library that panics over what a server sent costs that one answer.
            let found = tokio::spawn(async move { directory.answer(&request.query).await }).await;
            let verdict =
                found.unwrap_or_else(|_| LookupOutcome::Temporary("mpopd-directory has a fault".to_owned()));
            // Who does not hear it any more is gone; the loop above learns it.
            let _ = socket.send(&sendable(DirectoryAnswer { id, verdict }), &[]).await;
            drop(place);
        });
    }
}

/// The answer, or, if it exceeds its bounds, one that says so.
fn sendable(answer: DirectoryAnswer) -> DirectoryAnswer {
    match answer.check() {
        Ok(()) => answer,
        Err(why) => {
            let why = one_line(&format!("what the server says of the user cannot be used: {why}"));
            DirectoryAnswer { id: answer.id, verdict: LookupOutcome::Temporary(why) }
        }
    }
}
