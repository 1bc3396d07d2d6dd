//! The channel of one auth process.

use std::sync::Arc;

use ipc::directory::{DirectoryAnswer, DirectoryRequest, LookupOutcome};
use ipc::socket::MessageSocket;
use ipc::wire::ChannelMessage;
use tokio::sync::Semaphore;

use crate::directory::UserDirectory;
use crate::failure::one_line;

/// The number of requests of one auth process that may be under way. A process sends one at a time; the
/// others are left over from predecessors that were killed at their deadline.
const MOST_UNDER_WAY: usize = 16;

/// Answers requests until the auth process is gone.
pub(crate) async fn serve(socket: Arc<MessageSocket>, directory: Arc<UserDirectory>) {
    let under_way = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = under_way.clone().acquire_owned().await else { return };
        let request = match socket.receive::<DirectoryRequest>().await {
            Ok(Some((request, _))) => request,
            Ok(None) => return,
            Err(error) => {
                eprintln!("mpopd-directory: the channel of an auth process is closed: {error}");
                return;
            }
        };
        let (socket, directory) = (socket.clone(), directory.clone());
        tokio::spawn(async move {
            let id = request.id;
            // In a task of its own: if a library panics over the data of a server, only this answer is lost.
            let found = tokio::spawn(async move { directory.answer(&request.query).await }).await;
            let verdict =
                found.unwrap_or_else(|_| LookupOutcome::Temporary("mpopd-directory has a bug".to_owned()));
            // If this fails, the auth process is gone, and the loop above notices.
            let _ = socket.send(&sendable(DirectoryAnswer { id, verdict }), &[]).await;
            drop(slot);
        });
    }
}

/// The answer itself, or one that reports that it exceeds its bounds.
fn sendable(answer: DirectoryAnswer) -> DirectoryAnswer {
    match answer.check() {
        Ok(()) => answer,
        Err(why) => {
            let why = one_line(&format!("the record of the user cannot be used: {why}"));
            DirectoryAnswer { id: answer.id, verdict: LookupOutcome::Temporary(why) }
        }
    }
}
