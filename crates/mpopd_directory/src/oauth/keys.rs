//! The file of the keys that sign tokens: a JSON Web Key Set (RFC 7517), read again when it changes.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};

use super::claims::{Claims, LEEWAY, RequiredClaims};
use super::signature::{self, ALGORITHMS};
use crate::failure::{QueryError, SettingsError};

/// The largest file, in octets.
const MOST_OCTETS: u64 = 1 << 20;

/// Why a key file cannot be used. The file, or its permissions, are wrong.
#[derive(Debug)]
enum BadKeyFile {
    /// It cannot be read.
    Io(io::Error),
    /// It is not a regular file, or too large.
    NoFile,
    /// It is not a JSON Web Key Set.
    NoKeySet(serde_json::Error),
    /// A key in it cannot be decoded.
    BrokenKey(ErrorKind),
    /// It has no key for our algorithms.
    NoUsableKey,
}

impl fmt::Display for BadKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoFile => write!(f, "it is no file of at most {MOST_OCTETS} octets"),
            Self::NoKeySet(error) => write!(f, "it is no JSON Web Key Set: {error}"),
            Self::BrokenKey(why) => write!(f, "one of its keys is broken: {why:?}"),
            Self::NoUsableKey => f.write_str("it has no key for RS256, ES256 or EdDSA"),
        }
    }
}

impl From<io::Error> for BadKeyFile {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The keys in a file.
pub(super) struct KeyFile {
    path: PathBuf,
    validation: Validation,
    read: Mutex<Option<(FileIdentity, Arc<[SigningKey]>)>>,
}

/// A key that may sign tokens.
struct SigningKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Which version of a file was read: device, inode, octets, and the times of its last changes.
type FileIdentity = (u64, u64, u64, (i64, i64), (i64, i64));

impl KeyFile {
    /// # Errors
    ///
    /// The file cannot be used.
    pub(super) fn new(path: PathBuf, required: &RequiredClaims) -> Result<Self, SettingsError> {
        for (key, text) in [("oauth.issuer", &required.issuer), ("oauth.audience", &required.audience)] {
            if text.is_empty() {
                let why =
                    "with a key file it must be set, or tokens for other services would open mail".to_owned();
                return Err(SettingsError::Setting { key, why });
            }
        }
        signature::install();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = u64::from(LEEWAY);
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&required.issuer]);
        validation.set_audience(&[&required.audience]);
        let keys = Self { path: path.clone(), validation, read: Mutex::default() };
        keys.current().map_err(|why| SettingsError::File { path, why: why.to_string() })?;
        Ok(keys)
    }

    /// The claims of the token, if one of the keys has signed it and it has the required claims.
    ///
    /// # Errors
    ///
    /// The keys cannot be read.
    pub(super) fn verify(&self, token: &str) -> Result<Option<Claims>, QueryError> {
        let keys = self.current().map_err(|why| {
            let server = format!("the key file {}", self.path.display());
            QueryError::Unreachable { server, why: why.to_string() }
        })?;
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        let validation = Validation { algorithms: vec![header.alg], ..self.validation.clone() };
        let claims = keys.iter().filter(|key| key.may_have_signed(&header)).find_map(|key| {
            jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok().map(|token| token.claims)
        });
        Ok(claims)
    }

    /// The keys that the file has now.
    fn current(&self) -> Result<Arc<[SigningKey]>, BadKeyFile> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = fs::metadata(&self.path)?;
        let identity = identity(&metadata);
        if let Some((as_read, keys)) = &*read
            && *as_read == identity
        {
            return Ok(keys.clone());
        }
        if !metadata.is_file() || metadata.len() > MOST_OCTETS {
            return Err(BadKeyFile::NoFile);
        }
        let mut text = String::new();
        File::open(&self.path)?.take(MOST_OCTETS).read_to_string(&mut text)?;
        let keys: Arc<[SigningKey]> = parse(&text)?.into();
        *read = Some((identity, keys.clone()));
        Ok(keys)
    }
}

impl SigningKey {
    /// `None` for a key that signs no tokens, or not with one of our algorithms.
    fn read(jwk: &Jwk) -> Result<Option<Self>, ErrorKind> {
        let signs = !matches!(&jwk.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature);
        let key = match DecodingKey::from_jwk(jwk) {
            Ok(key) if signs => key,
            Ok(_) => return Ok(None),
            Err(error) if *error.kind() == ErrorKind::UnsupportedAlgorithm => return Ok(None),
            Err(error) => return Err(error.into_kind()),
        };
        // A key is used with one algorithm, whatever the header of the token says.
        let Some(algorithm) = ALGORITHMS.into_iter().find(|own| own.family() == key.family()) else {
            return Ok(None);
        };
        let declared = jwk.common.key_algorithm.map(|declared| declared.to_string());
        let fits = declared.is_none_or(|declared| declared == format!("{algorithm:?}"));
        Ok(fits.then(|| Self { id: jwk.common.key_id.clone(), algorithm, key }))
    }

    fn may_have_signed(&self, header: &Header) -> bool {
        let named = header.kid.is_none() || header.kid == self.id;
        named && header.alg == self.algorithm
    }
}

fn parse(text: &str) -> Result<Vec<SigningKey>, BadKeyFile> {
    let set: JwkSet = serde_json::from_str(text).map_err(BadKeyFile::NoKeySet)?;
    let mut keys = Vec::new();
    for jwk in &set.keys {
        keys.extend(SigningKey::read(jwk).map_err(BadKeyFile::BrokenKey)?);
    }
    if keys.is_empty() {
        return Err(BadKeyFile::NoUsableKey);
    }
    Ok(keys)
}

fn identity(metadata: &fs::Metadata) -> FileIdentity {
    let (modified, changed) =
        ((metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec()));
    (metadata.dev(), metadata.ino(), metadata.len(), modified, changed)
}
