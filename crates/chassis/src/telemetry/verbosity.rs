//! What is logged, changed while the process runs: `/log` beside the metrics, for this machine only.
//!
//! A fault that shows once a week is gone after a restart. Decision 0043 says why it is an address and
//! not a signal.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{StatusCode, header};
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, reload};

use super::{TelemetryError, parse};
use crate::names_this_machine;

/// The longest filter, in bytes.
const LONGEST: usize = 4096;

/// The filter of a process that logs. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub(super) struct Verbosity(Arc<Mutex<Option<Running>>>);

struct Running {
    handle: reload::Handle<EnvFilter, Registry>,
    /// As it is now, and as it was at the start.
    now: String,
    first: String,
}

impl Verbosity {
    /// The filter that a subscriber is to use, and that can be changed from then on.
    pub(super) fn begin(
        &self,
        filter: &str,
    ) -> Result<reload::Layer<EnvFilter, Registry>, TelemetryError> {
        let (layer, handle) = reload::Layer::new(parse(filter)?);
        let (now, first) = (filter.to_owned(), filter.to_owned());
        self.with(|running| *running = Some(Running { handle, now, first }));
        Ok(layer)
    }

    /// `/log`.
    pub(super) fn router(&self) -> Router {
        let verbs = get(now).put(change).delete(restore);
        Router::new()
            .route("/log", verbs)
            .layer(DefaultBodyLimit::max(LONGEST))
            .layer(middleware::from_fn(from_here))
            .with_state(self.clone())
    }

    fn now(&self) -> Option<String> {
        self.with(|running| running.as_ref().map(|running| running.now.clone()))
    }

    /// Another filter from now on, or that of the start; gives which.
    pub(super) fn change(&self, filter: Option<&str>) -> Result<String, String> {
        self.with(|running| {
            let running = running.as_mut().ok_or("nothing is logged by this process")?;
            let filter = filter.map_or_else(|| running.first.clone(), str::to_owned);
            let parsed = parse(&filter).map_err(|error| error.to_string())?;
            // Before the change: the new filter may let nothing through.
            tracing::warn!(filter, before = running.now, "what is logged is changed");
            running.handle.reload(parsed).map_err(|error| error.to_string())?;
            running.now.clone_from(&filter);
            Ok(filter)
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Option<Running>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Verbosity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verbosity").field(&self.now()).finish()
    }
}

/// Lets through what was written for this machine, and no page of a browser: pages say where they come
/// from, and one that points its own name at this machine is known by the name.
async fn from_here(request: Request, next: Next) -> Response {
    if is_for_here(&request) && !request.headers().contains_key(header::ORIGIN) {
        return next.run(request).await;
    }
    let words = "what is logged is changed from this machine, and by no page of a browser\n";
    (StatusCode::FORBIDDEN, words).into_response()
}

fn is_for_here(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter();
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    // What cannot be read is no name of this machine.
    let hosts: Vec<_> = hosts.map(|host| host.to_str().unwrap_or("")).chain(target).collect();
    !hosts.is_empty() && hosts.into_iter().all(names_this_machine)
}

/// `GET /log`.
async fn now(State(verbosity): State<Verbosity>) -> Response {
    answered(verbosity.now().ok_or_else(|| "nothing is logged by this process".to_owned()))
}

/// `PUT /log`.
async fn change(State(verbosity): State<Verbosity>, filter: String) -> Response {
    let filter = filter.trim();
    if filter.is_empty() {
        return answered(Err("write a filter, as `info,mcp_server=debug`".to_owned()));
    }
    if let Some(word) = misspelt(filter) {
        return answered(Err(format!("`{word}` is no level; for a target, write `{word}=trace`")));
    }
    answered(verbosity.change(Some(filter)))
}

/// A word by itself that is no level. It would be a target, and all others would be silent: nobody means
/// that, and many mistype a level.
fn misspelt(filter: &str) -> Option<&str> {
    let is_word = !filter.contains(['=', ',', '[']);
    (is_word && filter.parse::<LevelFilter>().is_err()).then_some(filter)
}

/// `DELETE /log`.
async fn restore(State(verbosity): State<Verbosity>) -> Response {
    answered(verbosity.change(None))
}

fn answered(filter: Result<String, String>) -> Response {
    let (status, text) = match filter {
        Ok(filter) => (StatusCode::OK, filter),
        Err(problem) => (StatusCode::BAD_REQUEST, problem),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], text + "\n").into_response()
}
