//! What it costs to open a maildrop for the first time, when nothing is known about it yet: `cargo bench -p
//! maildrop --bench open`.

#[path = "../../../benches/kit.rs"]
mod kit;

use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;

use kit::Work;
use maildrop::{Opener, Settings};
use tempfile::TempDir;
use vocabulary::{Location, LockMethod, Storage};

const MESSAGES: usize = 500;
const LINES: usize = 150;

fn main() {
    kit::run(&[
        ("maildrop: scan an mbox", mbox),
        ("maildrop: open a Maildir, per message", || maildir(false)),
        ("maildrop: open a Maildir that tells sizes, per message", || maildir(true)),
    ]);
}

fn mbox() -> (Work, Box<dyn FnMut()>) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("mbox");
    let text: String =
        (0..MESSAGES).map(|n| format!("From a@b Mon Nov 23 10:00:00 2026\n{}\n", mail(n))).collect();
    fs::write(&path, &text).expect("a file");
    (Work::Octets(text.len()), opened(folder, Location { storage: Storage::Mbox, path }))
}

/// With `sized`, the names give the sizes, stored and on the wire (Maildir++).
fn maildir(sized: bool) -> (Work, Box<dyn FnMut()>) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("Maildir");
    for name in ["cur", "new", "tmp"] {
        fs::create_dir_all(path.join(name)).expect("a folder");
    }
    for n in 0..MESSAGES {
        let mail = mail(n);
        let sizes = format!(",S={},W={}", mail.len(), mail.len() + mail.lines().count());
        let name = format!("cur/{}.M{n}P7.host{}:2,S", 1_790_000_000 + n, if sized { &sizes } else { "" });
        fs::write(path.join(name), mail).expect("a file");
    }
    (Work::Operations(MESSAGES), opened(folder, Location { storage: Storage::Maildir, path }))
}

/// Opens a maildrop in each pass, with an empty state folder.
fn opened(folder: TempDir, location: Location) -> Box<dyn FnMut()> {
    Box::new(move || {
        let state = TempDir::new_in(folder.path()).expect("a temporary folder");
        let maildrop = opener(state.path()).open(&location).expect("a maildrop");
        assert_eq!(black_box(maildrop).count() as usize, MESSAGES);
    })
}

fn opener(state: &Path) -> Opener {
    let settings = Settings { lock_methods: vec![LockMethod::Fcntl], ..Settings::default() };
    let state = File::open(state).expect("a folder");
    Opener::new(settings, state.into(), |notice| eprintln!("{notice}")).expect("an opener")
}

fn mail(number: usize) -> String {
    let line = "The quick brown fox jumps over the lazy dog and goes on to the next line of it.\n";
    format!("From: a@b\nSubject: {number}\nMessage-ID: <{number}@b>\n\n{}", line.repeat(LINES))
}
