//! Faults on demand, for people who test clients: whoever may reach `/debug/faults` says what goes
//! wrong next, and it does (decision 0054).
//!
//! Nothing of this exists in a server whose operator has not set `MCP_FAULTS`: no route, no layer.
//! What every HTTP service can get wrong is here; a server adds faults of its own by asking
//! [`Aim::take`] where they fit.

mod broken;
mod control;
mod inject;
mod plan;
mod settings;

use std::sync::{Arc, Mutex, PoisonError};

use ambient::Clock;
use axum::{Router, middleware, response::Response};
use http::{HeaderName, HeaderValue};

use self::plan::{Plan, Seen};
pub use self::settings::FaultSettings;

/// A name and what it does, in a sentence.
pub type Described = (&'static str, &'static str);

/// What every server can get wrong.
const COMMON: [Described; 8] = [
    ("delay", "The request waits for `milliseconds` before anybody looks at it."),
    ("status", "It is answered `status`, 503 if none is given, with `Retry-After: retry_after`."),
    (
        "redirect",
        "It is redirected (308) to `location`, or to its own path with a slash at the end.",
    ),
    ("lose_answer", "It is done, and the answer is lost: 502, as if a proxy had given up."),
    ("garble", "The answer has its status and its headers, and a body that is no JSON."),
    ("cut_stream", "The connection breaks after `after_events` events of the stream."),
    ("end_stream", "The stream ends orderly after `after_events` events, without its answer."),
    ("stall_stream", "After `after_events` events nothing comes any more, not even comments."),
];

/// The most that is planned at one time.
const MAX_PLANS: usize = 64;

/// What is to go wrong. Cheap to clone.
#[derive(Clone)]
pub struct Faults(Arc<Inner>);

struct Inner {
    own: &'static [Described],
    /// Where a fault happens if its plan does not say.
    path: Option<&'static str>,
    session: Option<HeaderName>,
    clock: Clock,
    plans: Mutex<Vec<Plan>>,
}

impl Faults {
    /// None yet. `own` are those that the server adds. A plan without a path is about `path`, or
    /// about everything; `session` is the header that a plan's session is compared with.
    #[must_use]
    pub fn new(
        own: &'static [Described],
        path: Option<&'static str>,
        session: Option<HeaderName>,
        clock: Clock,
    ) -> Self {
        tracing::warn!(
            "MCP_FAULTS is on: whoever reaches /debug/faults can break this server on purpose"
        );
        Self(Arc::new(Inner { own, path, session, clock, plans: Mutex::default() }))
    }

    /// Lets them happen to what `router` has so far.
    pub fn around<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        router.layer(middleware::from_fn_with_state(self.clone(), inject::inject))
    }

    /// `/debug/faults`.
    pub fn router<S>(&self) -> Router<S> {
        control::router(self)
    }

    fn described(&self) -> impl Iterator<Item = Described> {
        COMMON.into_iter().chain(self.0.own.iter().copied())
    }

    fn with_plans<T>(&self, act: impl FnOnce(&mut Vec<Plan>) -> T) -> T {
        act(&mut self.0.plans.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the next fault of this name that fits, and counts it as used.
    fn take(&self, name: &str, seen: &Seen) -> Option<Plan> {
        let plan = self.with_plans(|plans| {
            let index = plans.iter().position(|plan| plan.fits(name, seen))?;
            let is_due = plans[index].count();
            let plan = plans[index].clone();
            if plan.is_used_up() {
                plans.remove(index);
            }
            is_due.then_some(plan)
        })?;
        tracing::warn!(fault = name, url.path = seen.path, "a fault happens that was asked for");
        Some(plan)
    }
}

/// What is planned for one request: in its extensions while faults are on.
#[derive(Clone)]
pub struct Aim {
    faults: Faults,
    seen: Arc<Seen>,
}

impl Aim {
    /// Whether this fault happens now. Asking uses it up.
    #[must_use]
    pub fn take(&self, name: &str) -> bool {
        self.plan(name).is_some()
    }

    fn plan(&self, name: &str) -> Option<Plan> {
        self.faults.take(name, &self.seen)
    }
}

/// Says in the answer that it is a fault's doing, so that nobody looks for a bug.
pub fn mark(response: &mut Response, name: &'static str) {
    let value = HeaderValue::from_static(name);
    response.headers_mut().append(HeaderName::from_static("x-fault"), value);
}
