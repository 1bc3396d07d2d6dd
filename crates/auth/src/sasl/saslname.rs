//! User names as SCRAM and OAUTHBEARER write them (RFC 5802, section 7: `saslname`).

/// Decodes a name in which `=2C` and `=3D` stand for the comma and the equals sign. `None` if it is malformed
/// or empty.
pub(super) fn saslname(text: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every name has exactly one encoded form.
        #[test]
        fn names_survive_the_wire(name in "[^\\x00]{1,20}", text in "[a=2C3D,é]{0,12}") {
            let sent = name.replace('=', "=3D").replace(',', "=2C");
            prop_assert_eq!(saslname(&sent), Some(name));
            if let Some(name) = saslname(&text) {
                prop_assert_eq!(name.replace('=', "=3D").replace(',', "=2C"), text);
            }
        }
    }
}
