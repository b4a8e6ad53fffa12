//! The addresses that the mock login had in the projects before this one. They lead to what is there
//! now, with all that was asked; what it is worth is checked where it arrives.

use axum::{
    Router,
    extract::{RawQuery, State},
    response::Response,
    routing::get,
};

use super::answer::see_other;
use crate::{AuthServer, idp, upstream};

/// The addresses, for a server that has the mock.
pub(super) fn router() -> Router<AuthServer> {
    Router::new()
        .route("/fakeupstreamauth/authorize", get(authorize))
        .route("/fakeupstreamauth/redirect", get(callback))
        .route(&format!("{}/callback", idp::PATH), get(callback))
}

/// Where somebody logged in.
async fn authorize(State(server): State<AuthServer>, RawQuery(query): RawQuery) -> Response {
    let address = server.issuer().local(&format!("{}/authorize", idp::PATH));
    moved(&address, query.as_deref())
}

/// Where the way back led: today's page takes an answer to a question that was asked, from the
/// browser that asked it, and nobody's word about who has logged in.
async fn callback(State(server): State<AuthServer>, RawQuery(query): RawQuery) -> Response {
    moved(&upstream::mock_callback(server.issuer()), query.as_deref())
}

fn moved(address: &str, query: Option<&str>) -> Response {
    match query {
        Some(query) => see_other(&format!("{address}?{query}")),
        None => see_other(address),
    }
}
