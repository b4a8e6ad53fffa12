//! Objects that are objects. A derived struct also reads a list of its members in their order, which
//! no schema of the protocol allows; these functions, named in `deserialize_with`, refuse it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

/// A member that is an object.
pub(super) fn required<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(Object(deserializer))
}

/// A member that is an object or null, which says the same as none.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Maybe<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Maybe<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            required(deserializer).map(Some)
        }
    }

    deserializer.deserialize_option(Maybe(std::marker::PhantomData))
}

/// Extensions by id: the settings of each are an object, empty if there are none (2026-07-28
/// basic/versioning).
pub(super) fn settings<'de, D>(deserializer: D) -> Result<Map<String, Value>, D::Error>
where
    D: Deserializer<'de>,
{
    let extensions = Map::<String, Value>::deserialize(deserializer)?;
    match extensions.iter().find(|(_, settings)| !settings.is_object()) {
        Some((id, _)) => Err(D::Error::custom(format!("the settings of `{id}` must be an object"))),
        None => Ok(extensions),
    }
}

/// Asks for an object, whatever the type asks for.
struct Object<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair {
        left: u8,
        right: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Holder {
        #[serde(deserialize_with = "required")]
        pair: Pair,
        #[serde(default, deserialize_with = "optional")]
        other: Option<Pair>,
        #[serde(default, deserialize_with = "settings")]
        extensions: Map<String, Value>,
    }

    fn read(text: &str) -> Result<Holder, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn an_object_is_read_and_null_is_none() {
        let holder = read(r#"{"pair":{"left":1,"right":2},"other":null}"#).unwrap();
        assert_eq!((holder.pair, holder.other), (Pair { left: 1, right: 2 }, None));
        let both = r#"{"pair":{"left":1,"right":2},"other":{"left":3,"right":4}}"#;
        assert_eq!(read(both).unwrap().other, Some(Pair { left: 3, right: 4 }));
    }

    #[test]
    fn a_list_of_members_is_no_object() {
        assert!(serde_json::from_str::<Pair>("[1,2]").is_ok(), "this is what is refused here");
        for text in [
            r#"{"pair":[1,2]}"#,
            r#"{"pair":{"left":1,"right":2},"other":[3,4]}"#,
            r#"{"pair":5}"#,
            r#"{"pair":null}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_settings_of_an_extension_are_an_object() {
        let with = |settings: &str| {
            read(&format!(r#"{{"pair":{{"left":1,"right":2}},"extensions":{{"a/b":{settings}}}}}"#))
        };
        assert!(with("{}").is_ok() && with(r#"{"x":[1]}"#).is_ok());
        for wrong in ["5", "[]", "null", "true"] {
            assert!(with(wrong).unwrap_err().to_string().contains("`a/b`"), "{wrong}");
        }
    }
}
