//! The channel of one auth process.

use std::sync::Arc;

use ipc::directory::{Answer, Request, Verdict};
use ipc::socket::MessageSocket;
use ipc::wire::Message;
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
        let request = match socket.receive::<Request>().await {
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
            let found = tokio::spawn(async move { directory.answer(&request.ask).await }).await;
            let verdict =
                found.unwrap_or_else(|_| Verdict::Temporary("mpopd-directory has a fault".to_owned()));
            // Who does not hear it any more is gone; the loop above learns it.
            let _ = socket.send(&sendable(Answer { id, verdict }), &[]).await;
            drop(place);
        });
    }
}

/// The answer, or, if it exceeds its bounds, one that says so.
fn sendable(answer: Answer) -> Answer {
    match answer.check() {
        Ok(()) => answer,
        Err(why) => {
            let why = one_line(&format!("what the server says of the user cannot be used: {why}"));
            Answer { id: answer.id, verdict: Verdict::Temporary(why) }
        }
    }
}
