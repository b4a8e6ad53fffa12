//! From an address to what is there: host by host, each of them allowed.

use bytes::Bytes;
use mcp_core::{Answered, Ctx, ToolError, WebError};
use url::Url;

use super::{data_url, rules::Rules};
use crate::features::App;

/// How often a host may send us elsewhere.
const MOST_REDIRECTS: usize = 3;

/// Why there is nothing. What is wrong with the address is for the caller to mend, so each is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DownloadError {
    #[error("Unsupported URL protocol for {0}. Only http, https, and data URLs are supported.")]
    Protocol(String),
    #[error("The data URL is malformed.")]
    Data,
    #[error("Domain {0} is not in the allowed domains list.")]
    Host(String),
    #[error("The host answered with status {0}.")]
    Status(u16),
    #[error("There are more than {0} redirects.")]
    Redirects(usize),
    #[error("There are more than {0} bytes.")]
    TooLarge(usize),
    #[error("It took more than {0} ms.")]
    TooSlow(u128),
    #[error("It cannot be fetched: {0}.")]
    Web(#[from] WebError),
}

impl DownloadError {
    /// As the original told it, with as much of the address as helps.
    pub(super) fn told(&self, url: &str) -> ToolError {
        ToolError::failed(format!("Error processing file {}: {self}", shortened(url)))
    }
}

fn shortened(url: &str) -> String {
    url.chars().take(100).collect()
}

/// What is at an address.
pub(super) async fn download(ctx: &Ctx<App>, url: &str) -> Result<Bytes, DownloadError> {
    let rules = &ctx.app().fetching;
    if let Some(start) = url.get(..5)
        && start.eq_ignore_ascii_case("data:")
    {
        let data = data_url::decoded(url).ok_or(DownloadError::Data)?;
        let fits = data.len() <= rules.most;
        return if fits { Ok(data.into()) } else { Err(DownloadError::TooLarge(rules.most)) };
    }
    let fetching = followed(ctx, rules, url);
    let in_time = ctx.clock().timeout(rules.patience, fetching).await;
    in_time.unwrap_or(Err(DownloadError::TooSlow(rules.patience.as_millis())))
}

async fn followed(ctx: &Ctx<App>, rules: &Rules, url: &str) -> Result<Bytes, DownloadError> {
    let mut next = checked(rules, url.parse().ok(), url)?;
    for _ in 0..=MOST_REDIRECTS {
        match ctx.web().get(next.as_str(), rules.most).await {
            Ok(Answered::Content(content)) => return Ok(content),
            Ok(Answered::Moved(to)) => next = checked(rules, next.join(&to).ok(), &to)?,
            Ok(Answered::Status(status)) => return Err(DownloadError::Status(status)),
            Err(WebError::TooLarge { most }) => return Err(DownloadError::TooLarge(most)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(DownloadError::Redirects(MOST_REDIRECTS))
}

/// An address that may be asked.
fn checked(rules: &Rules, url: Option<Url>, written: &str) -> Result<Url, DownloadError> {
    let protocol = || DownloadError::Protocol(shortened(written));
    let url = url.filter(|url| ["http", "https"].contains(&url.scheme())).ok_or_else(protocol)?;
    if rules.allow(&url) {
        return Ok(url);
    }
    Err(DownloadError::Host(url.host_str().unwrap_or_default().to_owned()))
}
