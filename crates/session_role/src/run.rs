//! Runs the role: prepares the process, then follows the supervisor's orders.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use ipc::socket::MessageSocket;
use ipc::steer::{FromSession, SteerAnswer, SteerQuestion, ToSession};
use pop3::Shutdown;
use tokio::runtime::{Builder, Runtime};

use crate::accept::Acceptor;
use crate::channels::Channels;
use crate::maildrop::{self, MaildropChannel};
use crate::settings::Settings;
use crate::shared::Shared;

/// Memory that is set aside for the time when no more is available, in octets: enough for running sessions to
/// go on.
const RESERVE: usize = 16 << 20;

/// Runs the role until the supervisor ends it or is gone. Returns the exit status.
pub fn run(channels: Channels<'_>, mut settings: Settings, generation: u32) -> i32 {
    let most = connections_within(sys::process::descriptor_limit());
    if settings.max_servers > most {
        tracing::warn!(
            "max_servers: {most} at a time; for more, raise the limit of open files (LimitNOFILE, ulimit -n)"
        );
        settings.max_servers = most;
    }
    sys::reserve::keep(RESERVE);
    let ended = runtime().and_then(|runtime| runtime.block_on(serve(channels, settings, generation)));
    match ended {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("session ends: {error}");
            1
        }
    }
}

/// The number of connections that this number of descriptors is enough for. An eighth of them is left for
/// messages on their way to clients, and some for channels: then a connection too many gets a reply, and
/// running sessions go on.
fn connections_within(descriptors: u64) -> usize {
    const CHANNELS: usize = 24;
    usize::try_from(descriptors - descriptors / 8).unwrap_or(usize::MAX).saturating_sub(CHANNELS).max(1)
}

/// One thread for every two cores: auth and maildrop processes need the others. With a single thread, tasks
/// never move between threads, which would be a fifth of the cost of a short session.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2).max(1)
}

fn runtime() -> io::Result<Runtime> {
    match threads() {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

/// Serves clients and follows the supervisor's orders until the last connection after an order to stop is
/// closed.
async fn serve(channels: Channels<'_>, settings: Settings, generation: u32) -> io::Result<()> {
    let logins = MessageSocket::new(channels.logins.try_clone()?)?;
    let shared = Arc::new(Shared::new(settings, logins, generation, threads()));
    let steer = MessageSocket::new(channels.steer.try_clone()?)?;
    let receiver = shared.clone();
    tokio::spawn(async move { receiver.logins.receive().await });
    let mut acceptor = Acceptor::start(&shared, channels.arrivals, channels.metrics)?;
    steer.send(&FromSession::Ready, &[]).await.map_err(io::Error::other)?;

    loop {
        let order = tokio::select! {
            order = steer.receive::<ToSession>() => order,
            () = shared.connections.emptied(), if acceptor.is_closed() => {
                let totals = FromSession::Ending(shared.counters.figures().totals());
                // If the supervisor does not take them, some figures are lost and nothing else.
                let _ = steer.try_send(&totals, &[]);
                return Ok(());
            }
        };
        match order {
            Ok(Some((ToSession::Maildrop, descriptors))) => {
                for descriptor in descriptors {
                    let channel = Arc::new(MaildropChannel::new(MessageSocket::new(descriptor)?));
                    tokio::spawn(maildrop::receive(channel, shared.clone()));
                }
            }
            Ok(Some((ToSession::Unanswered(logins), _))) => {
                logins.into_iter().for_each(|login| shared.logins.give_up(login));
            }
            Ok(Some((ToSession::Ask { number, question }, _))) => {
                answer(&shared, &steer, number, question).await;
            }
            Ok(Some((ToSession::Restarted(restarts), _))) => *shared.restarts() = restarts,
            Ok(Some((ToSession::Retire, _))) => acceptor.close().await,
            Ok(Some((ToSession::ShutDown, _))) => {
                acceptor.close().await;
                shared.connections.stop_all(Shutdown::Stopping);
            }
            // Without the supervisor nobody can log in.
            Ok(None) | Err(_) => return Ok(()),
        }
    }
}

/// Answers a question of the supervisor, which does not wait for the answer.
async fn answer(shared: &Shared, steer: &MessageSocket, number: u64, question: SteerQuestion) {
    let (answer, memory) = match question {
        SteerQuestion::Figures => (SteerAnswer::Figures(shared.counters.figures()), None),
        SteerQuestion::Kick(target) => (SteerAnswer::Kicked(shared.connections.kick(&target)), None),
        SteerQuestion::Connections => match ipc::report::pack(&shared.connections.describe()) {
            Ok((packed, memory)) => (SteerAnswer::Connections(packed), memory),
            Err(error) => {
                tracing::error!("the list of connections cannot be passed on: {error}");
                (SteerAnswer::Failed, None)
            }
        },
    };
    let memory: Vec<_> = memory.iter().map(AsFd::as_fd).collect();
    if let Err(error) = steer.send(&FromSession::Answer { number, answer }, &memory).await {
        tracing::error!("the supervisor cannot be answered: {error}");
    }
}
