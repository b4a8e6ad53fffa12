//! How deeply the JSON of a body may be nested.
//!
//! A message is read without looking into what nobody asks for, so no parser would stumble over
//! what is too deep there. It is counted instead, in large bodies alone, and first only how many
//! brackets there are: nearly every body has too few of them to be deep.

use memchr::memchr2_iter;

/// As deep as what is read as a value may be, counted from the outside of the body.
pub(super) const MOST_DEPTH: usize = 128;

/// A text of so many bytes is not counted: it cannot be deeper than half of them, which costs nobody
/// anything, and whoever reads it as a value stops by itself.
const SMALL: usize = 1024;

/// Whether valid JSON is nested more deeply than anybody needs.
pub(super) fn is_too_deep(json: &[u8]) -> bool {
    if json.len() <= SMALL {
        return false;
    }
    let has_enough = memchr2_iter(b'[', b'{', json).nth(MOST_DEPTH).is_some();
    has_enough && is_deeper_than(json, MOST_DEPTH)
}

fn is_deeper_than(json: &[u8], most: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Large enough to be looked at.
    fn nested(depth: usize) -> String {
        format!("{}{}{}", "[".repeat(depth), " ".repeat(SMALL), "]".repeat(depth))
    }

    #[test]
    fn what_is_deep_is_told_from_what_is_wide() {
        assert!(!is_too_deep(nested(MOST_DEPTH).as_bytes()));
        assert!(is_too_deep(nested(MOST_DEPTH + 1).as_bytes()));
        assert!(!is_too_deep(&[b'['; SMALL]));
        let wide = format!("[{}0]", "{\"a\":[]},".repeat(1000));
        assert!(!is_too_deep(wide.as_bytes()));
    }

    #[test]
    fn brackets_in_texts_do_not_count() {
        for text in ["[".repeat(1000), "\\\"[".repeat(1000), format!("\\\\{}", "{".repeat(500))] {
            assert!(!is_too_deep(format!("[\"{text}\"]").as_bytes()), "{text:.20}");
        }
        let after = format!("[\"\\\\\",{}]", nested(MOST_DEPTH));
        assert!(is_too_deep(after.as_bytes()));
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest::proptest! {
        #[test]
        fn the_depth_is_that_of_the_value(text in "[a\\[\\]{}:,\"\\\\]{0,40}", most in 0_usize..6) {
            let any = serde_json::to_value([text.clone()]).unwrap();
            assert_eq!(is_deeper_than(any.to_string().as_bytes(), most), most < 1);
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                assert_eq!(is_deeper_than(text.as_bytes(), most), depth(&value) > most, "{text}");
            }
        }
    }
}
