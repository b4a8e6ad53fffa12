//! On the user's own machine, pages are there under the names of that machine only.
//!
//! Somebody can point a name of theirs at it (DNS rebinding). To a browser our pages are then pages of
//! that name, and its scripts may read them. Behind a public name there is nothing to be gained by it.

use ambient::values::BaseUrl;
use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use chassis::{Around, Begun, names_this_machine};
use http::{StatusCode, header, uri::Authority};

use crate::{
    AuthServer,
    pages::{ErrorPage, page},
};

/// Refuses what a browser asks of another name.
#[derive(Clone)]
pub(super) struct OwnNames {
    is_local: bool,
}

impl OwnNames {
    pub(super) fn of(server: &AuthServer) -> Self {
        let issuer: Result<BaseUrl, _> = server.issuer().as_str().parse();
        Self { is_local: issuer.is_ok_and(|issuer| issuer.is_loopback()) }
    }
}

impl Around for OwnNames {
    type Kept = ();

    fn before(&self, request: &mut Request) -> Begun<()> {
        let named = request.headers().get_all(header::HOST).iter();
        let named = named.map(|host| host.to_str().unwrap_or_default());
        let target = request.uri().authority().map(Authority::as_str);
        if !self.is_local || named.chain(target).all(names_this_machine) {
            return Begun::with(());
        }
        tracing::warn!("a page was asked for under a name that is not of this machine");
        let shown = ErrorPage::new(
            "This page is not there under this name",
            "This server runs on your own computer. Open it as localhost.",
        );
        Begun::refused((), page(StatusCode::FORBIDDEN, &shown).into_response())
    }

    fn after((): (), response: Response) -> Response {
        response
    }
}
