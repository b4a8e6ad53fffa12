//! `POST /introspect`: what a server is asked most whose MCP server asks about every token, and so what
//! goes past the router (decision 0093). What is around it there is around it here, in the same order.

use std::{future::Future, pin::Pin};

use axum::{
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    response::{IntoResponse as _, Response},
};
use chassis::{Answered, App, Dress, Serve};
use http::Method;
use tracing::Instrument as _;

use super::{MAX_FORM, client_auth::ClientAuth, introspect, limits};
use crate::AuthServer;

const PATH: &str = "/introspect";

/// Gives `app` the shortcut; not where the issuer has a path, by which telemetry names the route, and
/// not where faults may be asked for, which happen in the router.
pub(super) fn around(app: App, server: &AuthServer, clothes: &Dress) -> App {
    if !server.issuer().path().is_empty() || server.config().faults.is_on {
        return app;
    }
    app.with_shortcut(PATH, is_plain, Endpoint(server.clone()), clothes)
}

/// A query is ignored, but how long it is is not.
fn is_plain(request: &Request) -> bool {
    *request.method() == Method::POST
        && request.uri().path() == PATH
        && request.uri().query().is_none()
}

/// The endpoint.
struct Endpoint(AuthServer);

impl Serve for Endpoint {
    type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

    fn serve(&self, mut request: Request) -> Self::Answering {
        let server = self.0.clone();
        let (caller, span) = limits::named(&server, &request);
        DefaultBodyLimit::max(MAX_FORM).apply(&mut request);
        let answering = async move {
            let response = answer(&server, request).await;
            Ok(limits::counted(&server, &caller, Some(PATH), response).await)
        };
        Box::pin(answering.instrument(span))
    }
}

async fn answer(server: &AuthServer, request: Request) -> Response {
    match ClientAuth::from_request(request, server).await {
        Ok(auth) => introspect::post(State(server.clone()), auth).await.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
