//! The client's messages in SCRAM (RFC 5802, section 7).
//!
//! Parsing is strict: both sides sign the messages, so both must read them in the same way.

use crate::sasl::saslname::saslname;
use crate::scram_verifier::{Sha256Octets, octets};

/// The longest message, in octets. The server keeps about half of the first one until the exchange ends.
const LONGEST: usize = 2048;
/// The longest nonce of a client, in octets.
const LONGEST_NONCE: usize = 256;

/// The client's first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    pub(super) binding: ClientBinding<'a>,
    /// The user that the client wants to act as, if it names one.
    pub(super) acts_as: Option<String>,
    pub(super) user: String,
    pub(super) nonce: &'a str,
    /// The part of the message that contains `binding` and `acts_as`, unchanged.
    pub(super) gs2_header: &'a str,
    /// The rest of the message, unchanged.
    pub(super) bare: &'a str,
}

/// What the client says about channel binding (RFC 5802, section 6).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientBinding<'a> {
    /// It does not support any.
    Unsupported,
    /// It supports it, and believes that the server does not.
    NotOffered,
    /// It uses the type of this name.
    Used(&'a str),
}

/// The client's last message.
pub(super) struct ClientFinal<'a> {
    /// The channel binding, in base64.
    pub(super) binding: &'a str,
    /// The client's nonce followed by the server's.
    pub(super) nonce: &'a str,
    pub(super) proof: Sha256Octets,
    /// The part that is signed, unchanged.
    pub(super) without_proof: &'a str,
}

impl<'a> ClientFirst<'a> {
    /// `None` if the message is malformed, or uses a mandatory extension.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let text = text(message)?;
        let (flag, rest) = text.split_once(',')?;
        let binding = match flag {
            "n" => ClientBinding::Unsupported,
            "y" => ClientBinding::NotOffered,
            flag => ClientBinding::Used(flag.strip_prefix("p=").filter(|name| !name.is_empty())?),
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
    /// `None` if the message is malformed.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let (without_proof, proof) = text(message)?.rsplit_once(",p=")?;
        let proof = octets(proof.as_bytes())?;
        let (binding, rest) = without_proof.strip_prefix("c=")?.split_once(',')?;
        Some(Self { binding, nonce: nonce(rest)?, proof, without_proof })
    }
}

/// The nonce in `r=NONCE`, which extensions may follow. They are signed and otherwise ignored.
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
                binding: ClientBinding::Unsupported,
                acts_as: None,
                user: "user".to_owned(),
                nonce: "rOprNGfwEbeRWgbNEkqO",
                gs2_header: "n,,",
                bare: "n=user,r=rOprNGfwEbeRWgbNEkqO",
            }
        );
        let first =
            ClientFirst::parse("p=tls-exporter,a=b=2Cc,n=jürgen=3D,r=x,z=more,r=y".as_bytes()).unwrap();
        assert_eq!(
            (first.binding, first.acts_as.as_deref()),
            (ClientBinding::Used("tls-exporter"), Some("b,c"))
        );
        assert_eq!((first.user.as_str(), first.nonce), ("jürgen=", "x"));
        assert_eq!(first.gs2_header, "p=tls-exporter,a=b=2Cc,");
        assert_eq!(ClientFirst::parse(b"y,,n=u,r=x").unwrap().binding, ClientBinding::NotOffered);
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
            // A mandatory extension; none is supported.
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
