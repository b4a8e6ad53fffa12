//! Names a value by its content. A client may write the same arguments anew, and a question is put
//! anew in every round: the order of members and white space count for nothing.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a value's content in hexadecimal digits.
#[must_use]
pub fn digest(value: &Value) -> String {
    let mut hash = Sha256::new();
    add(value, &mut hash);
    const_hex::encode(hash.finalize())
}

fn add(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, value) in members {
                add(&Value::String(name.clone()), hash);
                add(value, hash);
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                add(item, hash);
            }
            hash.update(b"]");
        }
        scalar => {
            hash.update(scalar.to_string());
            hash.update(b",");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        digest(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_digest_sees_content_and_not_form() {
        assert_eq!(of(r#"{"a":1,"b":[true,"x"]}"#), of(r#"{ "b": [true, "x"], "a": 1 }"#));
        for other in [r#"{"a":1}"#, r#"{"a":"1"}"#, r#"{"a":[1]}"#, r#"[["a",1]]"#, "null"] {
            assert_ne!(of(r#"{"a":1,"b":2}"#), of(other));
        }
        assert_ne!(of(r#"["ab","c"]"#), of(r#"["a","bc"]"#));
    }
}
