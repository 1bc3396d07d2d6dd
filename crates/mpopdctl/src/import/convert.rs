//! Converts old settings to new ones.

use std::collections::HashSet;

use config::quoted;

use super::entries::{OldConfig, OldForm, OldSetting, OldValue};

/// An old setting after the conversion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Converted {
    /// Its line, from 1; `None` for settings that the old file does not have.
    pub(super) line: Option<usize>,
    /// Its old name.
    pub(super) name: String,
    /// The new setting.
    pub(super) set: Option<NewSetting>,
    /// The texts of CHECK comments.
    pub(super) checks: Vec<String>,
}

/// A new setting: its table, empty for the main one, its key and its value in TOML.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewSetting {
    pub(super) table: &'static str,
    pub(super) key: String,
    pub(super) value: String,
}

/// The type of the value of a setting that kept its name.
#[derive(Clone, Copy)]
enum KeptValue {
    Number,
    Flag,
    Text,
}

/// The settings that still have the same meaning.
const KEPT: &[(&str, KeptValue)] = &[
    ("port", KeptValue::Number),
    ("max_servers", KeptValue::Number),
    ("mpopd_pid_file", KeptValue::Text),
    ("greeting", KeptValue::Text),
    ("auth_type", KeptValue::Number),
    ("use_pam", KeptValue::Flag),
    ("mpopd_pam_service", KeptValue::Text),
    ("shadow", KeptValue::Text),
    ("userlist", KeptValue::Text),
    ("host_mail_path", KeptValue::Text),
    ("switch", KeptValue::Flag),
    ("reject_bogus_user", KeptValue::Flag),
    ("hosts_allow_deny", KeptValue::Text),
    ("trusted_networks", KeptValue::Text),
    ("allow_non_fqdn", KeptValue::Flag),
    ("mail_spool_dir", KeptValue::Text),
    ("path_to_homedir", KeptValue::Text),
    ("retry_on_lock", KeptValue::Number),
    ("mpopd_spool", KeptValue::Text),
    ("receivedfrom", KeptValue::Text),
    ("debug_log", KeptValue::Text),
    ("user_log_dir", KeptValue::Text),
    ("passsecret", KeptValue::Flag),
];

/// The settings that are not needed any more and can be left out.
const GONE: &[&str] = &["mpopd_conf_version", "md5_no_pam", "mpopd_failed_mail", "fork_alert"];

/// Defaults of the old program that differ from today's.
const OLD_DEFAULTS: &[(&str, &str)] = &[
    ("timeout", "10"),
    ("use_pam", "false"),
    ("allow_non_fqdn", "false"),
    ("mail_spool_dir", "\"/var/spool/mail\""),
    ("storage", "\"disk\""),
];

/// Converts an old configuration.
pub(super) fn converted(old: &OldConfig) -> Vec<Converted> {
    let mut items = Vec::new();
    for entry in last_ones(&old.entries) {
        items.extend(item(entry, old.form));
    }
    items.extend(storage(old));
    for (line, source) in &old.leftovers {
        let what = format!("this is a program, not a setting, and was left out: {}", excerpt(source));
        items.push(Converted { line: Some(*line), name: String::new(), set: None, checks: vec![what] });
    }
    for (key, value) in OLD_DEFAULTS {
        if !items.iter().any(|item| item.set.as_ref().is_some_and(|set| set.key == *key)) {
            let set = NewSetting { table: "", key: (*key).to_owned(), value: (*value).to_owned() };
            items.push(Converted { line: None, name: (*key).to_owned(), set: Some(set), checks: Vec::new() });
        }
    }
    let maildir = Some(main("storage", "\"maildir\""));
    let maildir = items.iter().any(|item| item.set == maildir);
    items.extend(of_the_form(old.form, maildir));
    items
}

/// The effective settings: the last of several assignments to the same name.
fn last_ones(entries: &[OldSetting]) -> Vec<&OldSetting> {
    let mut seen = HashSet::new();
    let mut last: Vec<&OldSetting> =
        entries.iter().rev().filter(|entry| seen.insert((&entry.name, &entry.user))).collect();
    last.reverse();
    last
}

fn item(entry: &OldSetting, form: OldForm) -> Option<Converted> {
    let line = Some(entry.line);
    let name = match &entry.user {
        Some(user) => format!("{}{{{user}}}", entry.name),
        None => entry.name.clone(),
    };
    let mut checks = Vec::new();
    let set = match (&*entry.name, &entry.user, &entry.value) {
        (gone, ..) if GONE.contains(&gone) => return None,
        // `storage` converts them together.
        ("use_maildir" | "parse_to_disk" | "mailbox_class", None, _) => return None,
        (_, _, OldValue::Undefined) => return None,
        ("user_check" | "password_check", None, OldValue::Code(code)) => who(code, &mut checks),
        ("mailbox_args", None, OldValue::Code(code)) => {
            let usual =
                ["{mail_spool_dir}/$user_name", "find_maildir"].iter().any(|usual| code.contains(usual));
            if !usual {
                let what = "it computes the place of a user's mail in Perl; set mail_spool_dir, mbox or maildir instead";
                checks.push(format!("{what}: {}", excerpt(code)));
            }
            None
        }
        ("connection_class", None, OldValue::Text(class)) if class == "Mail::POP3::Security::Connection" => {
            return None;
        }
        (_, _, OldValue::Code(code)) => {
            checks.push(format!("only Perl could compute this; set it by hand: {}", excerpt(code)));
            None
        }
        (_, Some(user), OldValue::Text(text)) => for_user(&entry.name, user, text, &mut checks),
        (_, None, OldValue::Text(text)) => plain(&entry.name, text, form, &mut checks),
    };
    if set.is_none() && checks.is_empty() {
        return None;
    }
    Some(Converted { line, name, set, checks })
}

/// A setting for all users.
fn plain(name: &str, text: &str, form: OldForm, checks: &mut Vec<String>) -> Option<NewSetting> {
    let (key, value) = match name {
        "timeout" => {
            if text.parse().is_ok_and(|seconds: u32| seconds < 600) {
                checks.push(
                    "RFC 1939 asks for 600 or more; slow clients lose their session with less".to_owned(),
                );
            }
            (name, number(text))
        }
        // 2.x added a ^.
        "message_start" if form == OldForm::Assignments && !text.starts_with('^') => {
            (name, quoted(&format!("^{text}")))
        }
        "message_start" => (name, quoted(text)),
        // A line in Perl included its line end, which is white space too: the pattern meant an empty line.
        "message_end" if text == r"^\s+$" => (name, quoted(r"^\s*$")),
        "message_end" => {
            if text.contains(r"\s") && text != r"^\s*$" || text.contains(r"\n") {
                checks.push("the line is matched without its line end today".to_owned());
            }
            (name, quoted(text))
        }
        "mailgroup" if text.parse::<u32>().is_ok() => {
            checks.push(format!("the group is set by name today; `getent group {text}` shows it"));
            return None;
        }
        "mailgroup" => (name, quoted(text)),
        "timezone" => {
            ("timezone", quoted(if matches!(text, "GMT" | "UTC" | "UT" | "Z") { "+0000" } else { text }))
        }
        "status" => ("status_header", flag(text)),
        "debug" if is_true(text) => return None,
        "debug" => ("log_level", quoted("warn")),
        "username_plugin" | "password_plugin" => {
            let what =
                "plugins are separate programs today, not Perl code; see mpopd.conf(5) and conf/plugins";
            checks.push(format!("{what}: {}", excerpt(text)));
            return None;
        }
        _ => match KEPT.iter().find(|(kept, _)| *kept == name) {
            Some((kept, KeptValue::Number)) => (*kept, number(text)),
            Some((kept, KeptValue::Flag)) => (*kept, flag(text)),
            Some((kept, KeptValue::Text)) => (*kept, quoted(text)),
            None => {
                checks.push(format!("there is no such setting today; it was {}", excerpt(&quoted(text))));
                return None;
            }
        },
    };
    Some(NewSetting { table: "", key: key.to_owned(), value })
}

/// A setting for one user.
fn for_user(name: &str, user: &str, text: &str, checks: &mut Vec<String>) -> Option<NewSetting> {
    let (table, value) = match name {
        "user_auth" => ("user_auth", number(text)),
        "user_log" if !is_true(text) => return None,
        "user_log" => ("user_log", number(text)),
        "debug" | "user_debug" => ("user_debug", flag(text)),
        // `write` collects the names in one list.
        "addreceived" if is_true(text) => {
            return Some(NewSetting { table: "", key: "addreceived".to_owned(), value: quoted(user) });
        }
        // 2.x left out the header for these users; today it is left out for everyone.
        "addreceived" | "forwardto" => return None,
        _ => {
            checks.push(format!("there is no such setting today; it was {}", excerpt(&quoted(text))));
            return None;
        }
    };
    Some(NewSetting { table, key: quoted(user), value })
}

/// `user_check` and `password_check` of 3.x: subs that nearly always call one of the module's own subs.
fn who(code: &str, checks: &mut Vec<String>) -> Option<NewSetting> {
    let calls = |what: &str| code.contains(what);
    let system = calls("_user_system") || calls("_password_system") || calls("check_password_pam");
    let domain = calls("_user_vdomain") || calls("_password_vdomain");
    let auth_type = match (system, domain) {
        (true, false) => Some(1),
        (true, true) => Some(2),
        (false, true) => Some(4),
        (false, false) => None,
    };
    let Some(auth_type) = auth_type else {
        let what = "it decides in Perl who may log in; set auth_type, or write a plugin (auth_type = 7)";
        checks.push(format!("{what}: {}", excerpt(code)));
        return None;
    };
    if calls("if ") || calls("elsif") {
        checks.push("it may distinguish users; [user_auth] does that today".to_owned());
    }
    // A sub that calls PAM checks system users, which is the default of auth_type.
    if calls("check_password_pam") {
        Some(main("use_pam", "true"))
    } else {
        Some(main("auth_type", &auth_type.to_string()))
    }
}

/// `use_maildir` and `parse_to_disk` of 2.x, `mailbox_class` of 3.x.
fn storage(old: &OldConfig) -> Option<Converted> {
    let last = |name: &str| old.entries.iter().rfind(|entry| entry.name == name && entry.user.is_none());
    let text = |entry: &OldSetting| match &entry.value {
        OldValue::Text(text) => text.clone(),
        _ => String::new(),
    };
    let item = |entry: &OldSetting, set: Option<NewSetting>, checks| {
        Some(Converted { line: Some(entry.line), name: entry.name.clone(), set, checks })
    };
    let storage = |word: &str| Some(main("storage", &quoted(word)));
    if let Some(class) = last("mailbox_class") {
        return match text(class).as_str() {
            "Mail::POP3::Folder::maildir" => item(class, storage("maildir"), Vec::new()),
            "Mail::POP3::Folder::mbox" => item(class, storage("ram"), Vec::new()),
            "Mail::POP3::Folder::mbox::parse_to_disk" => item(class, storage("disk"), Vec::new()),
            other => {
                let what = format!("there is no such mail storage today: {}", excerpt(&quoted(other)));
                item(class, None, vec![what])
            }
        };
    }
    match (last("use_maildir"), last("parse_to_disk")) {
        (Some(maildir), _) if is_true(&text(maildir)) => item(maildir, storage("maildir"), Vec::new()),
        (_, Some(disk)) => item(disk, storage(if is_true(&text(disk)) { "disk" } else { "ram" }), Vec::new()),
        _ => None,
    }
}

/// Notes that apply to every old configuration.
fn of_the_form(form: OldForm, maildir: bool) -> Vec<Converted> {
    let about = |name: &str, set, what: &str| Converted {
        line: None,
        name: name.to_owned(),
        set,
        checks: if what.is_empty() { Vec::new() } else { vec![what.to_owned()] },
    };
    let plaintext = "there was no TLS, and passwords were sent in the clear from everywhere. Today this is allowed only \
        from this machine. Set certificate and key in [tls] or, if you must, allow_plaintext = \"always\"";
    let mut items = vec![about("allow_plaintext", None, plaintext)];
    // Otherwise clients would download everything again.
    if form == OldForm::Hash || maildir {
        items.push(about("uidl", Some(main("uidl", "\"original-3x\"")), ""));
    } else {
        let uidl = "2.x took the UIDLs of an mbox from header fields of its own, which mpopd does not read: clients will \
            download the present messages once more";
        items.push(about("uidl", None, uidl));
    }
    if form == OldForm::Assignments {
        let received = "2.x added a Received: header for all users except those in forwardto; today it is added for those in addreceived";
        items.push(about("addreceived", None, received));
    }
    items
}

fn main(key: &str, value: &str) -> NewSetting {
    NewSetting { table: "", key: key.to_owned(), value: value.to_owned() }
}

/// Whether a value is true in Perl.
fn is_true(text: &str) -> bool {
    !matches!(text, "" | "0")
}

fn flag(text: &str) -> String {
    is_true(text).to_string()
}

/// A number in TOML. Other text is quoted, and the parser of the new file rejects it.
fn number(text: &str) -> String {
    match text.trim().parse::<i64>() {
        Ok(number) => number.to_string(),
        Err(_) => quoted(text),
    }
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    const MOST: usize = 72;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
