//! German.

use super::Text;
use crate::{MessageFault, Refusal, Shutdown};
use std::fmt;

pub(super) fn write(text: Text, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match text {
        Text::ThisLanguage => f.write_str("die Sprache ist Deutsch"),
        Text::Languages => f.write_str("es folgen die Sprachen"),
        Text::SendPassword => f.write_str("bitte das Passwort senden"),
        Text::Mechanisms => f.write_str("es folgen die SASL-Mechanismen"),
        Text::Capabilities => f.write_str("es folgen die Fähigkeiten"),
        Text::BeginTls => f.write_str("TLS kann beginnen"),
        Text::Forwarded => f.write_str("von jetzt an gilt dieser Client"),
        Text::Utf8Mode => f.write_str("Nachrichten werden in UTF-8 gesendet"),
        Text::Maildrop { messages, octets } => {
            write!(f, "im Postfach: {messages} Nachrichten ({octets} Oktette)")
        }
        Text::Messages { messages, octets } => write!(f, "{messages} Nachrichten ({octets} Oktette)"),
        Text::Identifiers => f.write_str("es folgen die Kennungen"),
        Text::Octets(octets) => write!(f, "{octets} Oktette"),
        Text::TopOfMessage => f.write_str("es folgt der Anfang der Nachricht"),
        Text::Marked(message) => write!(f, "Nachricht {message} ist zum Löschen vorgemerkt"),
        Text::NothingDone => f.write_str("nichts getan"),
        Text::Goodbye => f.write_str("auf Wiedersehen"),
        Text::Removed(messages) => write!(f, "{messages} Nachrichten gelöscht, auf Wiedersehen"),
        Text::PartlyRemoved { removed, marked } => {
            write!(f, "nur {removed} von {marked} Nachrichten konnten gelöscht werden")
        }
        Text::NotUpdated => f.write_str("das Postfach ließ sich nicht ändern, keine Nachricht ist gelöscht"),
        Text::TooManyBadCommands => f.write_str("zu viele falsche Befehle, die Verbindung wird beendet"),
        Text::Refused(refusal) => refused(refusal, f),
        Text::WrongCredentials => f.write_str("der Benutzername oder das Passwort ist falsch"),
        Text::HostNotAllowed => f.write_str("von dieser Adresse ist keine Anmeldung erlaubt"),
        Text::MaildropInUse => f.write_str("eine andere Sitzung hat das Postfach"),
        Text::LoginTooSoon => {
            f.write_str("die letzte Anmeldung ist noch nicht lange genug her, bitte später wieder")
        }
        Text::TooManySessions => f.write_str("zu viele Sitzungen oder Versuche, bitte später wieder"),
        Text::NoLoginNow => f.write_str("jetzt ist keine Anmeldung möglich, bitte später wieder"),
        Text::MaildropUnusable => {
            f.write_str("das Postfach lässt sich nicht öffnen, bitte den Verwalter fragen")
        }
        Text::NotSent(fault) => f.write_str(not_sent(fault)),
        Text::Closing(why) => f.write_str(closing(why)),
    }
}

fn refused(refusal: Refusal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(match refusal {
        Refusal::LineTooLong(limit) => return write!(f, "die Zeile ist länger als {limit} Oktette"),
        Refusal::Usage(verb) => return write!(f, "richtig wäre: {}", verb.usage()),
        Refusal::NoSuchMessage(1) => "diese Nachricht gibt es nicht, im Postfach ist 1 Nachricht",
        Refusal::NoSuchMessage(count) => {
            return write!(f, "diese Nachricht gibt es nicht, im Postfach sind {count} Nachrichten");
        }
        Refusal::UnknownCommand => "unbekannter Befehl",
        Refusal::NotBeforeLogin => "dazu ist erst eine Anmeldung nötig",
        Refusal::NotAfterLogin => "die Anmeldung ist schon geschehen",
        Refusal::NoUser => "vor PASS kommt USER",
        Refusal::Plaintext => "ohne TLS ist hier keine Anmeldung im Klartext erlaubt",
        Refusal::TlsUnavailable => "TLS ist hier nicht möglich",
        Refusal::TlsActive => "TLS ist schon aktiv",
        Refusal::TlsAfterUtf8 => "STLS kommt vor UTF8",
        Refusal::AfterStls => {
            "vor der Antwort auf STLS darf nichts weiter gesendet werden, die Verbindung wird beendet"
        }
        Refusal::Mechanism => "diesen Mechanismus gibt es hier nicht, AUTH allein zeigt alle",
        Refusal::NotAProxy => "XCLIENT ist für Proxys, die dieser Server kennt",
        Refusal::NotBase64 => "das ist kein base64",
        Refusal::Cancelled => "die Anmeldung ist abgebrochen",
        Refusal::Utf8Unavailable => "UTF8 gibt es hier nicht",
        Refusal::NoSuchLanguage => "diese Sprache gibt es hier nicht, LANG allein zeigt alle",
        Refusal::Deleted => "diese Nachricht ist zum Löschen vorgemerkt",
    })
}

fn not_sent(fault: MessageFault) -> &'static str {
    match fault {
        MessageFault::Gone => "ein anderes Programm hat die Nachricht aus dem Postfach entfernt",
        MessageFault::Temporary => "die Nachricht lässt sich jetzt nicht lesen, bitte später wieder",
        MessageFault::Permanent => "die Nachricht lässt sich nicht lesen, bitte den Verwalter fragen",
    }
}

fn closing(why: Shutdown) -> &'static str {
    match why {
        Shutdown::Stopping => "der Server wird angehalten, die Verbindung wird beendet",
        Shutdown::Kicked => "der Verwalter hat die Sitzung beendet",
        Shutdown::Busy => "zu viele Verbindungen, bitte später wieder",
        Shutdown::Fault => "der Server hat ein Problem, bitte später wieder",
        // Then nothing is said.
        Shutdown::Timeout | Shutdown::ClientGone => "",
    }
}
