//! `mpopdctl top`: sessions, rates and failures on a live screen. Each second it asks the daemon for its
//! status and its connections.

mod screen;
mod state;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::client::DaemonClient;
use crate::error::CtlError;
use crate::status;
use state::TopState;

const INTERVAL: Duration = Duration::from_secs(1);

/// Shows the daemon with this control socket until q is pressed.
pub(crate) fn run(control_socket: &Path) -> Result<ExitCode, CtlError> {
    if !io::stdout().is_terminal() {
        return Err("top needs a terminal; mpopdctl status and mpopdctl who do without".into());
    }
    let mut state = TopState::default();
    let mut daemon = Some(DaemonClient::connect(control_socket)?);
    let mut terminal = ratatui::try_init().map_err(|error| terminal_failed(&error))?;
    let watched = watch(&mut terminal, control_socket, &mut daemon, &mut state);
    ratatui::restore();
    watched.map(|()| ExitCode::SUCCESS).map_err(|error| terminal_failed(&error))
}

fn watch(
    terminal: &mut DefaultTerminal,
    control_socket: &Path,
    daemon: &mut Option<DaemonClient>,
    state: &mut TopState,
) -> io::Result<()> {
    loop {
        let due = Instant::now() + INTERVAL;
        if let Err(failure) = refresh(control_socket, daemon, state) {
            // The daemon may be restarting: try again in the next second.
            *daemon = None;
            state.lost(failure.to_string());
        }
        loop {
            terminal.draw(|frame| screen::draw(frame, state))?;
            if !event::poll(due.saturating_duration_since(Instant::now()))? {
                break;
            }
            match event::read()? {
                Event::Key(key) if ends(key) => return Ok(()),
                _ => {}
            }
        }
    }
}

fn refresh(
    control_socket: &Path,
    daemon: &mut Option<DaemonClient>,
    state: &mut TopState,
) -> Result<(), CtlError> {
    let client = match daemon.take() {
        Some(client) => client,
        None => DaemonClient::connect(control_socket)?,
    };
    state.update(Instant::now(), status::ask(&client)?, client.connections()?);
    *daemon = Some(client);
    Ok(())
}

fn ends(key: KeyEvent) -> bool {
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

fn terminal_failed(error: &io::Error) -> CtlError {
    CtlError::Other(format!("the terminal: {error}"))
}
