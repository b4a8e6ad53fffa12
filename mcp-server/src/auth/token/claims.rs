//! What a token says, or an authorization server says of it, member by member.
//!
//! A member of the wrong type is a refusal, never an absence: else a token whose `nbf` is a text
//! would be valid at all times.

use std::{sync::Arc, time::Duration};

use ambient::Timestamp;
use serde_json::{Map, Value};

use super::{Inactive, json};

/// The members of a token's payload or of an introspection answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// The payload of a token, word for word.
    pub(crate) fn of_token(payload: &[u8]) -> Option<Self> {
        json::object(payload).map(Self)
    }

    /// An introspection answer (RFC 7662 section 2.2). Servers write `null` for what they do not
    /// know, so there it is an absence.
    pub(crate) fn of_answer(answer: &[u8]) -> Option<Self> {
        let mut members = json::object(answer)?;
        members.retain(|_, value| !value.is_null());
        Some(Self(members))
    }

    /// Whether a server says that the token is good (RFC 7662 section 2.2).
    pub(crate) fn is_active(&self) -> bool {
        self.get("active") == Some(&Value::Bool(true))
    }

    /// The member itself, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The same, of this issuer if they name none.
    #[must_use]
    pub(crate) fn issued_by(mut self, issuer: Option<&str>) -> Self {
        if let Some(issuer) = issuer {
            self.0.entry("iss").or_insert_with(|| issuer.into());
        }
        self
    }

    /// The key that the token is bound to (RFC 7800 section 3.1), if it is.
    pub(crate) fn confirmation(&self) -> Result<Option<Arc<Value>>, Inactive> {
        match self.get("cnf") {
            None => Ok(None),
            Some(cnf @ Value::Object(_)) => Ok(Some(Arc::new(cnf.clone()))),
            Some(_) => Err(Inactive::WrongType),
        }
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Inactive> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Inactive::WrongType),
        }
    }

    /// A `NumericDate` (RFC 7519 section 2), whole or broken, if it is there.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Inactive> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().ok_or(Inactive::WrongType)?;
        if seconds <= 0.0 {
            return Err(Inactive::WrongType);
        }
        let since_epoch = Duration::try_from_secs_f64(seconds).map_err(|_| Inactive::WrongType)?;
        Ok(Some(Timestamp::default() + since_epoch))
    }

    /// A text or a list of texts, if it is there.
    pub(crate) fn one_or_many(&self, name: &str) -> Result<Vec<&str>, Inactive> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => texts(items),
            Some(_) => Err(Inactive::WrongType),
        }
    }

    /// Words between single spaces, or a list of them. `path` is a member's name, or names on the
    /// way to a nested one with dots between them.
    pub(crate) fn words(&self, path: &str) -> Result<Vec<&str>, Inactive> {
        match self.at(path) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(text.split(' ').filter(|w| !w.is_empty()).collect()),
            Some(Value::Array(items)) => texts(items),
            Some(_) => Err(Inactive::WrongType),
        }
    }

    /// A name may have dots itself, as URLs have, so it comes before a path.
    fn at(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(path) {
            return Some(value);
        }
        let mut steps = path.split('.');
        let first = self.0.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    }

    /// Whether the member is this text, number or truth value, as it would be written.
    pub(crate) fn is(&self, path: &str, expected: &str) -> bool {
        match self.at(path) {
            Some(Value::String(text)) => text == expected,
            Some(Value::Bool(value)) => expected.parse() == Ok(*value),
            Some(Value::Number(value)) => {
                expected.parse().is_ok_and(|number: serde_json::Number| number == *value)
            }
            _ => false,
        }
    }
}

fn texts(items: &[Value]) -> Result<Vec<&str>, Inactive> {
    items.iter().map(|item| item.as_str().ok_or(Inactive::WrongType)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::of_token(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_nested_member_is_found_and_a_name_with_dots_comes_first() {
        let both = claims(r#"{"realm_access":{"roles":["a"]},"https://x.y/z":"b c","a.b":"d"}"#);
        assert_eq!(both.words("realm_access.roles"), Ok(vec!["a"]));
        assert_eq!(both.words("https://x.y/z"), Ok(vec!["b", "c"]));
        assert_eq!(both.words("a.b"), Ok(vec!["d"]));
        assert_eq!(both.words("realm_access.roles.x"), Ok(vec![]));
    }

    #[test]
    fn null_is_an_absence_in_answers_only() {
        assert!(Claims::of_answer(br#"{"iss":null}"#).unwrap().text("iss").unwrap().is_none());
        assert_eq!(claims(r#"{"iss":null}"#).text("iss"), Err(Inactive::WrongType));
    }

    /// Any JSON, with the members that matter among its names.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("exp|aud|scope|a\\.b|[a-z]{0,3}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Claims::of_token(&text);
            let _ = Claims::of_answer(&text);
        }

        #[test]
        fn what_is_read_says_what_was_written(value in any_json()) {
            let text = serde_json::to_vec(&value).unwrap();
            match (Claims::of_token(&text), serde_json::from_slice(&text).unwrap()) {
                (Some(read), Value::Object(members)) => prop_assert_eq!(read.0, members),
                (None, other) => prop_assert!(!other.is_object()),
                (Some(_), other) => prop_assert!(false, "{other} was read as an object"),
            }
        }

        #[test]
        fn a_member_is_of_its_type_absent_or_a_refusal(value in any_json()) {
            let members = serde_json::json!({ "m": value });
            let claims = Claims::of_token(members.to_string().as_bytes()).unwrap();
            prop_assert_eq!(claims.text("m").is_ok(), value.is_string());
            let positive = value.as_f64().is_some_and(|seconds| seconds > 0.0);
            prop_assert!(positive || claims.time("m").is_err());
            let listed = value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
            prop_assert_eq!(claims.one_or_many("m").is_ok(), value.is_string() || listed);
            prop_assert_eq!(claims.words("m").is_ok(), value.is_string() || listed);
        }

        #[test]
        fn words_have_no_spaces(text in "[ a-c]{0,20}") {
            let members = serde_json::json!({ "scope": text });
            let claims = Claims::of_token(members.to_string().as_bytes()).unwrap();
            let words = claims.words("scope").unwrap();
            prop_assert!(words.iter().all(|word| !word.is_empty() && !word.contains(' ')));
        }
    }
}
