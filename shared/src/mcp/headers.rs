//! Names of the HTTP headers of the protocol, and how their values are encoded.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Repeats the revision of a request.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// Names a session; until 2025-11-25.
pub const SESSION_ID: &str = "mcp-session-id";
/// Repeats the method of a request; since 2026-07-28.
pub const METHOD: &str = "mcp-method";
/// Repeats the name or address in a request; since 2026-07-28.
pub const NAME: &str = "mcp-name";
/// Starts the names of headers that repeat arguments; since 2026-07-28.
pub const PARAM_PREFIX: &str = "mcp-param-";

/// A header value that cannot be what the specification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is not valid base64 of UTF-8 between `=?base64?` and `?=`")]
pub struct MalformedValue;

/// Decodes a header value that repeats a text (2026-07-28 basic/transports/streamable-http).
///
/// A value between `=?base64?` and `?=` is base64 of UTF-8; any other is the text itself.
///
/// # Errors
/// When it is wrapped as base64 and is none.
pub fn decode_value(value: &str) -> Result<Cow<'_, str>, MalformedValue> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="))
    else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| MalformedValue)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| MalformedValue)
}

/// Encodes a text as a header value.
#[must_use]
pub fn encode_value(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'));
    let padded = text.trim() != text;
    let ambiguous = text.starts_with("=?base64?") && text.ends_with("?=");
    if plain && !padded && !ambiguous {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("=?base64?{}?=", STANDARD.encode(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the specification page.
    const VECTORS: [(&str, &str); 5] = [
        ("plain", "plain"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ];

    #[test]
    fn values_are_encoded_as_the_specification_says_and_back() {
        for (text, value) in VECTORS {
            assert_eq!(encode_value(text), value);
            assert_eq!(decode_value(value).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_not_wrapped_is_literal_and_a_bad_wrap_is_refused() {
        for literal in ["SGVsbG8=", "=?base64?SGVsbG8=", "=?BASE64?SGVsbG8=?="] {
            assert_eq!(decode_value(literal).as_deref(), Ok(literal));
        }
        for bad in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?/w==?="] {
            assert_eq!(decode_value(bad), Err(MalformedValue), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back_from_a_header(text: String) {
            let encoded = encode_value(&text);
            assert!(encoded.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t')));
            assert_eq!(decode_value(&encoded).unwrap(), text);
        }

        #[test]
        fn any_header_is_read_or_refused(value in "(=\\?base64\\?)?[ -~]{0,40}(\\?=)?") {
            if let Ok(text) = decode_value(&value) {
                assert_eq!(decode_value(&encode_value(&text)).unwrap(), text);
            }
        }
    }
}
