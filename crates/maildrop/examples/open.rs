//! Opens a mailbox repeatedly and prints how long that takes: `open MAILBOX [TIMES]`.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use maildrop::{Opener, Settings, detect};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: open MAILBOX [TIMES]")?);
    let times: u32 = arguments.next().map_or(Ok(5), |times| times.parse())?;
    let location = detect(&path)?;
    let state = tempfile::tempdir()?;
    let opener =
        Opener::new(Settings::default(), File::open(state.path())?.into(), |notice| eprintln!("{notice}"))?;
    for _ in 0..times {
        let begun = Instant::now();
        let maildrop = opener.open(&location)?;
        let taken = begun.elapsed();
        let octets: u64 =
            (1..=maildrop.count()).filter_map(|number| maildrop.listing(number)).map(|m| m.octets).sum();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let rate = octets as f64 / taken.as_secs_f64() / 1e9;
        println!("{} messages, {octets} octets in {taken:.1?}: {rate:.2} GB/s", maildrop.count());
    }
    Ok(())
}
