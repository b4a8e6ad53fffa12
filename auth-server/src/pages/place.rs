//! Where the pages are: below the path of the issuer, which their links and forms have to name.
//!
//! Pages are made in many places, errors among them that know nothing of the server. So the path is
//! known wherever a request is worked on, as its name is.

use std::{future::Future, sync::Arc};

tokio::task_local! {
    static PATH: Arc<str>;
}

/// What a browser calls an address of ours: `path` below the path of the issuer.
pub(crate) fn local(path: &str) -> String {
    PATH.try_with(|base| [base, path].concat()).unwrap_or_else(|_| path.to_owned())
}

/// Work whose pages are below this path.
pub(crate) fn shown_below<F: Future>(path: Arc<str>, work: F) -> impl Future<Output = F::Output> {
    PATH.scope(path, work)
}
