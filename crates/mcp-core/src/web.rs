//! The public web, as features see it: one request at a time, bounded, to no private address.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Fetches from the public Internet. The server implements it: a connection goes to an address that
/// was checked for it, and to no other. Which hosts may be asked is for the feature to say.
pub trait Web: Send + Sync {
    /// Asks `url` once, with GET. Nothing is sent along and nothing is followed; of the content no
    /// more than `most` bytes are taken.
    fn get<'a>(&'a self, url: &'a str, most: usize) -> BoxFuture<'a, Result<Answered, WebError>>;
}

/// What a host has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The content.
    Content(Bytes),
    /// It is elsewhere: the address, as the host has written it.
    Moved(String),
    /// Something else, by its status.
    Status(u16),
}

/// Why nothing was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// This is no address that could be asked.
    #[error("the URL cannot be asked")]
    Unusable,
    /// It leads to an address that is not on the public Internet.
    #[error("the host is not on the public Internet")]
    OutOfReach,
    /// There is more than was wanted.
    #[error("there are more than {most} bytes")]
    TooLarge {
        /// How much was wanted.
        most: usize,
    },
    /// Too much is being fetched.
    #[error("too much is being fetched at the moment")]
    Busy,
    /// The host cannot be reached, or is too slow.
    #[error("the host cannot be reached, or is too slow")]
    Failed,
    /// This server fetches nothing.
    #[error("this server fetches nothing")]
    NoWeb,
}

/// For servers that reach nobody.
#[derive(Clone, Copy, Debug)]
pub struct NoWeb;

impl Web for NoWeb {
    fn get<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Answered, WebError>> {
        Box::pin(std::future::ready(Err(WebError::NoWeb)))
    }
}
