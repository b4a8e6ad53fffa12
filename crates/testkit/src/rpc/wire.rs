//! The line to one MCP endpoint: sends drafts and hands back what is answered.

use http::HeaderMap;
use shared::mcp::Revision;
use url::Url;

use super::{Draft, Exchange, draft};
use crate::{
    fail::OrFail as _,
    http::client,
    schema::{Heard, check_client_message},
    wait::PATIENCE,
    within,
};

/// An endpoint and who speaks to it.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    url: Url,
    bearer: Option<String>,
    heard: Heard,
}

impl Wire {
    pub(super) fn new(url: &str) -> Self {
        let url = Url::parse(url).or_fail("an endpoint");
        Self { client: client(), url, bearer: None, heard: Heard::default() }
    }

    pub(super) fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    /// The same line to another instance.
    pub(super) fn at(mut self, url: &str) -> Self {
        self.url = Url::parse(url).or_fail("an endpoint");
        self
    }

    /// The header fields of every request.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        draft::set(&mut headers, "accept", "application/json, text/event-stream");
        if let Some(token) = &self.bearer {
            draft::set(&mut headers, "authorization", &format!("Bearer {token}"));
        }
        headers
    }

    /// Sends a draft, and reads the head of the answer. What is accepted has to be right.
    pub(super) async fn send(&self, draft: Draft, revision: Revision) -> reqwest::Result<Exchange> {
        let (asked, meant) = (draft.asked(), draft.meant());
        let request = self.client.request(draft.verb, self.url.clone()).headers(draft.headers);
        let request = match draft.body {
            draft::Body::None => request,
            draft::Body::Message(message) => request.body(message.to_string()),
            draft::Body::Raw(bytes) => request.body(bytes),
        };
        within(PATIENCE, async {
            let response = request.send().await?;
            if let Some(message) = meant.filter(|_| response.status().is_success()) {
                check_client_message(revision, &message, &self.heard);
            }
            Exchange::receive(response, revision, asked, self.heard.clone()).await
        })
        .await
    }
}
