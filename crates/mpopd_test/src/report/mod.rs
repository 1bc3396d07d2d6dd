//! The results of a run: as text, as JSON, as an HTML page.

mod html;
mod summary;
mod text;

use std::io::{self, Write};

pub(crate) use summary::{Summary, Totals};

use crate::error::Error;
use crate::plan::ReportOutput;

/// Prints and writes the requested reports.
///
/// # Errors
///
/// Something cannot be written.
pub(crate) fn publish(summary: &Summary) -> Result<(), Error> {
    let text = match &summary.output {
        ReportOutput::Classic => text::classic(summary),
        ReportOutput::Summary { json: true, .. } => {
            let json = serde_json::to_string_pretty(summary).map_err(Error::Json)?;
            format!("{json}\n")
        }
        ReportOutput::Summary { json: false, .. } => text::summary(summary),
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Error::Io("standard output".to_owned(), error))?;
    if let ReportOutput::Summary { html: Some(file), .. } = &summary.output {
        std::fs::write(file, html::page(summary))
            .map_err(|error| Error::Io(format!("--html {}", file.display()), error))?;
    }
    Ok(())
}
