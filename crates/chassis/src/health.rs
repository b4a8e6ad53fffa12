//! `/livez`: the process turns its event loop. `/readyz`: it should be sent requests.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::{Clock, Timestamp};
use axum::{
    Json, Router,
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::{Lifecycle, telemetry::Metrics};

/// How long a check may take, together with all others.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a check may take that counts for a while, so that the whole answer is in time.
const LATELY_TIMEOUT: Duration = Duration::from_millis(900);

/// How often such a check is made.
const BEAT: Duration = Duration::from_millis(1500);

/// How long the success of such a check counts.
const LATELY: Duration = Duration::from_secs(5);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The checks that decide whether a process is ready.
///
/// Readiness follows what an instance cannot work without (its store), never what only some
/// requests need: an outage of the authorization server must not take every instance out.
#[derive(Clone)]
pub struct Health {
    lifecycle: Lifecycle,
    clock: Clock,
    checks: Vec<(&'static str, Check)>,
}

impl Health {
    /// No checks: ready until `lifecycle` is asked to end.
    #[must_use]
    pub fn new(lifecycle: &Lifecycle) -> Self {
        Self { clock: lifecycle.clock(), lifecycle: lifecycle.clone(), checks: Vec::new() }
    }

    /// Adds a check that must succeed. The text of its error is shown to whoever asks, under
    /// `name`; it must hold no secret.
    #[must_use]
    pub fn add<C, F, E>(mut self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let check: Check = Arc::new(move || {
            let outcome = check();
            Box::pin(async move { outcome.await.map_err(|error| error.to_string()) })
        });
        self.checks.push((name, check));
        self
    }

    /// Adds a check that must have succeeded within the last five seconds, as [`add`](Self::add) does
    /// with one that must succeed now: what is away for a moment is no reason to send nothing here. It
    /// is looked at beside all probes, which may come seldom, until the process ends.
    ///
    /// # Panics
    /// Outside a runtime.
    #[must_use]
    pub fn add_lately<C, F, E>(self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let lately =
            Arc::new(Lately { clock: self.clock.clone(), check, succeeded: Mutex::default() });
        let (beat, stopping) = (Arc::clone(&lately), self.lifecycle.stopping());
        self.lifecycle.spawn(async move {
            tokio::select! {
                () = beat.beat() => {}
                () = stopping => {}
            }
        });
        self.add(name, move || {
            let lately = Arc::clone(&lately);
            async move { lately.has_succeeded().await }
        })
    }

    /// Tells readiness among the metrics of `server` as well, if there are metrics: orchestrators
    /// take out what is not ready and say so to nobody.
    #[must_use]
    pub fn measured(self, metrics: Option<&Metrics>, server: &'static str) -> Self {
        let Some(metrics) = metrics else { return self };
        let is_ready = Arc::new(AtomicBool::new(false));
        let (health, found) = (self.clone(), Arc::clone(&is_ready));
        metrics
            .meter(server)
            .u64_observable_gauge("server.ready")
            .with_description("1 while requests should be sent here, as /readyz says, 0 otherwise")
            .with_callback(move |gauge| {
                gauge.observe(is_ready.load(Ordering::Relaxed).into(), &[]);
            })
            .build();
        metrics.before_scrape(move || {
            let (health, found) = (health.clone(), Arc::clone(&found));
            Box::pin(async move {
                let is_ready = !health.lifecycle.is_leaving() && health.failures().await.is_empty();
                found.store(is_ready, Ordering::Relaxed);
            })
        });
        self
    }

    /// `GET /livez` and `GET /readyz`.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let ready = move || {
            let health = self.clone();
            async move { health.readiness().await }
        };
        Router::new()
            .route("/livez", get(async || answer(StatusCode::OK, json!({ "status": "alive" }))))
            .route("/readyz", get(ready))
    }

    async fn readiness(&self) -> Response {
        if self.lifecycle.is_leaving() {
            return answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "draining" }));
        }
        let reasons = self.failures().await;
        if reasons.is_empty() {
            answer(StatusCode::OK, json!({ "status": "ready" }))
        } else {
            let body = json!({ "status": "not_ready", "reasons": reasons });
            answer(StatusCode::SERVICE_UNAVAILABLE, body)
        }
    }

    /// The checks that fail, and why.
    async fn failures(&self) -> Map<String, Value> {
        let outcomes = self.checks.iter().map(async |(name, check)| {
            let outcome = self.clock.timeout(CHECK_TIMEOUT, check()).await;
            let reason = outcome.unwrap_or_else(|_| Err(no_answer_within(CHECK_TIMEOUT))).err()?;
            Some(((*name).to_owned(), Value::String(reason)))
        });
        join_all(outcomes).await.into_iter().flatten().collect()
    }
}

/// A check whose success counts for a while.
struct Lately<C> {
    clock: Clock,
    check: C,
    /// When the last check began that has succeeded.
    succeeded: Mutex<Option<Timestamp>>,
}

impl<C, F, E> Lately<C>
where
    C: Fn() -> F,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    /// Never ends by itself.
    async fn beat(&self) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(error, "a check of readiness has failed");
            }
            self.clock.sleep(BEAT).await;
        }
    }

    async fn has_succeeded(&self) -> Result<(), String> {
        let last = *self.succeeded();
        match last {
            Some(last) if self.clock.now() < last + LATELY => Ok(()),
            _ => self.look().await,
        }
    }

    async fn look(&self) -> Result<(), String> {
        let now = self.clock.now();
        let outcome = self.clock.timeout(LATELY_TIMEOUT, (self.check)()).await;
        let outcome = outcome.map_err(|_| no_answer_within(LATELY_TIMEOUT))?;
        outcome.map_err(|error| error.to_string())?;
        *self.succeeded() = Some(now);
        Ok(())
    }

    fn succeeded(&self) -> MutexGuard<'_, Option<Timestamp>> {
        // What it guards is whole at every moment.
        self.succeeded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_answer_within(time: Duration) -> String {
    format!("no answer within {} ms", time.as_millis())
}

fn answer(status: StatusCode, body: Value) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, no_store, Json(body)).into_response()
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}
