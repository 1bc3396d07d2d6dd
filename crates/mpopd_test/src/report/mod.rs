//! What a run tells at its end: as text, as JSON, as a page.

mod html;
mod summary;
mod text;

use std::io::{self, Write};

pub(crate) use summary::{Summary, Totals};

use crate::plan::Output;

/// Prints and writes what was asked for.
///
/// # Errors
/// What cannot be written, in words for the command line.
pub(crate) fn publish(summary: &Summary) -> Result<(), String> {
    let text = match &summary.output {
        Output::Classic => text::classic(summary),
        Output::Summary { json: true, .. } => {
            let json = serde_json::to_string_pretty(summary).map_err(|error| format!("--json: {error}"))?;
            format!("{json}\n")
        }
        Output::Summary { json: false, .. } => text::summary(summary),
    };
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))?;
    if let Output::Summary { html: Some(file), .. } = &summary.output {
        std::fs::write(file, html::page(summary))
            .map_err(|error| format!("--html {}: {error}", file.display()))?;
    }
    Ok(())
}
