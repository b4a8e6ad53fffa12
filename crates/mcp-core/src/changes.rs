//! "The tools have changed", "this resource has changed": what a feature announces to everybody who
//! wants to know, on whatever instance they listen.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// The content of the resource at this address.
    Resource(String),
    /// What somebody has switched on or off that is told again and again; by a hash of whose it is.
    Rhythm(String),
    /// What is one owner's alone: those who listen on behalf of others are not told.
    Of {
        /// A hash of whose it is.
        owner: String,
        /// What has changed there.
        changes: Vec<Change>,
    },
}

/// Carries changes to those who listen. The server implements it over its store.
pub trait ChangeFeed: Send + Sync {
    /// Tells everybody. A change that cannot be told is logged and lost: it is a hint to look again.
    fn announce(&self, change: Change) -> BoxFuture<'_, ()>;
}

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct NoFeed;

impl ChangeFeed for NoFeed {
    fn announce(&self, _: Change) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Which changes the features of a server announce: what is not named here is not promised to
/// clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent promises")]
pub struct Announced {
    /// The list of tools.
    pub tools: bool,
    /// The list of prompts.
    pub prompts: bool,
    /// The list of resources.
    pub resources: bool,
    /// The content of resources.
    pub resource_updates: bool,
}
