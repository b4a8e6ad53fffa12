//! The pages, one file each.

mod hello_world;
mod live_state;

pub(super) use self::{hello_world::HelloWorldPage, live_state::LiveStatePage};

use shared::mcp::ResourceContents;

use super::{MIME_TYPE, alone};

/// A page as the one content of a resource. What is said of it is said here as well: hosts go by
/// the content.
fn contents(uri: &str, page: &str) -> Vec<ResourceContents> {
    let mut contents = ResourceContents::text(uri, MIME_TYPE, page);
    contents.meta.insert("ui".to_owned(), alone());
    vec![contents]
}
