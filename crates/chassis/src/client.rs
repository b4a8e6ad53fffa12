//! The one way to make an HTTP client: it follows nothing, waits for nothing long, reads no more
//! than it was told.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Client, ClientBuilder, Response, dns::Resolve, redirect::Policy};

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection to stand.
    pub connect: Duration,
    /// From the call to the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 500 ms to connect, 2 s in total: a call that a request of somebody else waits for.
    fn default() -> Self {
        Self { connect: Duration::from_millis(500), total: Duration::from_secs(2) }
    }
}

/// A client that follows no redirects, ignores proxies named in the environment and keeps to
/// `timeouts`. `user_agent` names the caller.
///
/// # Errors
/// When the TLS library cannot be set up, or `user_agent` cannot be a header value.
pub fn http_client(user_agent: &str, timeouts: Timeouts) -> Result<Client, reqwest::Error> {
    builder(user_agent, timeouts).build()
}

/// The same, trusting `certificates` beside those of the system: for services of a private network.
///
/// # Errors
/// Those of [`http_client`].
pub fn http_client_trusting(
    user_agent: &str,
    timeouts: Timeouts,
    certificates: Vec<Certificate>,
) -> Result<Client, reqwest::Error> {
    builder(user_agent, timeouts).tls_certs_merge(certificates).build()
}

/// The same for addresses that somebody else has chosen: `resolver` says which names may be
/// connected to, and where. It is asked for names only; who calls checks addresses in URLs. Every
/// request has a connection of its own, so none rides on a check that was made earlier.
///
/// # Errors
/// Those of [`http_client`].
pub fn guarded_http_client<R: Resolve + 'static>(
    user_agent: &str,
    timeouts: Timeouts,
    resolver: R,
) -> Result<Client, reqwest::Error> {
    let builder = builder(user_agent, timeouts).dns_resolver(Arc::new(resolver));
    builder.pool_max_idle_per_host(0).build()
}

#[expect(clippy::disallowed_methods, reason = "the one place that makes HTTP clients")]
fn builder(user_agent: &str, timeouts: Timeouts) -> ClientBuilder {
    Client::builder()
        .user_agent(user_agent)
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
}

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The answer is longer than the reader was ready to take.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection failed, or the time was over.
    #[error("the answer could not be read")]
    Transport(#[source] reqwest::Error),
}

/// The body of `response`, if it has no more than `limit` bytes. No more than that is held.
///
/// # Errors
/// [`ReadError`], as soon as it is clear.
pub async fn read_capped(mut response: Response, limit: usize) -> Result<Bytes, ReadError> {
    let too_large = ReadError::TooLarge { limit };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    // The URL may hold a secret in its query, and adds nothing that the caller does not know.
    let transport = |error: reqwest::Error| ReadError::Transport(error.without_url());
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > limit {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
