//! The report: as text, as JSON, as an HTML page.

pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod text;

/// Whom a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReportSubject {
    User(String),
    Everybody,
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A name from a log, safe for a terminal.
fn shown(name: &str) -> String {
    name.chars().flat_map(char::escape_debug).collect()
}

/// `1 line`, `2 lines`.
fn lines(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{} lines", grouped(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_name_does_not_move_the_cursor() {
        assert_eq!(shown("a\u{1b}[2Jé"), "a\\u{1b}[2Jé");
    }
}
