//! `/logout`: this browser forgets who is logged in. What applications have got stays; `/apps` is
//! where that ends.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use store::StoreError;

use super::{
    answer,
    browser::comes_from_our_page,
    params::{Form, ParamsError},
    session::{self, SignedIn},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::session_token,
    pages::{ErrorPage, LogoutPage, page},
};

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct LogoutForm {
    /// Shows that the form comes from our page.
    token: String,
}

/// Why nobody is logged out.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the form is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("the form was sent by another site")]
    CrossSite,
    #[error("the form has a wrong token")]
    Token,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::Params(ref why) => {
                (why.status(), "This form cannot be read", "Open the page again.")
            }
            Self::CrossSite | Self::Token => (
                StatusCode::FORBIDDEN,
                "This form does not belong to this browser",
                "It was not sent from the page that was shown here. Open the page again.",
            ),
        };
        tracing::warn!(reason = %self, "not logged out");
        page(status, &ErrorPage { title, text })
    }
}

/// Asks: a link of somebody else must not log anybody out.
pub(super) async fn get(
    State(server): State<AuthServer>,
    headers: HeaderMap,
) -> Result<Response, RouteError> {
    let signed_in = session::signed_in(&server, &headers).await?;
    Ok(match signed_in {
        Some(SignedIn { key, session }) => {
            let token = session_token(&key);
            let user = Some((&*session.user.name, &*token));
            page(StatusCode::OK, &LogoutPage { user })
        }
        None => page(StatusCode::OK, &LogoutPage { user: None }),
    })
}

/// Logs out. Who is not logged in any more, in another tab, has what was wanted.
pub(super) async fn post(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    form: Result<Form<LogoutForm>, ParamsError>,
) -> Result<Response, RouteError> {
    let Form(form) = form?;
    if !comes_from_our_page(&headers, server.issuer()) {
        return Err(RouteError::CrossSite);
    }
    if let Some(SignedIn { key, session }) = session::signed_in(&server, &headers).await? {
        // Timing tells nothing: only who has the key can compute the token.
        if form.token != session_token(&key) {
            return Err(RouteError::Token);
        }
        session::sign_out(&server, &headers).await?;
        Event::Logout.line().subject(&session.user.sub).write();
    }
    Ok(session::forgotten(&server, page(StatusCode::OK, &LogoutPage { user: None })))
}
