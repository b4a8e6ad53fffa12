//! How a provider is talked to: over the network, or, if it is the mock in this process, by handing
//! the same requests to its router. The mock speaks no other language than a real provider does.

use axum::{
    Router,
    body::{Body, to_bytes},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use tower::ServiceExt as _;
use url::Url;

use crate::fetch::{FetchError, Fetcher};

/// Larger answers are refused.
const MAX_ANSWER: usize = 64 * 1024;

/// The way to a provider.
pub(super) enum Wire {
    Network(Fetcher),
    /// Boxed, because a router is large.
    Here(Box<Router>),
}

impl Wire {
    /// A JSON document.
    pub(super) async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        match self {
            Self::Network(fetcher) => Ok(fetcher.json_within(url, MAX_ANSWER).await?.body),
            Self::Here(router) => match ask(router, Method::GET, url, None, String::new()).await? {
                (StatusCode::OK, body) => Ok(body),
                (status, _) => Err(FetchError::Status(status)),
            },
        }
    }

    /// The answer to a form, whatever its status.
    pub(super) async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        match self {
            Self::Network(fetcher) => fetcher.post_form(url, form, authorization, MAX_ANSWER).await,
            Self::Here(router) => ask(router, Method::POST, url, authorization, form).await,
        }
    }
}

async fn ask(
    router: &Router,
    method: Method,
    url: &Url,
    authorization: Option<HeaderValue>,
    form: String,
) -> Result<(StatusCode, Bytes), FetchError> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.path())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    let request = request.body(Body::from(form)).map_err(|_| FetchError::Transport)?;
    let Ok(response) = router.clone().oneshot(request).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), MAX_ANSWER).await;
    Ok((status, body.map_err(|_| FetchError::TooLarge)?))
}
