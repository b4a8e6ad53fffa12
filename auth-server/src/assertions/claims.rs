//! The claims of a JWT (RFC 7519). A claim of the wrong type is a refusal and never an absence.

use std::time::Duration;

use ambient::Timestamp;
use serde_json::{Map, Value};

/// How far clocks may be apart.
pub(crate) const SKEW: Duration = Duration::from_secs(30);

/// What a JWT says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims(Map<String, Value>);

/// Why claims are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadClaim {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is of the wrong type, empty or too long")]
    Type(&'static str),
    #[error("{0} is not what it must be")]
    Value(&'static str),
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("exp is too far away")]
    TooLong,
}

impl Claims {
    pub(crate) const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// A claim that is text, if it is there.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, BadClaim> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(BadClaim::Type(name)),
        }
    }

    /// A claim that is text and must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, BadClaim> {
        self.text(name)?.ok_or(BadClaim::Missing(name))
    }

    /// A claim that must be there with one value, bare or as the only one of a list.
    pub(crate) fn only(&self, name: &'static str) -> Result<&str, BadClaim> {
        match self.0.get(name) {
            Some(Value::Array(values)) => match values.as_slice() {
                [Value::String(only)] if !only.is_empty() => Ok(only),
                _ => Err(BadClaim::Type(name)),
            },
            _ => self.required(name),
        }
    }

    /// Refuses claims without this one, whatever it says.
    pub(crate) fn present(&self, name: &'static str) -> Result<(), BadClaim> {
        if self.0.contains_key(name) { Ok(()) } else { Err(BadClaim::Missing(name)) }
    }

    /// Whether a claim has this value, bare or among those of a list; numbers and truth as they are
    /// written.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        let is_it = |said: &Value| match said {
            Value::String(text) => text == value,
            Value::Bool(said) => value == if *said { "true" } else { "false" },
            Value::Number(said) => {
                let said = said.to_string();
                said == value
            }
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        };
        match self.0.get(name) {
            Some(Value::Array(all)) => all.iter().any(is_it),
            Some(one) => is_it(one),
            None => false,
        }
    }

    /// Refuses any value of a claim but this.
    pub(crate) fn expect(&self, name: &'static str, value: &str) -> Result<(), BadClaim> {
        if self.required(name)? == value { Ok(()) } else { Err(BadClaim::Value(name)) }
    }

    /// Refuses any value of a claim but these.
    pub(crate) fn expect_one_of(
        &self,
        name: &'static str,
        values: &[&str],
    ) -> Result<(), BadClaim> {
        if values.contains(&self.only(name)?) { Ok(()) } else { Err(BadClaim::Value(name)) }
    }

    /// Whether it counts now and for at most `longest`; gives when it ends.
    pub(super) fn check_times(
        &self,
        now: Timestamp,
        longest: Duration,
    ) -> Result<Timestamp, BadClaim> {
        let ends = self.time("exp")?.ok_or(BadClaim::Missing("exp"))?;
        if ends + SKEW <= now {
            return Err(BadClaim::Expired);
        }
        if now + longest + SKEW < ends {
            return Err(BadClaim::TooLong);
        }
        for name in ["iat", "nbf"] {
            if self.time(name)?.is_some_and(|begins| now + SKEW < begins) {
                return Err(BadClaim::NotYet);
            }
        }
        Ok(ends)
    }

    /// A moment in seconds, maybe with a fraction (RFC 7519 section 2), if it is there.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, BadClaim> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds));
        let since = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        since.map(|since| Some(Timestamp::default() + since)).ok_or(BadClaim::Type(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn claims(value: Value) -> Claims {
        let Value::Object(members) = value else { panic!("an object") };
        Claims::new(members)
    }

    fn check(value: Value) -> Result<u64, BadClaim> {
        claims(value).check_times(NOW, Duration::from_mins(5)).map(Timestamp::as_secs)
    }

    #[test]
    fn it_counts_for_its_time_and_not_for_long() {
        let now = NOW.as_secs();
        assert_eq!(check(json!({"exp": now + 60})), Ok(now + 60));
        assert_eq!(check(json!({"exp": 1_800_000_000.5})), Ok(now));
        assert_eq!(check(json!({})), Err(BadClaim::Missing("exp")));
        assert_eq!(check(json!({"exp": now - 30})), Err(BadClaim::Expired));
        assert_eq!(check(json!({"exp": now + 331})), Err(BadClaim::TooLong));
        for name in ["iat", "nbf"] {
            assert_eq!(check(json!({"exp": now + 60, name: now + 31})), Err(BadClaim::NotYet));
            assert!(check(json!({"exp": now + 60, name: now + 30})).is_ok());
        }
    }

    #[test]
    fn a_claim_of_the_wrong_type_is_not_taken_for_absent() {
        let exp = NOW.as_secs() + 60;
        for wrong in [json!("1800000060"), json!(-1), json!(null), json!(1e300), json!([1])] {
            assert_eq!(check(json!({"exp": wrong})), Err(BadClaim::Type("exp")), "{wrong}");
            let nbf = check(json!({"exp": exp, "nbf": wrong}));
            assert_eq!(nbf, Err(BadClaim::Type("nbf")), "{wrong}");
        }
        for wrong in [json!(1), json!(""), json!(null), json!(["a"])] {
            assert_eq!(claims(json!({"jti": wrong})).required("jti"), Err(BadClaim::Type("jti")));
        }
    }

    #[test]
    fn an_audience_is_one_value() {
        for (aud, is_good) in [
            (json!("a"), true),
            (json!(["a"]), true),
            (json!(["a", "b"]), false),
            (json!([]), false),
            (json!("b"), false),
            (json!({"a": "a"}), false),
        ] {
            let checked = claims(json!({"aud": aud})).expect_one_of("aud", &["a", "c"]);
            assert_eq!(checked.is_ok(), is_good, "{aud}");
        }
    }
}
