//! The file with the keys that sign tokens: a JSON Web Key Set (RFC 7517), read again when it has changed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};

use super::claims::{Claims, LEEWAY, Wanted};
use super::signature::{self, ALGORITHMS};
use crate::failure::{Failure, NotStarted};

/// The largest file, in octets.
const MOST_OCTETS: u64 = 1 << 20;

/// The keys in a file.
pub(super) struct KeyFile {
    path: PathBuf,
    validation: Validation,
    read: Mutex<Option<(Stamp, Arc<[Key]>)>>,
}

/// A key that may sign tokens.
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What a file was when it was read: device, inode, octets, and the times of its last changes.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

impl KeyFile {
    /// # Errors
    /// The file cannot be used.
    pub(super) fn new(path: PathBuf, wanted: &Wanted) -> Result<Self, NotStarted> {
        for (key, text) in [("oauth.issuer", &wanted.issuer), ("oauth.audience", &wanted.audience)] {
            if text.is_empty() {
                let why =
                    "with a key file it must be set, or tokens for other services would open mail".to_owned();
                return Err(NotStarted::Setting { key, why });
            }
        }
        signature::install();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&wanted.issuer]);
        validation.set_audience(&[&wanted.audience]);
        let keys = Self { path: path.clone(), validation, read: Mutex::default() };
        keys.current().map_err(|why| NotStarted::File { path, why })?;
        Ok(keys)
    }

    /// What the token says, if one of the keys has signed it, and it says what is wanted.
    ///
    /// # Errors
    /// The keys cannot be read.
    pub(super) fn verify(&self, token: &str) -> Result<Option<Claims>, Failure> {
        let keys = self.current().map_err(|why| {
            let server = format!("the key file {}", self.path.display());
            Failure::Unreachable { server, why }
        })?;
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        let validation = Validation { algorithms: vec![header.alg], ..self.validation.clone() };
        let claims = keys.iter().filter(|key| key.may_have_signed(&header)).find_map(|key| {
            jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok().map(|token| token.claims)
        });
        Ok(claims)
    }

    /// The keys as the file has them now.
    fn current(&self) -> Result<Arc<[Key]>, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = fs::metadata(&self.path).map_err(|error| error.to_string())?;
        let stamp = stamp(&metadata);
        if let Some((as_read, keys)) = &*read
            && *as_read == stamp
        {
            return Ok(keys.clone());
        }
        if !metadata.is_file() || metadata.len() > MOST_OCTETS {
            return Err(format!("it is no file of at most {MOST_OCTETS} octets"));
        }
        let mut text = String::new();
        let file = File::open(&self.path).map_err(|error| error.to_string())?;
        file.take(MOST_OCTETS).read_to_string(&mut text).map_err(|error| error.to_string())?;
        let keys: Arc<[Key]> = parse(&text)?.into();
        *read = Some((stamp, keys.clone()));
        Ok(keys)
    }
}

impl Key {
    /// `None`: a key that signs no tokens, or not with one of our algorithms.
    fn read(jwk: &Jwk) -> Result<Option<Self>, ErrorKind> {
        let signs = !matches!(&jwk.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature);
        let key = match DecodingKey::from_jwk(jwk) {
            Ok(key) if signs => key,
            Ok(_) => return Ok(None),
            Err(error) if *error.kind() == ErrorKind::UnsupportedAlgorithm => return Ok(None),
            Err(error) => return Err(error.into_kind()),
        };
        // A key has one algorithm here: whatever the token's header says, it is not used for another.
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

fn parse(text: &str) -> Result<Vec<Key>, String> {
    let set: JwkSet =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON Web Key Set: {error}"))?;
    let mut keys = Vec::new();
    for jwk in &set.keys {
        keys.extend(Key::read(jwk).map_err(|why| format!("one of its keys is broken: {why:?}"))?);
    }
    if keys.is_empty() {
        return Err("it has no key for RS256, ES256 or EdDSA".to_owned());
    }
    Ok(keys)
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    let (modified, changed) =
        ((metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec()));
    (metadata.dev(), metadata.ino(), metadata.len(), modified, changed)
}
