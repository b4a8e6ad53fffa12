//! What a browser sends to one of our pages: a query that anybody may have written, and a form,
//! which counts only from that page and in the browser that was shown it.

use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::{
    browser::comes_from_our_page,
    params::{Form, Params, ParamsError},
};
use crate::{
    AuthServer,
    pages::{ErrorPage, page},
};

/// A form that no other site has sent. Whether it is of this browser is for [`check_token`].
pub(super) struct PageForm<T>(pub(super) T);

/// Why it does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error("the request is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("the form was sent by another site")]
    CrossSite,
    #[error("the page was shown in another browser")]
    OtherBrowser,
    #[error("the form has a wrong token, or nobody is logged in")]
    Token,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, text) = match &self {
            Self::Params(why) => (
                why.status(),
                "This request cannot be read",
                "Open the page again, or go back to the application and start again.",
            ),
            Self::CrossSite | Self::OtherBrowser | Self::Token => (
                StatusCode::FORBIDDEN,
                "This form does not belong to this browser",
                "It was not sent from the page that was shown here, or you have logged out \
                 meanwhile. Open the page again, or go back to the application and start again; \
                 cookies must be allowed.",
            ),
        };
        tracing::warn!(reason = %self, "request of a browser refused");
        page(status, &ErrorPage::new(title, text))
    }
}

impl<T: DeserializeOwned> FromRequest<AuthServer> for PageForm<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, server: &AuthServer) -> Result<Self, PageError> {
        let origin = check_origin(request.headers(), server);
        let Form(form) = Form::from_request(request, server).await?;
        origin.map(|()| Self(form))
    }
}

/// A form of another site does not count.
pub(super) fn check_origin(headers: &HeaderMap, server: &AuthServer) -> Result<(), PageError> {
    comes_from_our_page(headers, server.issuer().origin()).then_some(()).ok_or(PageError::CrossSite)
}

/// A form without the token that the page had does not count.
pub(super) fn check_token(sent: &str, shown: &str) -> Result<(), PageError> {
    // Timing tells nothing: only who has the browser's key can compute the token.
    (sent == shown).then_some(()).ok_or(PageError::Token)
}

/// The query of a page's address.
pub(super) fn read_query<T: DeserializeOwned>(query: Option<String>) -> Result<T, PageError> {
    Ok(Params::parse(query.unwrap_or_default().as_bytes()).read()?)
}
