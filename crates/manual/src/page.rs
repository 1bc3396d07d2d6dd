//! A manual page: prose in man(7) format, in which comments request what the programs say of themselves.
//!
//! `.\" @options` becomes the options of the program, `.\" @options NAME` those of a subcommand, `.\"
//! @commands` all subcommands with their options, `.\" @settings` the settings of mpopd.conf; `@VERSION@` is
//! the version.

use clap::{Arg, ArgAction, Command};

/// Fills in a page.
///
/// # Panics
/// The page requests something that does not exist: a bug in this crate, which its test finds.
pub(crate) fn filled(prose: &str, command: Option<Command>) -> String {
    let command = command.map(|mut command| {
        command.build();
        command
    });
    let command = || command.as_ref().expect("a page that asks for a command's options has a command");
    let mut page =
        String::from(".\\\" Written by `just man`: do not change it here, but in crates/manual.\n");
    for line in prose.lines() {
        match line.strip_prefix(".\\\" @") {
            Some("options") => options(command(), &mut page),
            Some("commands") => subcommands(command(), &mut page),
            Some("settings") => page.push_str(&config::man_settings()),
            Some(other) => {
                let name = other.strip_prefix("options ").expect("a known request");
                options(command().find_subcommand(name).expect("a subcommand"), &mut page);
            }
            None => {
                page.push_str(&line.replace("@VERSION@", env!("CARGO_PKG_VERSION")));
                page.push('\n');
            }
        }
    }
    page
}

fn subcommands(command: &Command, page: &mut String) {
    for command in
        command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let arguments: String =
            command.get_positionals().map(|arg| format!(" {}", value(arg).unwrap_or_default())).collect();
        page.push_str(&format!(".SS \"\\fB{}\\fR{arguments}\"\n", escaped(command.get_name())));
        if let Some(about) = command.get_long_about().or(command.get_about()) {
            page.push_str(&sentence(&about.to_string()));
        }
        options(command, page);
    }
}

fn options(command: &Command, page: &mut String) {
    let own = |arg: &&Arg| {
        let same_everywhere = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        // An option that every subcommand takes is described once, with those of the program.
        let described = command.get_subcommands().next().is_none() && arg.is_global_set();
        !arg.is_hide_set() && !same_everywhere && !described
    };
    let mut heading = None;
    for arg in command.get_arguments().filter(own) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            page.push_str(&format!(".SS \"{}\"\n", escaped(heading.unwrap_or("Others"))));
        }
        page.push_str(&format!(".TP\n{}\n", names(arg)));
        if let Some(help) = arg.get_long_help().or(arg.get_help()) {
            page.push_str(&sentence(&help.to_string()));
        }
        let words: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|_| value(arg).is_some())
            .map(|value| escaped(value.get_name()))
            .collect();
        if !words.is_empty() {
            page.push_str(&format!("One of: {}.\n", words.join(", ")));
        }
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| escaped(&value.to_string_lossy())).collect();
        if !defaults.is_empty() && value(arg).is_some() && !arg.is_hide_default_value_set() {
            page.push_str(&format!("Default: {}.\n", defaults.join(" ")));
        }
    }
}

/// `-p, --port PORT`, with markup.
fn names(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = arg.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    match (names.is_empty(), value(arg)) {
        (true, value) => value.unwrap_or_default(),
        (false, None) => names.join(", "),
        (false, Some(value)) => format!("{} {value}", names.join(", ")),
    }
}

/// The names of an argument's values, with markup; nothing for a switch.
fn value(arg: &Arg) -> Option<String> {
    if !arg.get_action().takes_values() {
        return None;
    }
    let names: Vec<String> = match arg.get_value_names() {
        Some(names) => names.iter().map(|name| escaped(name)).collect(),
        None => vec![escaped(&arg.get_id().as_str().to_uppercase())],
    };
    let names: Vec<String> = names.iter().map(|name| format!("\\fI{name}\\fR")).collect();
    Some(names.join(" "))
}

/// A help text as a sentence.
fn sentence(text: &str) -> String {
    let text = escaped(text.trim());
    let end = if text.ends_with('.') { "" } else { "." };
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    format!("{}{end}\n", lines.join("\n"))
}

/// Text with everything escaped that man(7) would interpret.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
        .replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ArgGroup;

    fn program() -> Command {
        let file = Arg::new("file")
            .short('c')
            .long("config")
            .value_name("FILE")
            .help("Read this file")
            .default_value("/etc/x-y");
        let word =
            Arg::new("word").long("mode").value_parser(["a", "b"]).help("What it does.").help_heading("Load");
        let quiet = Arg::new("quiet").short('q').action(ArgAction::SetTrue).help("It's quiet");
        let secret = Arg::new("secret").long("secret").hide(true);
        let who = Arg::new("who").value_name("WHO");
        Command::new("p")
            .args([file, quiet, secret, word])
            .group(ArgGroup::new("g"))
            .subcommand(Command::new("kick").about("Ends a session").arg(who))
    }

    #[test]
    fn options_are_told_as_the_program_tells_them() {
        let page = filled(".TH P 1\n.\\\" @options\n.SH END", Some(program()));
        let expected = ".TH P 1\n.TP\n\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIFILE\\fR\nRead this file.\n\
            Default: /etc/x\\-y.\n\
            .TP\n\\fB\\-q\\fR\nIt\\(aqs quiet.\n.SS \"Load\"\n.TP\n\\fB\\-\\-mode\\fR \\fIWORD\\fR\nWhat it \
            does.\nOne of: a, b.\n.SH END\n";
        assert_eq!(page.split_once('\n').unwrap().1, expected);
    }

    #[test]
    fn subcommands_have_their_arguments() {
        let page = filled(".\\\" @commands", Some(program()));
        assert!(
            page.ends_with(".SS \"\\fBkick\\fR \\fIWHO\\fR\"\nEnds a session.\n.TP\n\\fIWHO\\fR\n"),
            "{page}"
        );
    }
}
