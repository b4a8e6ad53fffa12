//! The resources, one file each.

mod document;
mod dynamic;
pub(super) mod static_resource;

use shared::mcp::Resource;

pub(super) use self::{
    document::{Document, INSTRUCTIONS},
    dynamic::{DynamicBlob, DynamicText, itself},
    static_resource::StaticResource,
};

/// A member of a family, as it is listed.
fn member(uri: String, name: String, mime_type: &str) -> Resource {
    Resource { mime_type: Some(mime_type.to_owned()), ..Resource::new(uri, name) }
}
