//! The table of settings as text: effective settings, sample file, manual.

use std::fmt::Write;

use crate::kind::quoted;
use crate::table::Config;

/// A setting with its documentation and value.
pub(crate) struct SettingRow {
    /// The heading above it.
    pub(crate) group: &'static str,
    /// Its table; empty for the main table.
    pub(crate) table: &'static str,
    /// Its name in the table.
    pub(crate) key: &'static str,
    /// Its help text, in lines.
    pub(crate) help: &'static [&'static str],
    /// The accepted values, as the end of a sentence.
    pub(crate) accepts: String,
    pub(crate) value: Shown,
}

/// Where a setting stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingName {
    /// The heading above it in the manual and the sample file.
    pub group: &'static str,
    /// Its table; empty for the main table.
    pub table: &'static str,
    /// Its name in the table; `USER` in a table that has a value for each user.
    pub key: &'static str,
}

/// All settings, in the order of the manual.
pub fn setting_names() -> impl Iterator<Item = SettingName> {
    Config::default().rows().into_iter().map(|SettingRow { group, table, key, .. }| SettingName {
        group,
        table,
        key,
    })
}

/// The value of a row, in TOML.
pub(crate) enum Shown {
    Value(String),
    PerUser(Vec<(String, String)>),
}

impl Config {
    /// The effective settings as TOML: the output of `--print-config`. Parsing it gives the same settings.
    ///
    /// Secrets are replaced by ******, which is not accepted as a value.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let (mut group, mut table) = ("", "");
        for row in self.rows() {
            if row.group != group {
                let between = if group.is_empty() { "" } else { "\n" };
                write_to(&mut text, format_args!("{between}# {}\n", row.group));
            }
            if row.table != table {
                write_to(&mut text, format_args!("[{}]\n", row.table));
            }
            (group, table) = (row.group, row.table);
            match row.value {
                Shown::Value(value) => write_to(&mut text, format_args!("{} = {value}\n", row.key)),
                Shown::PerUser(users) => {
                    for (user, value) in users {
                        write_to(&mut text, format_args!("{} = {value}\n", quoted(&user)));
                    }
                }
            }
        }
        text
    }
}

/// The sample file: every setting with its help text, and its default in a comment that begins with `#`
/// without a space.
pub fn sample() -> String {
    let mut text = String::from(
        "# mpopd.conf: the settings of mpopd(8); mpopd.conf(5) explains them.\n\
         # Every setting is shown with its default. Remove the # before a setting to change it.\n\
         # Settings come first, [tables] after them.\n",
    );
    let (mut group, mut table) = ("", "");
    for row in Config::default().rows() {
        if row.group != group {
            write_to(&mut text, format_args!("\n\n### {} ###\n", row.group));
        }
        text.push('\n');
        for line in row.help {
            write_to(&mut text, format_args!("# {}\n", line.trim()));
        }
        write_to(&mut text, format_args!("# Accepted: {}.\n", row.accepts));
        if row.table != table {
            // Not a comment, so that uncommenting a setting of the table is enough.
            write_to(&mut text, format_args!("[{}]\n", row.table));
        }
        (group, table) = (row.group, row.table);
        match row.value {
            Shown::Value(value) => write_to(&mut text, format_args!("#{} = {value}\n", row.key)),
            Shown::PerUser(_) => text.push_str("# One line for each user: \"NAME\" = VALUE\n"),
        }
    }
    text
}

/// The settings for mpopd.conf(5), in man(7) form: a `.SH` for each group, a `.TP` for each setting.
pub fn man_settings() -> String {
    let mut text = String::new();
    let mut group = "";
    for row in Config::default().rows() {
        if row.group != group {
            write_to(&mut text, format_args!(".SH {}\n", roff(&row.group.to_uppercase())));
        }
        group = row.group;
        let name = match row.table {
            "" => row.key.to_owned(),
            table => format!("[{table}] {}", row.key),
        };
        write_to(&mut text, format_args!(".TP\n.B {}\n", roff(&name)));
        for (nth, line) in row.help.iter().enumerate() {
            // A list of values has one a line.
            if nth > 0 && line.trim().starts_with(|c: char| c.is_ascii_digit()) {
                text.push_str(".br\n");
            }
            write_to(&mut text, format_args!("{}\n", roff(line.trim())));
        }
        write_to(&mut text, format_args!(".br\nAccepted: {}.\n", roff(&row.accepts)));
        if let Shown::Value(value) = row.value {
            write_to(&mut text, format_args!(".br\nDefault: {}\n", roff(&value)));
        }
    }
    text
}

/// Escapes text so that man(7) prints it unchanged.
fn roff(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    if text.starts_with('.') {
        escaped.push_str("\\&");
    }
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '\'' => escaped.push_str("\\(aq"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn write_to(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Removes the `#` before every setting of the sample.
    fn uncommented(sample: &str) -> String {
        let setting =
            |line: &str| line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("##");
        sample
            .lines()
            .map(|line| if setting(line) { line.replacen('#', "", 1) } else { line.to_owned() } + "\n")
            .collect()
    }

    #[test]
    fn the_sample_says_what_holds_without_it() {
        for text in [sample(), uncommented(&sample())] {
            assert_eq!(parse(Path::new("f"), text.as_bytes()).unwrap().config, Config::default());
        }
        assert!(uncommented(&sample()).contains("\nport = 110\n"));
    }

    #[test]
    fn printed_settings_are_read_back_as_they_were() {
        let file =
            b"port = 1\nlisten = [\"::1\"]\nmbox = \"/m/%d/%n\"\nauth_type = 6\nuserlist = \"/u'\\\"\\\\\"\n\
            greeting = \"a \\\\ b\"\n[user_storage]\n\"a@b.c\" = \"maildir\"\n'q\"\\' = \"mbox\"\n";
        let config = parse(Path::new("f"), file).unwrap().config;
        assert_ne!(config, Config::default());
        let again = parse(Path::new("f"), config.to_toml().as_bytes()).unwrap();
        assert_eq!(again.config, config);
    }

    #[test]
    fn help_is_in_sentences_and_names_are_unique() {
        let mut seen = BTreeSet::new();
        for row in Config::default().rows() {
            assert!(seen.insert((row.table, row.key)), "{} is in the table twice", row.key);
            let help = row.help.join("");
            assert!(help.starts_with(' ') && help.trim().ends_with('.'), "{}: {help:?}", row.key);
        }
    }

    #[test]
    fn the_manual_has_every_setting_and_nothing_that_troff_takes_for_its_own() {
        let manual = man_settings();
        assert!(manual.contains(".TP\n.B [tls] minimum\n"));
        assert!(manual.contains("Default: \\(aq\\(ha\\es*$\\(aq\n"), "message_end");
        for line in manual.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!([".SH ", ".TP", ".B ", ".br"].iter().any(|known| line.starts_with(known)), "{line}");
        }
    }

    #[test]
    fn sample_and_manual_have_all_rows() {
        let (sample, manual) = (sample(), man_settings());
        for row in Config::default().rows() {
            let name = if row.table.is_empty() {
                row.key.to_owned()
            } else {
                format!("[{}] {}", row.table, row.key)
            };
            assert!(manual.contains(&format!(".B {name}\n")), "{name}");
            let shown =
                if row.key == "USER" { format!("[{}]", row.table) } else { format!("#{} = ", row.key) };
            assert!(sample.contains(&shown), "{shown}");
        }
    }
}
