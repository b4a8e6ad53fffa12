//! `/logout`: this browser forgets who is logged in. What applications have got stays; `/apps` is
//! where that ends.
//!
//! A person is asked, because a link of somebody else must not log anybody out. Who comes with an
//! identity token of the same person is not (`logout_wish.rs`).

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use store::StoreError;

use super::{
    answer::{self, see_other},
    authorization_response::is_vouched_for,
    logout_wish::{Granted, Wish},
    page_form::{PageError, check_origin, check_token, read_query},
    params::{Form, ParamsError},
    session::{self, SignedIn},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::session_token,
    pages::{Exit, LogoutPage, page},
};

/// The form of the page, or of an application.
#[derive(Deserialize)]
pub(super) struct LogoutForm {
    /// Shows that the form comes from our page.
    token: Option<String>,
    #[serde(flatten)]
    wish: Wish,
}

/// Why nobody is logged out.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        match self {
            Self::Store(error) => answer::store_failure_page(error),
            Self::Page(error) => error.into_response(),
        }
    }
}

/// Asks, or does what an application has the right to ask for. If another person is logged in here
/// than the one it means, that person is asked.
pub(super) async fn get(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let wish: Wish = read_query(query)?;
    let signed_in = session::signed_in(&server, &headers).await?;
    let is_meant = |sub: &str| signed_in.as_ref().is_none_or(|it| it.session.user.sub == sub);
    if let Some(granted) = wish.granted(&server).await?.filter(|granted| is_meant(&granted.sub)) {
        if session::sign_out(&server, &headers).await? {
            Event::Logout.line().subject(&granted.sub).write();
        }
        let is_led = signed_in.is_none();
        return Ok(session::forgotten(&server, leave(&server, &granted, is_led)));
    }
    Ok(match signed_in {
        Some(SignedIn { key, session }) => {
            let token = session_token(&key);
            let user = Some((&*session.user.name, &*token));
            page(StatusCode::OK, &LogoutPage { user, back: None })
        }
        None => logged_out(),
    })
}

/// Back to the application. A browser in which nobody was logged in may have been sent here by
/// anybody: where it goes is then for its user to say, unless somebody vouches for it.
fn leave(server: &AuthServer, granted: &Granted, is_led: bool) -> Response {
    let Some(back) = granted.back.as_deref() else { return logged_out() };
    if is_led && !is_vouched_for(server, &granted.client_id, back) {
        page(StatusCode::OK, &LogoutPage { user: None, back: Some(Exit::to(back)) })
    } else {
        see_other(back)
    }
}

fn logged_out() -> Response {
    page(StatusCode::OK, &LogoutPage { user: None, back: None })
}

/// Logs out. Who is not logged in any more, in another tab, has what was wanted.
pub(super) async fn post(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    form: Result<Form<LogoutForm>, ParamsError>,
) -> Result<Response, RouteError> {
    let Form(form) = form.map_err(PageError::from)?;
    let Some(token) = form.token else {
        return Ok(see_other(&form.wish.address(server.issuer())));
    };
    check_origin(&headers, &server)?;
    if let Some(SignedIn { key, session }) = session::signed_in(&server, &headers).await? {
        check_token(&token, &session_token(&key))?;
        session::sign_out(&server, &headers).await?;
        Event::Logout.line().subject(&session.user.sub).write();
    }
    Ok(session::forgotten(&server, logged_out()))
}
