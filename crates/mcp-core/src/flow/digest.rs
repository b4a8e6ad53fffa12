//! Names a value by its content. A client may write the same arguments anew, and a question is put
//! anew in every round: the order of members and white space count for nothing.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a value's content in hexadecimal digits.
#[must_use]
pub fn digest(value: &Value) -> String {
    digest_of(&[], value)
}

/// The same of texts and a value together.
pub(super) fn digest_of(texts: &[&str], value: &Value) -> String {
    let mut content = Vec::with_capacity(1024);
    for text in texts {
        scalar(text, &mut content);
    }
    add(value, &mut content);
    const_hex::encode(Sha256::digest(content))
}

fn add(value: &Value, content: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            content.push(b'{');
            for (name, value) in members {
                scalar(name, content);
                add(value, content);
            }
            content.push(b'}');
        }
        Value::Array(items) => {
            content.push(b'[');
            for item in items {
                add(item, content);
            }
            content.push(b']');
        }
        other => scalar(other, content),
    }
}

fn scalar(value: &(impl Serialize + ?Sized), content: &mut Vec<u8>) {
    // Memory takes whatever is written, and a scalar can always be.
    let _ = serde_json::to_writer(&mut *content, value);
    content.push(b',');
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
