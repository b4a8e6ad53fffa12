//! Everything secret that the clients here have made or were given: tokens, codes, verifiers, cookies,
//! proofs, passwords. They note it themselves, so that a test need not know what there was to find
//! that none of it stands where it must not, such as in the log of a program.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use http::{HeaderMap, header};
use serde_json::Value;
use url::Url;

/// Shorter ones are found by accident.
const MIN_LENGTH: usize = 8;

/// What a long run makes more of is not kept.
const MAX_KEPT: usize = 2000;

/// The members of answers that are secret.
const MEMBERS: [&str; 8] = [
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "registration_access_token",
    "device_code",
    "user_code",
    "request_uri",
];

/// The parameters of addresses that are.
const PARAMETERS: [&str; 3] = ["code", "id_token_hint", "user_code"];

static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a secret of this process.
pub fn note(secret: &str) {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if secret.len() >= MIN_LENGTH && made.len() < MAX_KEPT {
        made.insert(secret.to_owned());
    }
}

/// How many there are.
#[must_use]
pub fn count() -> usize {
    MADE.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// The first line of `text` that has a secret in it, and which.
#[must_use]
pub fn told_in(text: &str) -> Option<(String, String)> {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let secret = made.iter().find(|secret| text.contains(secret.as_str()))?;
    let line = text.lines().find(|line| line.contains(secret.as_str())).unwrap_or_default();
    Some((secret.clone(), line.to_owned()))
}

/// The first that stands in `text`, of those that begin like one of `kinds`.
#[must_use]
pub fn told_of(kinds: &[&str], text: &str) -> Option<String> {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut of_kind = made.iter().filter(|made| kinds.iter().any(|kind| made.starts_with(kind)));
    of_kind.find(|secret| text.contains(secret.as_str())).cloned()
}

/// Notes what an answer brings.
pub(crate) fn note_answer(headers: &HeaderMap, body: &[u8]) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    for cookie in headers.get_all(header::SET_COOKIE) {
        let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        note(pair.split_once('=').map_or("", |(_, value)| value.trim()));
    }
    note(text("mcp-session-id").unwrap_or_default());
    if let Some(address) = text("location").and_then(|text| Url::parse(text).ok()) {
        let secret = address.query_pairs().filter(|(name, _)| PARAMETERS.contains(&&**name));
        secret.for_each(|(_, value)| note(&value));
    }
    if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        let told = MEMBERS.iter().filter_map(|name| members.get(*name)?.as_str());
        // What comes before the last colon is the same for all.
        told.for_each(|value| note(value.rsplit(':').next().unwrap_or(value)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_answer_brings_is_found_again() {
        let mut headers = HeaderMap::new();
        let cookie = "session=a-cookie-of-the-test; HttpOnly";
        headers.insert(header::SET_COOKIE, cookie.parse().unwrap());
        let location = "http://127.0.0.1/cb?code=a-code-of-the-test&state=x";
        headers.insert(header::LOCATION, location.parse().unwrap());
        headers.insert("mcp-session-id", "a-session-of-the-test".parse().unwrap());
        let body = json!({
            "access_token": "a-token-of-the-test", "token_type": "Bearer-of-the-test",
            "request_uri": "urn:ietf:params:oauth:request_uri:a-request-of-the-test",
        });
        note_answer(&headers, body.to_string().as_bytes());
        let kinds = ["cookie", "code", "session", "token", "request"];
        for kind in kinds {
            let secret = format!("a-{kind}-of-the-test");
            let log = format!("one line\nanother with {secret}.\n");
            assert_eq!(told_in(&log), Some((secret.clone(), format!("another with {secret}."))));
        }
        assert_eq!(told_in("Bearer-of-the-test, 127.0.0.1"), None);
        let told = |kind| told_of(&[kind], "a-token-of-the-test");
        assert_eq!((told("a-token"), told("a-code")), (Some("a-token-of-the-test".into()), None));
        note("short");
        assert_eq!(told_in("short"), None);
        assert!(count() >= kinds.len());
    }
}
