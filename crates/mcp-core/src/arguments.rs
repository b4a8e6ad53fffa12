//! From the text of a tool's arguments to its type, and what is said when they do not fit.

use serde::{Deserializer, de::DeserializeOwned};
use serde_json::{Number, Value};
use shared::mcp::misfit;

/// Reads arguments; says which one does not fit if they do not.
///
/// A whole number may be written as `2.0` or `1e3`: to JSON Schema that is an integer (2020-12
/// core, 4.2.1), to serde it is none. Arguments that do not fit as they are are read once more with
/// such numbers written plainly.
pub(crate) fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    // To know where something does not fit costs memory for every name on the way there: that is asked
    // only of arguments that do not.
    if let Ok(arguments) = serde_json::from_slice(text) {
        return Ok(arguments);
    }
    let wrong = match read(&mut serde_json::Deserializer::from_slice(text)) {
        Ok(arguments) => return Ok(arguments),
        Err(wrong) => wrong,
    };
    let plain = serde_json::from_slice::<Value>(text).ok().and_then(plainly);
    let plain = plain.and_then(|plain| read(plain).ok());
    plain.ok_or_else(|| format!("The arguments do not fit: {wrong}"))
}

/// Reads what a user has filled in, by the same rule about whole numbers; says which field does not
/// fit if one does not.
pub(crate) fn filled_in<T: DeserializeOwned>(content: Value) -> Result<T, String> {
    let wrong = match T::deserialize(&content) {
        Ok(as_it_is) => return Ok(as_it_is),
        Err(_) => read::<T, _>(&content).err().unwrap_or_default(),
    };
    let plain = plainly(content).and_then(|plain| serde_json::from_value(plain).ok());
    plain.ok_or(wrong)
}

/// Reads what fits as it is or not at all; says which part does not fit.
pub(crate) fn fitting<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    read(value)
}

/// The value, or which part of it does not fit.
fn read<'de, T, D>(deserializer: D) -> Result<T, String>
where
    T: DeserializeOwned,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let (path, reason) = (error.path().to_string(), misfit(error.inner()));
        match path.as_str() {
            "." => reason,
            _ if reason.starts_with("must ") => format!("`{path}` {reason}"),
            _ => format!("`{path}`: {reason}"),
        }
    })
}

/// The same value with every whole number written plainly; none if nothing is to be changed.
fn plainly(mut value: Value) -> Option<Value> {
    fn rewrite(value: &mut Value) -> bool {
        match value {
            Value::Number(number) => {
                let plain = whole(number);
                plain.inspect(|plain| *number = plain.clone()).is_some()
            }
            Value::Array(items) => items.iter_mut().fold(false, |any, item| rewrite(item) | any),
            Value::Object(members) => {
                members.values_mut().fold(false, |any, member| rewrite(member) | any)
            }
            _ => false,
        }
    }
    rewrite(&mut value).then_some(value)
}

/// A number with a fraction of zero as an integer, where it is exact.
fn whole(number: &Number) -> Option<Number> {
    /// Up to here every integer is a number of its own (2^53).
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = number.as_f64().filter(|_| number.is_f64())?;
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT;
    is_whole.then(|| format!("{number:.0}").parse::<i64>().ok().map(Number::from))?
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Walk {
        steps: u64,
        #[serde(default)]
        scale: f64,
        #[serde(default)]
        more: Vec<i32>,
        #[serde(default)]
        any: Value,
    }

    fn of(text: &str) -> Result<Walk, String> {
        decode(text.as_bytes())
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, steps) in [("2", 2), ("2.0", 2), ("1e3", 1000), ("1.5e1", 15), ("-0.0", 0)] {
            assert_eq!(of(&format!(r#"{{"steps":{text}}}"#)).unwrap().steps, steps, "{text}");
        }
        let several = of(r#"{"steps":1.0,"scale":2.0,"more":[1,-2.0]}"#).unwrap();
        assert_eq!((several.scale, several.more), (2.0, vec![1, -2]));
        let untouched = of(r#"{"steps":1,"any":2.0}"#).unwrap();
        assert_eq!(untouched.any.to_string(), "2.0");
    }

    #[test]
    fn a_form_takes_whole_numbers_as_well() {
        let content = serde_json::from_str(r#"{"steps":2.0}"#).unwrap();
        assert_eq!(filled_in::<Walk>(content).unwrap().steps, 2);
        let wrong = filled_in::<Walk>(serde_json::json!({ "steps": 2.5 }));
        assert_eq!(wrong, Err("`steps` must be a whole number".to_owned()));
    }

    #[test]
    fn what_is_no_whole_number_is_refused_by_the_name_of_its_argument() {
        let wrong = |text: &str| of(&format!(r#"{{"steps":{text}}}"#)).unwrap_err();
        for text in ["2.5", "\"2\"", "1e-3", "[2]", "null"] {
            let expected = "The arguments do not fit: `steps` must be a whole number";
            assert_eq!(wrong(text), expected, "{text}");
        }
        for text in ["-2", "-2.0"] {
            assert!(wrong(text).starts_with("The arguments do not fit: `steps` must be a whole"));
        }
        assert!(of("{}").unwrap_err().contains("missing field `steps`"));
        let deep = of(r#"{"steps":1,"more":[1,"x"]}"#).unwrap_err();
        assert_eq!(deep, "The arguments do not fit: `more[1]` must be a whole number");
    }

    proptest::proptest! {
        #[test]
        fn every_integer_that_is_exact_is_read_from_its_float(number in -9_007_199_254_740_992_i64..=9_007_199_254_740_992) {
            let text = format!("{number}.0");
            proptest::prop_assert_eq!(decode::<i64>(text.as_bytes()), Ok(number));
        }

        #[test]
        fn any_text_is_read_or_refused(text: Vec<u8>) {
            let _ = decode::<Walk>(&text);
        }
    }
}
