//! What is the same in every answer, and written once.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::OnceLock,
};

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::{RawValue, to_raw_value};

/// A value whose JSON is made at its first serialisation and used again at the next ones: a list of
/// tools with their schemas is sent to every client. Changed, it is written anew.
pub struct Written<T> {
    value: T,
    json: OnceLock<Box<RawValue>>,
}

impl<T> From<T> for Written<T> {
    fn from(value: T) -> Self {
        Self { value, json: OnceLock::new() }
    }
}

impl<T> Deref for Written<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Written<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.json.take();
        &mut self.value
    }
}

/// A copy is made to be changed, and has nothing written.
impl<T: Clone> Clone for Written<T> {
    fn clone(&self) -> Self {
        self.value.clone().into()
    }
}

impl<T: PartialEq> PartialEq for Written<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(json) = self.json.get() {
            return json.serialize(serializer);
        }
        let json = to_raw_value(&self.value).map_err(S::Error::custom)?;
        self.json.get_or_init(|| json).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_the_value_and_follows_its_changes() {
        let mut written = Written::from(json!({ "name": "a" }));
        for _ in 0..2 {
            assert_eq!(serde_json::to_string(&[&written]).unwrap(), r#"[{"name":"a"}]"#);
        }
        let copy = written.clone();
        written["name"] = json!("b");
        assert_eq!(serde_json::to_string(&written).unwrap(), r#"{"name":"b"}"#);
        assert_eq!(serde_json::to_value(&copy).unwrap(), json!({ "name": "a" }));
        assert!(copy != written);
    }
}
