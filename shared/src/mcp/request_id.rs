//! The id of a request.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};

/// The id of a request: a string or an integer, never null, and `5` is not `"5"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum RequestId {
    /// An integer.
    Number(i64),
    /// A text.
    String(String),
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(text) => text.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for RequestId {
    /// Every message has one: it is read without trying one type after the other.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnId)
    }
}

struct AnId;

impl Visitor<'_> for AnId {
    type Value = RequestId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<RequestId, E> {
        Ok(RequestId::Number(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<RequestId, E> {
        let number = number.try_into().map_err(|_| E::custom("an integer out of range"))?;
        Ok(RequestId::Number(number))
    }

    /// `1.0` is an integer to JSON Schema, and in many languages the same number as `1`.
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<RequestId, E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Err(E::custom("a number that is no integer"));
        }
        // Digits are the way without a cast; those of a whole number have no point.
        let number = format!("{number:.0}").parse().map_err(E::custom)?;
        Ok(RequestId::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RequestId, E> {
        Ok(RequestId::String(text.to_owned()))
    }
}
