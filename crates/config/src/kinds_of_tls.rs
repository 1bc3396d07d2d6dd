//! The certificates of the server: one file, or a table for each.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::kind::{SettingKind, Wrong, describe, quoted, wrong};
use crate::kinds::path;
use crate::near::nearest;
use crate::types::{CertificateFiles, Certificates};

/// The settings of one `[[tls.certificate]]`.
const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";

/// The path of a certificate, or tables `[[tls.certificate]]` with the paths of a certificate and its key.
pub(crate) fn certificates() -> SettingKind<Certificates> {
    const ACCEPTS: &str =
        "an absolute path, which begins with /; or tables [[tls.certificate]], each with certificate and key";
    let read = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::String(_) => path().parse(value).map(Certificates::One),
        DeValue::Array(tables) if !tables.is_empty() => {
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            for table in tables.iter() {
                match table.get_ref() {
                    DeValue::Table(settings) => match files(table, settings) {
                        Ok(files) => good.push(files),
                        Err(wrong) => bad.extend(wrong),
                    },
                    other => {
                        bad.extend(wrong(table, &format!("{} is not accepted", describe(other)), ACCEPTS))
                    }
                }
            }
            if bad.is_empty() { Ok(Certificates::Several(good)) } else { Err(bad) }
        }
        other => Err(wrong(value, &format!("{} is not accepted", describe(other)), ACCEPTS)),
    };
    SettingKind::of_values(ACCEPTS, read, |certificates| match certificates {
        Certificates::One(certificate) => path().show(certificate),
        Certificates::Several(tables) => {
            let show = |files: &CertificateFiles| {
                let [certificate, key] = [&files.certificate, &files.key].map(|file| path().show(file));
                format!("{{ {CERTIFICATE} = {certificate}, {KEY} = {key} }}")
            };
            format!("[{}]", tables.iter().map(show).collect::<Vec<_>>().join(", "))
        }
    })
}

/// The two files of a table.
fn files(table: &Spanned<DeValue<'_>>, settings: &DeTable<'_>) -> Result<CertificateFiles, Vec<Wrong>> {
    let (mut certificate, mut key, mut bad) = (None, None, Vec::new());
    for (name, value) in settings {
        let file = match name.get_ref().as_ref() {
            CERTIFICATE => &mut certificate,
            KEY => &mut key,
            other => {
                let hint = nearest(other, [CERTIFICATE, KEY])
                    .map_or("it has certificate and key".to_owned(), |meant| {
                        format!("did you mean {meant}?")
                    });
                let what = format!("{} is an unknown setting; {hint}", quoted(other));
                bad.push(Wrong { span: name.span(), what });
                continue;
            }
        };
        match path().parse(value) {
            Ok(path) => *file = Some(path),
            Err(wrong) => bad.extend(wrong),
        }
    }
    match (certificate, key) {
        _ if !bad.is_empty() => Err(bad),
        (Some(certificate), Some(key)) => Ok(CertificateFiles { certificate, key }),
        (certificate, _) => {
            let missing = if certificate.is_none() { CERTIFICATE } else { KEY };
            Err(vec![Wrong { span: table.span(), what: format!("{missing} is missing in this table") }])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Config, parse};

    fn tls(text: &str) -> Result<Config, String> {
        let loaded = parse(Path::new("f"), format!("[tls]\n{text}").as_bytes());
        loaded.map(|loaded| loaded.config).map_err(|faults| faults.to_string())
    }

    #[test]
    fn certificates_are_one_or_several() {
        let one = tls("certificate = \"/a.pem\"\nkey = \"/a.key\"\n").unwrap().tls;
        assert_eq!(one.certificate, Some(Certificates::One("/a.pem".into())));
        assert_eq!(one.files(), [(Path::new("/a.pem"), Path::new("/a.key"))]);
        let several = tls("[[tls.certificate]]\ncertificate = \"/a.pem\"\nkey = \"/a.key\"\n\
             [[tls.certificate]]\ncertificate = \"/b.pem\"\nkey = \"/b.key\"\n")
        .unwrap();
        let [a, b] = ["a", "b"].map(|name| (format!("/{name}.pem"), format!("/{name}.key")));
        let expected = [&a, &b].map(|(certificate, key)| (Path::new(certificate), Path::new(key)));
        assert_eq!(several.tls.files(), expected);
        let again = parse(Path::new("f"), several.to_toml().as_bytes()).unwrap().config;
        assert_eq!(again, several, "the printed value must read back as the same");
        assert_eq!(tls("certificate = \"\"\n").unwrap().tls.files(), []);
    }

    #[test]
    fn a_wrong_table_is_told_with_its_line() {
        let good = "[[tls.certificate]]\ncertificate = \"/a.pem\"\nkey = \"/a.key\"\n";
        for (more, expected) in [
            (
                "[[tls.certificate]]\nkey = \"/b.key\"\n",
                "f:5: tls.certificate: certificate is missing in this table",
            ),
            (
                "[[tls.certificate]]\ncertificate = \"/b\"\n",
                "f:5: tls.certificate: key is missing in this table",
            ),
            (
                "[[tls.certificate]]\ncertificat = \"/b\"\n",
                "f:6: tls.certificate: \"certificat\" is an unknown setting; did you mean certificate?",
            ),
            (
                "[[tls.certificate]]\ncertificate = \"b\"\nkey = \"/b\"\n",
                "f:6: tls.certificate: the text \"b\" is not accepted: it does not begin with /; use an absolute path, which begins with /",
            ),
        ] {
            assert_eq!(tls(&format!("{good}{more}")).unwrap_err(), expected, "{more}");
        }
        for wrong in ["certificate = 7\n", "certificate = []\n", "certificate = [\"/a\"]\n"] {
            let told = tls(wrong).unwrap_err();
            assert!(
                told.starts_with("f:2: tls.certificate: ") && told.contains("[[tls.certificate]]"),
                "{told}"
            );
        }
    }
}
