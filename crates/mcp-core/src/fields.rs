//! The names of a type's fields in the order of its declaration. A schema has lost it, being a map,
//! and people fill in arguments in the order in which they are listed.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

/// The names, as they are on the wire; none for a type that is not a plain struct.
pub(crate) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut asked = Asked(&[]);
    // What is made of nothing is nothing: only the question matters.
    let _ = T::deserialize(&mut asked);
    asked.0
}

/// Remembers which fields a struct asks for, and gives it none.
struct Asked(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Asked {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.0 = fields;
        Err(Error::custom("nothing is read"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing is read"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its names are looked at")]
    struct Trip {
        to_where: String,
        at: Option<String>,
        by: String,
    }

    #[test]
    fn names_are_in_the_order_of_their_declaration() {
        assert_eq!(names::<Trip>(), ["toWhere", "at", "by"]);
    }

    #[test]
    fn what_is_no_struct_has_none() {
        assert!(names::<String>().is_empty() && names::<Option<Trip>>().is_empty());
    }
}
