//! Tokens signed with the keys of a file (RFC 7515, RFC 7517, RFC 7519).

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipc::directory::{LookupOutcome, TokenVerification};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use super::directory::{Directory, bounds, oauth, why};
use super::program::{find, run, write};

enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn ec() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    fn ed() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    /// Creates a key. `None` if openssl is not installed.
    fn rsa() -> Option<Self> {
        let openssl = find("openssl", &["/usr/bin/openssl"])?;
        let made = run(Command::new(openssl).args(["genpkey", "-algorithm", "RSA", "-outform", "DER"]));
        // Which of the two forms openssl prints depends on its version.
        let key = RsaKeyPair::from_der(&made.stdout).or_else(|_| RsaKeyPair::from_pkcs8(&made.stdout));
        Some(Self::Rsa(key.unwrap()))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
                let (n, e) = (encode(&public.n), encode(&public.e));
                json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": n, "e": e})
            }
            Self::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "kid": id, "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "kid": id, "crv": "Ed25519", "x": encode(key.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, id: &str, claims: &Value) -> String {
        token(&json!({"alg": self.algorithm(), "kid": id}), claims, |message| self.sign(message))
    }
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn claims() -> Value {
    json!({"email": "alice@example.org", "iss": "https://id.example", "aud": ["mail"], "exp": 99_999_999_999_u64})
}

fn granted() -> LookupOutcome {
    LookupOutcome::Granted("alice@example.org".to_owned())
}

fn start(path: &Path) -> Directory {
    Directory::start(oauth(TokenVerification::Keys(path.into()), bounds(30)))
}

#[test]
fn each_algorithm_is_accepted_and_what_is_not_signed_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let signers: Vec<Signer> =
        [Some(Signer::ec()), Some(Signer::ed()), Signer::rsa()].into_iter().flatten().collect();
    let named = |nth: usize| format!("key{nth}");
    let mut all: Vec<Value> =
        signers.iter().enumerate().map(|(nth, signer)| signer.jwk(&named(nth))).collect();
    // Keys that sign nothing here and must not prevent the others from being used.
    all.push(json!({"kty": "oct", "kid": "shared", "k": encode(b"hunter2 hunter2 hunter2 hunter2!")}));
    all.push(json!({"kty": "EC", "kid": "other", "crv": "P-384", "alg": "ES384", "x": encode(&[1; 48]), "y": encode(&[2; 48])}));
    write(&path, &json!({"keys": all}).to_string());
    let mut directory = start(&path);

    for (nth, signer) in signers.iter().enumerate() {
        assert_eq!(
            directory.token(&signer.token(&named(nth), &claims())),
            granted(),
            "{}",
            signer.algorithm()
        );
        let unnamed = token(&json!({"alg": signer.algorithm()}), &claims(), |message| signer.sign(message));
        assert_eq!(directory.token(&unnamed), granted(), "{} without a key's name", signer.algorithm());

        let other = signers.get((nth + 1) % signers.len()).unwrap();
        for (what, bad) in [
            ("another key", signer.token("nobody", &claims())),
            ("the name of another", signer.token(&named((nth + 1) % signers.len()), &claims())),
            (
                "another signature",
                token(&json!({"alg": signer.algorithm()}), &claims(), |message| other.sign(message)),
            ),
            (
                "another algorithm",
                token(&json!({"alg": other.algorithm()}), &claims(), |message| signer.sign(message)),
            ),
            ("no signature", token(&json!({"alg": signer.algorithm()}), &claims(), |_| Vec::new())),
            ("alg none", token(&json!({"alg": "none"}), &claims(), |_| Vec::new())),
        ] {
            assert_eq!(directory.token(&bad), LookupOutcome::Refused, "{}: {what}", signer.algorithm());
        }
        let good = signer.token(&named(nth), &claims());
        let mut parts: Vec<&str> = good.split('.').collect();
        let theirs = encode(claims().to_string().replace("alice", "mallory").as_bytes());
        parts[1] = &theirs;
        assert_eq!(directory.token(&parts.join(".")), LookupOutcome::Refused, "changed claims");
    }
    // The public key of a signer, or the shared key, misused as the secret of an HMAC.
    let Signer::Ec(ec) = &signers[0] else { panic!("the first one is EC") };
    for secret in [ec.public_key().as_ref(), b"hunter2 hunter2 hunter2 hunter2!"] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        for id in ["key0", "shared"] {
            let header = json!({"alg": "HS256", "kid": id});
            let forged = token(&header, &claims(), |message| hmac::sign(&key, message).as_ref().to_vec());
            assert_eq!(directory.token(&forged), LookupOutcome::Refused);
        }
    }
    for nonsense in ["a", "a.b", "a.b.c", "....", "e30.e30.", &"x".repeat(9000)] {
        assert_eq!(directory.token(nonsense), LookupOutcome::Refused, "{nonsense}");
    }
}

#[test]
fn a_genuine_token_must_be_for_this_server_and_current() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let signer = Signer::ed();
    write(&path, &json!({"keys": [signer.jwk("k")]}).to_string());
    let mut directory = start(&path);
    for (name, bad) in [
        ("aud", json!("shop")),
        ("aud", Value::Null),
        ("iss", json!("https://id.example.evil")),
        ("iss", Value::Null),
        ("exp", json!(1_000_000_000)),
        ("exp", Value::Null),
        ("nbf", json!(99_999_999_999_u64)),
        ("email", Value::Null),
        ("email_verified", json!(false)),
    ] {
        let mut claims = claims();
        claims[name] = bad.clone();
        if bad.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(directory.token(&signer.token("k", &claims)), LookupOutcome::Refused, "{name} = {bad}");
    }
    assert_eq!(directory.token(&signer.token("k", &claims())), granted());
}

#[test]
fn keys_change_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let (old, new) = (Signer::ec(), Signer::ec());
    write(&path, &json!({"keys": [old.jwk("old")]}).to_string());
    let mut directory = start(&path);
    assert_eq!(directory.token(&new.token("new", &claims())), LookupOutcome::Refused);
    write(&folder.path().join("next"), &json!({"keys": [new.jwk("new")]}).to_string());
    std::fs::rename(folder.path().join("next"), &path).unwrap();
    assert_eq!(directory.token(&new.token("new", &claims())), granted());
    assert_eq!(directory.token(&old.token("old", &claims())), LookupOutcome::Refused);
    std::fs::remove_file(&path).unwrap();
    assert!(why(directory.token(&new.token("new", &claims()))).contains("keys.json"));
}
