//! German.

use super::text::ReplyText;
use crate::{CommandError, MessageError, Shutdown};
use std::fmt;

pub(super) fn write(text: ReplyText, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        ReplyText::ThisLanguage => f.write_str("die Sprache ist Deutsch"),
        ReplyText::Languages => f.write_str("es folgen die Sprachen"),
        ReplyText::SendPassword => f.write_str("bitte das Passwort senden"),
        ReplyText::Mechanisms => f.write_str("es folgen die SASL-Mechanismen"),
        ReplyText::Capabilities => f.write_str("es folgen die Fähigkeiten"),
        ReplyText::BeginTls => f.write_str("TLS kann beginnen"),
        ReplyText::Forwarded => f.write_str("von jetzt an gilt dieser Client"),
        ReplyText::Utf8Mode => f.write_str("Nachrichten werden in UTF-8 gesendet"),
        ReplyText::Maildrop { messages, octets } => {
            write!(f, "im Postfach: {messages} Nachrichten ({octets} Oktette)")
        }
        ReplyText::Messages { messages, octets } => write!(f, "{messages} Nachrichten ({octets} Oktette)"),
        ReplyText::Identifiers => f.write_str("es folgen die Kennungen"),
        ReplyText::Octets(octets) => write!(f, "{octets} Oktette"),
        ReplyText::TopOfMessage => f.write_str("es folgt der Anfang der Nachricht"),
        ReplyText::Marked(message) => write!(f, "Nachricht {message} ist zum Löschen vorgemerkt"),
        ReplyText::NothingDone => f.write_str("nichts getan"),
        ReplyText::Goodbye => f.write_str("auf Wiedersehen"),
        ReplyText::Removed(messages) => write!(f, "{messages} Nachrichten gelöscht, auf Wiedersehen"),
        ReplyText::PartlyRemoved { removed, marked } => {
            write!(f, "nur {removed} von {marked} Nachrichten konnten gelöscht werden")
        }
        ReplyText::NotUpdated => {
            f.write_str("das Postfach ließ sich nicht ändern, keine Nachricht ist gelöscht")
        }
        ReplyText::TooManyBadCommands => f.write_str("zu viele falsche Befehle, die Verbindung wird beendet"),
        ReplyText::Refused(error) => refused(error, f),
        ReplyText::WrongCredentials => f.write_str("der Benutzername oder das Passwort ist falsch"),
        ReplyText::HostNotAllowed => f.write_str("von dieser Adresse ist keine Anmeldung erlaubt"),
        ReplyText::MaildropInUse => f.write_str("eine andere Sitzung hat das Postfach"),
        ReplyText::LoginTooSoon => {
            f.write_str("die letzte Anmeldung ist noch nicht lange genug her, bitte später wieder")
        }
        ReplyText::TooManySessions => f.write_str("zu viele Sitzungen oder Versuche, bitte später wieder"),
        ReplyText::NoLoginNow => f.write_str("jetzt ist keine Anmeldung möglich, bitte später wieder"),
        ReplyText::MaildropUnusable => {
            f.write_str("das Postfach lässt sich nicht öffnen, bitte den Verwalter fragen")
        }
        ReplyText::NotSent(error) => f.write_str(not_sent(error)),
        ReplyText::Closing(why) => f.write_str(closing(why)),
    }
}

fn refused(error: CommandError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(match error {
        CommandError::LineTooLong(limit) => return write!(f, "die Zeile ist länger als {limit} Oktette"),
        CommandError::Usage(verb) => return write!(f, "richtig wäre: {}", verb.usage()),
        CommandError::NoSuchMessage(1) => "diese Nachricht gibt es nicht, im Postfach ist 1 Nachricht",
        CommandError::NoSuchMessage(count) => {
            return write!(f, "diese Nachricht gibt es nicht, im Postfach sind {count} Nachrichten");
        }
        CommandError::UnknownCommand => "unbekannter Befehl",
        CommandError::NotBeforeLogin => "dazu ist erst eine Anmeldung nötig",
        CommandError::NotAfterLogin => "die Anmeldung ist schon geschehen",
        CommandError::NoUser => "vor PASS kommt USER",
        CommandError::Plaintext => "ohne TLS ist hier keine Anmeldung im Klartext erlaubt",
        CommandError::TlsUnavailable => "TLS ist hier nicht möglich",
        CommandError::TlsActive => "TLS ist schon aktiv",
        CommandError::TlsAfterUtf8 => "STLS kommt vor UTF8",
        CommandError::AfterStls => {
            "vor der Antwort auf STLS darf nichts weiter gesendet werden, die Verbindung wird beendet"
        }
        CommandError::Mechanism => "diesen Mechanismus gibt es hier nicht, AUTH allein zeigt alle",
        CommandError::NotAProxy => "XCLIENT ist für Proxys, die dieser Server kennt",
        CommandError::NotBase64 => "das ist kein base64",
        CommandError::Cancelled => "die Anmeldung ist abgebrochen",
        CommandError::Utf8Unavailable => "UTF8 gibt es hier nicht",
        CommandError::NoSuchLanguage => "diese Sprache gibt es hier nicht, LANG allein zeigt alle",
        CommandError::Deleted => "diese Nachricht ist zum Löschen vorgemerkt",
    })
}

fn not_sent(error: MessageError) -> &'static str {
    match error {
        MessageError::Gone => "ein anderes Programm hat die Nachricht aus dem Postfach entfernt",
        MessageError::Temporary => "die Nachricht lässt sich jetzt nicht lesen, bitte später wieder",
        MessageError::Permanent => "die Nachricht lässt sich nicht lesen, bitte den Verwalter fragen",
    }
}

fn closing(why: Shutdown) -> &'static str {
    match why {
        Shutdown::Stopping => "der Server wird angehalten, die Verbindung wird beendet",
        Shutdown::Kicked => "der Verwalter hat die Sitzung beendet",
        Shutdown::Busy => "zu viele Verbindungen, bitte später wieder",
        Shutdown::ServerError => "der Server hat ein Problem, bitte später wieder",
        // Nothing is sent.
        Shutdown::Timeout | Shutdown::ClientGone => "",
    }
}
