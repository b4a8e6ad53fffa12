//! `POST /mcp` of clients that are no pages of a browser: almost every request, and so the one that
//! goes past the router (decision 0035). What is around it there is around it here, in the same order.

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Answered, App, Around as _, Dress, Serve};
use futures_util::future::BoxFuture;
use http::{Method, header};

use super::{endpoint, guard, observed};
use crate::{Server, auth, config::ENDPOINT};

/// Gives `app` the shortcut; not where faults may be asked for, which happen in the router.
pub(super) fn around(app: App, server: &Server, clothes: &Dress) -> App {
    if server.config().faults.is_on {
        return app;
    }
    let guarded = guard::Check::pages(server).and(observed::Observe(server.clone()));
    let guarded = guarded.around(Endpoint(server.clone()));
    app.with_shortcut(ENDPOINT, is_plain, guarded, clothes)
}

/// A page says its origin, and its answers have headers of their own (CORS).
fn is_plain(request: &Request) -> bool {
    *request.method() == Method::POST
        && request.uri().path() == ENDPOINT
        && !request.headers().contains_key(header::ORIGIN)
}

/// The endpoint.
struct Endpoint(Server);

impl Serve for Endpoint {
    type Answering = BoxFuture<'static, Answered>;

    fn serve(&self, request: Request) -> Self::Answering {
        let server = self.0.clone();
        Box::pin(async move {
            let answer = async |caller, request| -> Response {
                endpoint::message(&server, caller, request).await.into_response()
            };
            Ok(auth::admitted(&server, request, answer).await)
        })
    }
}
