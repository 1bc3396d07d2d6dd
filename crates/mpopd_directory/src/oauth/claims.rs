//! The claims of a token, and those that are required (RFC 7519 section 4.1, RFC 7662 section 2.2).

use std::time::{SystemTime, UNIX_EPOCH};

use ipc::login::MOST_USER;
use serde_json::Value;

/// The claims of a token.
pub(super) type Claims = serde_json::Map<String, Value>;

/// The tolerated difference between clocks, in seconds.
pub(super) const LEEWAY: u32 = 60;

/// The claims that a token must have. Empty texts require nothing.
pub(super) struct RequiredClaims {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) scope: String,
    pub(super) user_claim: String,
}

impl RequiredClaims {
    /// The user of a genuine token; `None` if the token is not valid for this server.
    pub(super) fn user(&self, claims: &Claims) -> Option<String> {
        let issued = self.issuer.is_empty() || text(claims, "iss") == Some(&self.issuer);
        let in_scope = self.scope.is_empty()
            || text(claims, "scope").is_some_and(|all| all.split(' ').any(|word| word == self.scope));
        let verified = self.user_claim != "email"
            || claims.get("email_verified").is_none_or(|value| value == &Value::Bool(true));
        let good = issued && self.is_audience(claims) && in_scope && is_current(claims) && verified;
        let user = text(claims, &self.user_claim).filter(|user| !user.is_empty() && user.len() <= MOST_USER);
        user.filter(|_| good).map(str::to_owned)
    }

    /// The claim is one text, or a list that contains it.
    fn is_audience(&self, claims: &Claims) -> bool {
        match claims.get("aud") {
            _ if self.audience.is_empty() => true,
            Some(Value::String(audience)) => *audience == self.audience,
            Some(Value::Array(all)) => all.iter().any(|audience| audience.as_str() == Some(&self.audience)),
            _ => false,
        }
    }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

/// Whether the present is between `nbf` and `exp`, where the token has them.
fn is_current(claims: &Claims) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()).floor();
    let leeway = f64::from(LEEWAY);
    let holds = |name: &str, test: &dyn Fn(f64) -> bool| match claims.get(name) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_f64().is_some_and(test),
    };
    holds("exp", &|end| now < end + leeway) && holds("nbf", &|begin| now + leeway >= begin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn required(issuer: &str, audience: &str, scope: &str) -> RequiredClaims {
        let [issuer, audience, scope] = [issuer, audience, scope].map(str::to_owned);
        RequiredClaims { issuer, audience, scope, user_claim: "email".to_owned() }
    }

    fn user(required: &RequiredClaims, claims: Value) -> Option<String> {
        let Value::Object(claims) = claims else { panic!("no object") };
        required.user(&claims)
    }

    #[test]
    fn a_token_must_say_all_that_is_wanted() {
        let all = required("i", "mail", "pop");
        let good =
            json!({"email": "a@b", "iss": "i", "aud": ["x", "mail"], "scope": "imap pop", "exp": 1e12});
        assert_eq!(user(&all, good.clone()), Some("a@b".to_owned()));
        for (name, bad) in [
            ("email", json!(null)),
            ("email", json!("")),
            ("email", json!(["a@b"])),
            ("email", json!("x".repeat(MOST_USER + 1))),
            ("email_verified", json!(false)),
            ("email_verified", json!("true")),
            ("iss", json!("I")),
            ("iss", json!(["i"])),
            ("iss", json!(null)),
            ("aud", json!("mailx")),
            ("aud", json!(["x"])),
            ("aud", json!({"mail": 1})),
            ("aud", json!(null)),
            ("scope", json!("popx imap")),
            ("scope", json!(null)),
            ("exp", json!(1000)),
            ("exp", json!("later")),
            ("nbf", json!(1e12)),
        ] {
            let mut claims = good.clone();
            claims[name] = bad.clone();
            assert_eq!(user(&all, claims), None, "{name} = {bad}");
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_asked_for() {
        assert_eq!(user(&required("", "", ""), json!({"email": "a@b"})), Some("a@b".to_owned()));
        let verified = json!({"email": "a@b", "email_verified": true});
        assert_eq!(user(&required("", "", ""), verified), Some("a@b".to_owned()));
    }
}
