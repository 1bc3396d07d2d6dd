//! The files to write, and their contents.

use clap::Command;
use clap_complete::Shell;

use crate::page;

/// Every file: its path from the top of the repository, and its text.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut files = vec![("conf/mpopd.conf".to_owned(), config::sample())];
    let pages = [
        ("mpopd.8", include_str!("../pages/mpopd.8"), Some(mpopd::command())),
        ("mpopdctl.8", include_str!("../pages/mpopdctl.8"), Some(mpopdctl::command())),
        ("mpopd_test.1", include_str!("../pages/mpopd_test.1"), Some(mpopd_test::command())),
        ("mpopdstats.1", include_str!("../pages/mpopdstats.1"), Some(mpopdstats::command())),
        ("mpopd.conf.5", include_str!("../pages/mpopd.conf.5"), None),
    ];
    for (name, prose, command) in pages {
        if let Some(command) = &command {
            files.extend(completions(command));
        }
        files.push((format!("man/{name}"), page::filled(prose, command)));
    }
    files
}

/// One file per shell, under the name that the shell looks for.
fn completions(command: &Command) -> Vec<(String, String)> {
    let name = command.get_name().to_owned();
    let shells = [
        (Shell::Bash, format!("{name}.bash")),
        (Shell::Zsh, format!("_{name}")),
        (Shell::Fish, format!("{name}.fish")),
    ];
    let written = shells.map(|(shell, file)| {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command.clone(), &*name, &mut text);
        (format!("completions/{file}"), String::from_utf8_lossy(&text).into_owned())
    });
    written.into()
}
