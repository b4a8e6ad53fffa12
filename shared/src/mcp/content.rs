//! What tools and prompts are made of: text, pictures, sound, links and embedded resources.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Resource;

/// Who speaks, or for whom something is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person.
    User,
    /// A model.
    Assistant,
}

/// Hints for a client that shows or forwards content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotations {
    /// For whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<Role>,
    /// 1 is required reading, 0 is optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// ISO 8601; since 2025-06-18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// A picture that stands for something; since 2025-11-25.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Icon {
    /// `https:` or `data:`.
    pub src: String,
    /// Of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Like `48x48`, or `any`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<String>,
    /// On which ground it is seen; on any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<IconTheme>,
}

impl Icon {
    /// A picture of which nothing else is said.
    #[must_use]
    pub fn new(src: impl Into<String>) -> Self {
        Self { src: src.into(), mime_type: None, sizes: Vec::new(), theme: None }
    }
}

/// The ground that an icon is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IconTheme {
    /// A light one.
    Light,
    /// A dark one.
    Dark,
}

/// One piece of content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentBlock {
    /// Words.
    Text(TextContent),
    /// A picture.
    Image(MediaContent),
    /// Sound; since 2025-03-26.
    Audio(MediaContent),
    /// The address of a resource, with what a list would say of it; since 2025-06-18.
    ResourceLink(Resource),
    /// A resource with its content.
    Resource(EmbeddedResource),
}

/// Words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextContent {
    /// The words.
    pub text: String,
    /// Hints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Members of a feature's own; since 2025-06-18.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// A picture or sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaContent {
    /// Base64.
    pub data: String,
    /// Of the data.
    pub mime_type: String,
    /// Hints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Members of a feature's own; since 2025-06-18.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// A resource with its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmbeddedResource {
    /// The resource.
    pub resource: ResourceContents,
    /// Hints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Members of a feature's own; since 2025-06-18.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

impl TextContent {
    /// Words, without hints.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), annotations: None, meta: Map::new() }
    }
}

impl MediaContent {
    /// Data, without hints.
    #[must_use]
    pub fn new(base64: impl Into<String>, mime_type: impl Into<String>) -> Self {
        let (data, mime_type) = (base64.into(), mime_type.into());
        Self { data, mime_type, annotations: None, meta: Map::new() }
    }
}

impl ContentBlock {
    /// Words, without hints.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// A picture, without hints.
    #[must_use]
    pub fn image(base64: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Image(MediaContent::new(base64, mime_type))
    }

    /// Sound, without hints.
    #[must_use]
    pub fn audio(base64: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Audio(MediaContent::new(base64, mime_type))
    }

    /// A resource with its content, without hints.
    #[must_use]
    pub fn resource(resource: ResourceContents) -> Self {
        Self::Resource(EmbeddedResource { resource, annotations: None, meta: Map::new() })
    }

    /// The same with hints.
    #[must_use]
    pub fn annotated(mut self, hints: Annotations) -> Self {
        *self.hints_and_meta().0 = Some(hints);
        self
    }

    /// The same with a member of its `_meta`, for an extension.
    #[must_use]
    pub fn meta(mut self, name: &str, value: Value) -> Self {
        self.hints_and_meta().1.insert(name.to_owned(), value);
        self
    }

    /// What every kind has.
    pub const fn hints_and_meta(&mut self) -> (&mut Option<Annotations>, &mut Map<String, Value>) {
        match self {
            Self::Text(TextContent { annotations, meta, .. })
            | Self::Image(MediaContent { annotations, meta, .. })
            | Self::Audio(MediaContent { annotations, meta, .. })
            | Self::ResourceLink(Resource { annotations, meta, .. })
            | Self::Resource(EmbeddedResource { annotations, meta, .. }) => (annotations, meta),
        }
    }
}

/// The content of a resource, or of a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceContents {
    /// Its address.
    pub uri: String,
    /// Of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The content.
    #[serde(flatten)]
    pub data: ResourceData,
    /// Members of a feature's own; since 2025-06-18.
    #[serde(rename = "_meta", default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
}

/// Text or bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceData {
    /// Text.
    Text(String),
    /// Bytes, in base64.
    Blob(String),
}

impl ResourceContents {
    /// A text.
    #[must_use]
    pub fn text(uri: impl Into<String>, mime_type: &str, text: impl Into<String>) -> Self {
        Self::new(uri.into(), mime_type, ResourceData::Text(text.into()))
    }

    /// Bytes that are base64 already.
    #[must_use]
    pub fn blob(uri: impl Into<String>, mime_type: &str, base64: impl Into<String>) -> Self {
        Self::new(uri.into(), mime_type, ResourceData::Blob(base64.into()))
    }

    fn new(uri: String, mime_type: &str, data: ResourceData) -> Self {
        Self { uri, mime_type: Some(mime_type.to_owned()), data, meta: Map::new() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_is_written_as_the_schema_says() {
        let resource = ResourceContents::text("test://a", "text/plain", "hello");
        assert_eq!(
            serde_json::to_value(ContentBlock::resource(resource)).unwrap(),
            json!({
                "type": "resource",
                "resource": { "uri": "test://a", "mimeType": "text/plain", "text": "hello" }
            })
        );
        assert_eq!(
            serde_json::to_value(ContentBlock::image("AA==", "image/png")).unwrap(),
            json!({ "type": "image", "data": "AA==", "mimeType": "image/png" })
        );
    }

    /// Every kind of content with every member that the newest schema gives it.
    fn all_kinds() -> [Value; 5] {
        let hints = json!({ "audience": ["user"], "priority": 0.5, "lastModified": "2026-01-01" });
        let icon =
            json!({ "src": "data:,", "mimeType": "image/png", "sizes": ["any"], "theme": "dark" });
        let media = |kind: &str| json!({ "type": kind, "data": "AA==", "mimeType": "x/y" });
        let resource = json!({ "uri": "test://a", "mimeType": "text/plain", "text": "x", "_meta": { "a": 1 } });
        let link = json!({
            "type": "resource_link", "uri": "test://a", "name": "a", "title": "A",
            "description": "An a", "mimeType": "text/plain", "size": 5, "icons": [icon]
        });
        let kinds = [
            json!({ "type": "text", "text": "x" }),
            media("image"),
            media("audio"),
            link,
            json!({ "type": "resource", "resource": resource }),
        ];
        kinds.map(|mut kind| {
            kind["annotations"] = hints.clone();
            kind["_meta"] = json!({ "example.org/own": [1] });
            kind
        })
    }

    #[test]
    fn nothing_that_the_schema_has_is_lost() {
        for kind in all_kinds() {
            let read: ContentBlock = serde_json::from_value(kind.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), kind);
        }
    }

    #[test]
    fn hints_go_beside_the_content() {
        for kind in all_kinds() {
            let block: ContentBlock = serde_json::from_value(kind).unwrap();
            let hints = Annotations { priority: Some(0.25), ..Annotations::default() };
            let block = block.annotated(hints).meta("b", json!(2));
            let block = serde_json::to_value(block).unwrap();
            assert_eq!(block["annotations"], json!({ "priority": 0.25 }));
            assert_eq!(block["_meta"], json!({ "example.org/own": [1], "b": 2 }));
        }
    }
}
