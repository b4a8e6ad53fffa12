//! The parameters of a message. Which members they have is found in the pass that reads the message,
//! so that whoever looks for one does not go through the text again; none of them is decoded then.

use std::{borrow::Cow, fmt, ops::Range, slice};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer},
    },
};
use serde_json::{Value, value::RawValue};

use super::RawJson;

/// How many members an object of parameters may have. Each costs many times its own length, and no
/// method has more than ten.
const MOST: usize = 256;

/// What is kept beside the other members: nobody decodes it together with them.
pub(super) const META: &str = "_meta";

/// An object that came as the parameters of a message; its members are slices of the body.
#[derive(Clone)]
pub struct Params {
    body: Bytes,
    members: Vec<Member>,
    meta: Option<Result<Vec<Member>, MetaMalformed>>,
}

/// Where in the body a member is.
#[derive(Clone, Debug)]
struct Member {
    name: Name,
    value: Range<usize>,
}

#[derive(Clone, Debug)]
enum Name {
    /// As it stands in the body.
    Plain(Range<usize>),
    /// Written with escapes.
    Escaped(Box<str>),
}

/// `_meta` that is no object, or one that has a member twice or too many.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetaMalformed;

impl Params {
    /// Reads them from a text of their own.
    ///
    /// # Errors
    /// When the text is no object with each member once.
    pub fn parse(text: &RawJson) -> Result<Self, serde_json::Error> {
        match text.decode::<Found<'_>>()? {
            Found::Object(object) if object.is_sound => Ok(Self::found(text.bytes(), &object)),
            _ => Err(serde_json::Error::custom("must be an object with each member once")),
        }
    }

    /// What was found in a body.
    pub(super) fn found(body: &Bytes, object: &Object<'_>) -> Self {
        let members = |found: &[FoundMember<'_>]| -> Vec<Member> {
            found.iter().map(|member| member.placed(body)).collect()
        };
        let meta = object.meta.as_ref();
        let meta = meta.map(|meta| meta.as_deref().map(members).map_err(|malformed| *malformed));
        Self { body: body.clone(), members: members(&object.members), meta }
    }

    /// Decodes them, without `_meta`.
    ///
    /// # Errors
    /// When they do not have the shape of `T`.
    pub fn decode<'de, T: Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        self.decode_without("")
    }

    /// The same without one more member, which is not looked into.
    pub(super) fn decode_without<'de, T: Deserialize<'de>>(
        &'de self,
        left_out: &'static str,
    ) -> Result<T, serde_json::Error> {
        let walk = Walk { params: self, members: self.members.iter(), value: &[], left_out };
        T::deserialize(MapAccessDeserializer::new(walk))
    }

    /// A member as it came.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<RawJson> {
        let member = self.members.iter().find(|member| member.name.is(name, self))?;
        Some(RawJson::from(self.body.slice(member.value.clone())))
    }

    /// A member, decoded; none if it is absent or of another shape.
    #[must_use]
    pub fn get<'de, T: Deserialize<'de>>(&'de self, name: &str) -> Option<T> {
        let member = self.members.iter().find(|member| member.name.is(name, self))?;
        serde_json::from_slice(member.text(self)).ok()
    }

    /// A member that is a text, not copied if it is written plainly; none if it is absent or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get::<Key<'_>>(name).map(|Key(text)| text)
    }

    /// How long the texts of all members are, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let meta = self.meta.iter().flatten().flatten();
        let members = self.members.iter().chain(meta);
        members.map(|member| member.name.of(self).len() + member.value.len()).sum()
    }

    /// The members of `_meta`, if there is one.
    pub(super) fn meta(&self) -> Option<Result<MetaMembers<'_>, MetaMalformed>> {
        let meta = self.meta.as_ref()?.as_deref();
        Some(meta.map(|members| MetaMembers { params: self, members }).map_err(|error| *error))
    }

    fn texts<'a>(&'a self, members: &'a [Member]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        members.iter().map(|member| (member.name.of(self), member.text(self)))
    }
}

/// The members of a `_meta`.
#[derive(Clone, Copy)]
pub(super) struct MetaMembers<'a> {
    params: &'a Params,
    members: &'a [Member],
}

impl<'a> MetaMembers<'a> {
    /// The text of a member.
    pub(super) fn get(self, name: &str) -> Option<&'a [u8]> {
        let Self { params, members } = self;
        let member = members.iter().find(|member| member.name.is(name, params))?;
        Some(member.text(params))
    }
}

impl Member {
    fn text<'a>(&self, params: &'a Params) -> &'a [u8] {
        &params.body[self.value.clone()]
    }
}

impl Name {
    /// Whether it is this one. Bytes are compared: whether they are text costs more to ask.
    fn is(&self, name: &str, params: &Params) -> bool {
        match self {
            Self::Plain(place) => &params.body[place.clone()] == name.as_bytes(),
            Self::Escaped(own) => **own == *name,
        }
    }

    fn of<'a>(&'a self, params: &'a Params) -> &'a str {
        match self {
            Self::Plain(place) => str::from_utf8(&params.body[place.clone()]).unwrap_or_default(),
            Self::Escaped(name) => name,
        }
    }
}

impl From<&Value> for Params {
    /// The members of an object; no others are parameters, and of those there are none.
    fn from(value: &Value) -> Self {
        let none = || Self { body: Bytes::new(), members: Vec::new(), meta: None };
        Self::parse(&RawJson::from(value)).unwrap_or_else(|_| none())
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        let meta = match (&self.meta, &other.meta) {
            (None, None) | (Some(Err(_)), Some(Err(_))) => true,
            (Some(Ok(own)), Some(Ok(others))) => self.texts(own).eq(other.texts(others)),
            _ => false,
        };
        meta && self.texts(&self.members).eq(other.texts(&other.members))
    }
}

impl Eq for Params {}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = |text: &[u8]| RawJson::from(Bytes::copy_from_slice(text));
        let texts = |members| self.texts(members).map(move |(name, text)| (name, raw(text)));
        let mut map = f.debug_map();
        map.entries(texts(&self.members));
        match &self.meta {
            None => &mut map,
            Some(Err(malformed)) => map.entry(&META, malformed),
            Some(Ok(members)) => map.entry(&META, &texts(members).collect::<Vec<_>>()),
        }
        .finish()
    }
}

/// Goes through members that were found, and decodes each where it is.
struct Walk<'de> {
    params: &'de Params,
    members: slice::Iter<'de, Member>,
    value: &'de [u8],
    left_out: &'static str,
}

impl<'de> MapAccess<'de> for Walk<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        let Self { params, members, left_out, .. } = self;
        let mut named = members.map(|member| (member.name.of(params), member));
        let Some((name, member)) = named.find(|(name, _)| name != left_out) else {
            return Ok(None);
        };
        self.value = member.text(params);
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        seed.deserialize(&mut serde_json::Deserializer::from_slice(self.value))
    }
}

/// What stands where an object should.
pub(super) enum Found<'a> {
    Object(Object<'a>),
    /// JSON of another type.
    Other,
}

/// The members of an object in a text that is being read.
pub(super) struct Object<'a> {
    members: Vec<FoundMember<'a>>,
    meta: Option<Result<Vec<FoundMember<'a>>, MetaMalformed>>,
    /// Whether each member is there once, and there are not too many.
    pub(super) is_sound: bool,
}

struct FoundMember<'a> {
    name: Cow<'a, str>,
    value: &'a RawValue,
}

impl<'a> Object<'a> {
    fn add(&mut self, name: Cow<'a, str>, value: &'a RawValue) {
        let is_new = || self.members.iter().all(|member| member.name != name);
        if self.members.len() < MOST && is_new() {
            self.members.push(FoundMember { name, value });
        } else {
            self.is_sound = false;
        }
    }
}

impl<'a> Found<'a> {
    fn members(self) -> Result<Vec<FoundMember<'a>>, MetaMalformed> {
        match self {
            Self::Object(object) if object.is_sound => Ok(object.members),
            _ => Err(MetaMalformed),
        }
    }
}

impl FoundMember<'_> {
    fn placed(&self, body: &Bytes) -> Member {
        let place = |part: &str| {
            let start = part.as_ptr().addr() - body.as_ptr().addr();
            start..start + part.len()
        };
        let name = match &self.name {
            Cow::Borrowed(name) => Name::Plain(place(name)),
            Cow::Owned(name) => Name::Escaped(name.as_str().into()),
        };
        Member { name, value: place(self.value.get()) }
    }
}

/// A text, borrowed if it is written plainly: the name of a member, for one.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Found<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Finding { is_meta: false }.deserialize(deserializer)
    }
}

/// Finds the members of parameters, or of the `_meta` in them.
struct Finding {
    is_meta: bool,
}

impl<'de> DeserializeSeed<'de> for Finding {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Finding {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object { members: Vec::new(), meta: None, is_sound: true };
        while let Some(Key(name)) = map.next_key()? {
            if self.is_meta || name != META {
                object.add(name, map.next_value()?);
            } else {
                let meta = map.next_value_seed(Self { is_meta: true })?.members();
                object.is_sound &= object.meta.replace(meta).is_none();
            }
        }
        Ok(Found::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Found::Other)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Params {
        Params::parse(&RawJson::from(Bytes::copy_from_slice(text.as_bytes()))).unwrap()
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(default)]
        list: Vec<u8>,
    }

    #[test]
    fn members_are_as_they_came_and_are_decoded_in_their_place() {
        let params = of(r#"{ "name" : "x", "other": {"a":[ ]}, "list":[1, 2] }"#);
        assert_eq!(params.member("other").unwrap().as_bytes(), br#"{"a":[ ]}"#);
        assert_eq!(params.member("absent"), None);
        let named: Named<'_> = params.decode().unwrap();
        assert!(matches!(named.name, Cow::Borrowed("x")), "it is not copied");
        assert_eq!(named.list, [1, 2]);
        assert_eq!(params.get::<Vec<u8>>("list"), Some(vec![1, 2]));
        assert_eq!(params.get::<String>("list"), None);
        assert!(matches!(params.text("name"), Some(Cow::Borrowed("x"))));
        assert_eq!(of(r#"{"name":"\u0078"}"#).text("name").as_deref(), Some("x"));
        assert_eq!((params.text("list"), params.text("absent")), (None, None));
    }

    #[test]
    fn what_is_wrong_with_a_member_is_told_as_of_a_text() {
        let missing = of("{}").decode::<Named<'_>>().unwrap_err();
        assert_eq!(missing.to_string(), "missing field `name`");
        let wrong = of(r#"{"name":"x","list":5}"#);
        let wrong = wrong.decode::<Named<'_>>().unwrap_err();
        assert_eq!(super::super::misfit(&wrong), "must be an array");
    }

    #[test]
    fn names_with_escapes_are_names() {
        let params = of(r#"{"n\u0061me":"x","_m\u0065ta":{"\u0061":1}}"#);
        assert_eq!(params.decode::<Named<'_>>().unwrap().name, "x");
        let meta = params.meta().unwrap().ok().unwrap();
        assert_eq!(meta.get("a"), Some(b"1".as_slice()));
    }

    #[test]
    fn meta_is_kept_apart_and_may_be_malformed() {
        let found = |text: &str| of(text).meta().map(|meta| meta.is_ok());
        assert_eq!(found(r#"{"a":1}"#), None);
        assert_eq!(found(r#"{"_meta":{}}"#), Some(true));
        for malformed in ["5", "null", "[1]", "\"x\"", "true", "1.5", r#"{"a":1,"a":2}"#] {
            assert_eq!(found(&format!(r#"{{"_meta":{malformed}}}"#)), Some(false), "{malformed}");
        }
        assert_eq!(of(r#"{"_meta":{},"a":1}"#).decode::<Value>().unwrap(), json!({ "a": 1 }));
    }

    #[test]
    fn what_has_a_member_twice_or_too_many_is_refused() {
        let refused = |text: String| Params::parse(&RawJson::from(Bytes::from(text))).is_err();
        for text in [r#"{"a":1,"a":1}"#, r#"{"_meta":{},"_meta":{}}"#, "[]", "5", "null", "{"] {
            assert!(refused(text.to_owned()), "{text}");
        }
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|at| format!("\"{at}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(!refused(many(MOST)) && refused(many(MOST + 1)));
    }

    #[test]
    fn equal_is_what_says_the_same() {
        assert_eq!(of(r#"{"a":1,"_meta":{"b":2}}"#), of(r#" { "_meta":{ "b" : 2 }, "a": 1 } "#));
        assert_ne!(of(r#"{"_meta":{"b":2}}"#), of(r#"{"_meta":{"b":3}}"#));
        assert_ne!(of("{}"), of(r#"{"_meta":{}}"#));
        assert_eq!(format!("{:?}", of(r#"{"a":"x"}"#)), r#"{"a": "x"}"#);
    }
}
