//! Pages whose `GET` does something, as OAuth has it. Who only looks whether they are there (`HEAD`), as
//! scanners of links in mail do, must not: the handler of `GET` would answer.

use axum::{
    handler::Handler,
    routing::{MethodRouter, get, post},
};
use http::{StatusCode, header};

use super::wrong_method;
use crate::AuthServer;

/// One method of a page, and its name.
pub(super) struct Method(&'static str, MethodRouter<AuthServer>);

/// `GET`.
pub(super) fn by_get<H: Handler<T, AuthServer>, T: 'static>(handler: H) -> Method {
    Method("GET", get(handler))
}

/// `POST`.
pub(super) fn by_post<H: Handler<T, AuthServer>, T: 'static>(handler: H) -> Method {
    Method("POST", post(handler))
}

/// A page that has these methods and no others: not `HEAD` either.
pub(super) fn without_head<const N: usize>(methods: [Method; N]) -> MethodRouter<AuthServer> {
    let allowed = methods.each_ref().map(|Method(name, _)| *name).join(", ");
    let allowed = [(header::ALLOW, allowed)];
    let page = methods.into_iter().fold(MethodRouter::new(), |page, Method(_, it)| page.merge(it));
    let head = (StatusCode::METHOD_NOT_ALLOWED, allowed.clone());
    page.head(async move || head).fallback(async move || (allowed, wrong_method().await))
}
