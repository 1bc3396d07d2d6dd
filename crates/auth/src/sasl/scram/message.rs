//! The messages of SCRAM (RFC 5802, section 7), read strictly: what is signed must mean the same to both sides.

use crate::scram_verifier::{Octets, octets};

/// The longest message, in octets. Half of it is what a server has to remember of the first.
const LONGEST: usize = 2048;
/// The longest nonce of a client, in octets.
const LONGEST_NONCE: usize = 256;

/// The client's first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    pub(super) binding: Binding<'a>,
    /// As whom the client wants to act.
    pub(super) acts_as: Option<String>,
    pub(super) user: String,
    pub(super) nonce: &'a str,
    /// The part that says the first two, as it stands.
    pub(super) gs2_header: &'a str,
    /// The rest, as it stands.
    pub(super) bare: &'a str,
}

/// What the client says of channel binding (RFC 5802, section 6).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Binding<'a> {
    /// It does none.
    Unsupported,
    /// It would, and believes that the server does not.
    NotOffered,
    /// It does this.
    Used(&'a str),
}

/// The client's last message.
pub(super) struct ClientFinal<'a> {
    /// What it says of channel binding, in base64.
    pub(super) binding: &'a str,
    /// Both nonces.
    pub(super) nonce: &'a str,
    pub(super) proof: Octets,
    /// The part that is signed, as it stands.
    pub(super) without_proof: &'a str,
}

impl<'a> ClientFirst<'a> {
    /// `None` when it is no such message, or uses an extension that must be understood.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let text = text(message)?;
        let (flag, rest) = text.split_once(',')?;
        let binding = match flag {
            "n" => Binding::Unsupported,
            "y" => Binding::NotOffered,
            flag => Binding::Used(flag.strip_prefix("p=").filter(|name| !name.is_empty())?),
        };
        let (acts_as, bare) = rest.split_once(',')?;
        let acts_as = match acts_as {
            "" => None,
            named => Some(saslname(named.strip_prefix("a=")?)?),
        };
        let gs2_header = text.strip_suffix(bare)?;
        let (user, rest) = bare.strip_prefix("n=")?.split_once(',')?;
        let user = saslname(user)?;
        let nonce = nonce(rest)?;
        (nonce.len() <= LONGEST_NONCE).then_some(Self { binding, acts_as, user, nonce, gs2_header, bare })
    }
}

impl<'a> ClientFinal<'a> {
    /// `None` when it is no such message.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let (without_proof, proof) = text(message)?.rsplit_once(",p=")?;
        let proof = octets(proof.as_bytes())?;
        let (binding, rest) = without_proof.strip_prefix("c=")?.split_once(',')?;
        Some(Self { binding, nonce: nonce(rest)?, proof, without_proof })
    }
}

/// A name, in which `=2C` and `=3D` stand for the comma and the equals sign. `None` when it is none, or empty.
pub(in crate::sasl) fn saslname(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', part.strip_prefix("3D")?),
        };
        name.push(sign);
        name.push_str(rest);
    }
    let sound = !name.is_empty() && !text.contains([',', '\0']);
    sound.then_some(name)
}

/// The nonce at the beginning of `r=NONCE` and what may follow it: extensions, which are signed and otherwise ignored.
fn nonce(text: &str) -> Option<&str> {
    let nonce = text.strip_prefix("r=")?;
    let nonce = nonce.split_once(',').map_or(nonce, |(nonce, _)| nonce);
    (!nonce.is_empty() && nonce.bytes().all(|c| c.is_ascii_graphic())).then_some(nonce)
}

fn text(message: &[u8]) -> Option<&str> {
    str::from_utf8(message).ok().filter(|text| text.len() <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_messages_are_taken_apart() {
        let first = ClientFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!(
            first,
            ClientFirst {
                binding: Binding::Unsupported,
                acts_as: None,
                user: "user".to_owned(),
                nonce: "rOprNGfwEbeRWgbNEkqO",
                gs2_header: "n,,",
                bare: "n=user,r=rOprNGfwEbeRWgbNEkqO",
            }
        );
        let first =
            ClientFirst::parse("p=tls-exporter,a=b=2Cc,n=jürgen=3D,r=x,z=more,r=y".as_bytes()).unwrap();
        assert_eq!((first.binding, first.acts_as.as_deref()), (Binding::Used("tls-exporter"), Some("b,c")));
        assert_eq!((first.user.as_str(), first.nonce), ("jürgen=", "x"));
        assert_eq!(first.gs2_header, "p=tls-exporter,a=b=2Cc,");
        assert_eq!(ClientFirst::parse(b"y,,n=u,r=x").unwrap().binding, Binding::NotOffered);
    }

    #[test]
    fn what_is_no_first_message_is_refused() {
        let long = format!("n,,n=u,r={}", "x".repeat(LONGEST_NONCE + 1));
        let wrong = [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=u",
            "n,,n=u,",
            "n,,n=u,r=",
            "n,,n=u,r=a b",
            "n,,n=u,r=\u{e9}",
            "n,,n=,r=x",
            "n,,n=a=b,r=x",
            "n,,n=a=2c,r=x",
            "n,,u,r=x",
            "n,,r=x,n=u",
            // An extension that must be understood, and none is.
            "n,,m=x,n=u,r=x",
            "n,u,n=u,r=x",
            "n,a=,n=u,r=x",
            "x,,n=u,r=x",
            "p=,,n=u,r=x",
            "p,,n=u,r=x",
            "N,,n=u,r=x",
            "n=u,r=x",
            "n,,n=u\0,r=x",
            &long,
        ];
        for wrong in wrong {
            assert_eq!(ClientFirst::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(ClientFirst::parse(b"n,,n=\xff,r=x"), None);
    }

    #[test]
    fn last_messages_are_taken_apart() {
        // RFC 7677, section 3.
        let message = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let last = ClientFinal::parse(message.as_bytes()).unwrap();
        assert_eq!(last.binding, "biws");
        assert_eq!(last.nonce, "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        assert_eq!(last.without_proof, message.rsplit_once(",p=").unwrap().0);
        let with_extension = message.replace(",p=", ",x=1,p=");
        assert!(ClientFinal::parse(with_extension.as_bytes()).unwrap().without_proof.ends_with(",x=1"));
        for wrong in [
            "",
            "c=biws,r=x",
            "c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "r=x,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "c=biws,r=x,p=",
            "c=biws,r=x,p=AAAA",
            "c=biws,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ",
            "c=biws,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=,x=1",
            "c=biws,r=,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        ] {
            assert!(ClientFinal::parse(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
    }

    proptest! {
        /// Every name has one form on the wire, and whatever passes is made of what came.
        #[test]
        fn names_survive_the_wire(name in "[^\\x00]{1,20}", text in "[a=2C3D,é]{0,12}") {
            let sent = name.replace('=', "=3D").replace(',', "=2C");
            prop_assert_eq!(saslname(&sent), Some(name));
            if let Some(name) = saslname(&text) {
                prop_assert_eq!(name.replace('=', "=3D").replace(',', "=2C"), text);
            }
        }

        #[test]
        fn any_octets_are_taken_apart_or_refused(message in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            "([nyp=,a2Crx3D\\x00é]{1,3}){0,12}".prop_map(String::into_bytes),
            "[nyp](=[a-z-]{0,3})?,(a=)?[a-c=]{0,3},n=[a-c=,]{0,4},r=[!-~]{0,9}".prop_map(String::into_bytes),
        ]) {
            if let Some(first) = ClientFirst::parse(&message) {
                prop_assert_eq!([first.gs2_header, first.bare].concat().into_bytes(), message.clone());
                prop_assert!(!first.nonce.contains(','));
            }
            if let Some(last) = ClientFinal::parse(&message) {
                prop_assert!(message.starts_with(last.without_proof.as_bytes()));
            }
        }
    }
}
