//! The introspection endpoint as its answers show it: whether it is there, and whether it knows us.
//!
//! Anybody can show a token, and what an endpoint makes of a strange one may look like an outage, or
//! like a rejection of our credentials. So a token that nobody has is asked about before either is
//! believed: what is answered to that is about the endpoint and us, and about no caller.

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Secret};
use chassis::Lifecycle;
use futures_util::FutureExt as _;
use url::Url;

use super::{
    acceptance::Acceptance,
    breaker::Breaker,
    introspect::{Answer, Introspector},
    validator::{Failure, RETRY_AFTER},
};
use crate::{config::ClientAuth, metrics::McpMetrics};

/// A token that nobody has.
pub(super) const NOBODYS: &str = "trial-by-mcp-server";

/// Where it is, and how we say there who we are.
pub(super) type At<'a> = (&'a Url, ClientAuth);

/// What a caller's token makes us ask about the one that nobody has.
#[derive(Clone, Copy)]
enum Doubt {
    /// Our credentials seem to be rejected.
    Credentials,
    /// The endpoint seems not to be there.
    Endpoint,
}

/// Asks, and remembers how that went.
pub(super) struct Endpoint {
    introspector: Introspector,
    breaker: Breaker,
    clock: Clock,
    lifecycle: Lifecycle,
    acceptance: Acceptance,
    metrics: McpMetrics,
}

impl Endpoint {
    pub(super) fn new(
        introspector: Introspector,
        lifecycle: &Lifecycle,
        metrics: McpMetrics,
    ) -> Arc<Self> {
        let (clock, lifecycle) = (introspector.clock.clone(), lifecycle.clone());
        let (breaker, acceptance) = (Breaker::new(clock.clone()), Acceptance::default());
        Arc::new(Self { introspector, breaker, clock, lifecycle, acceptance, metrics })
    }

    /// Whether our own credentials were rejected the last time they were used.
    pub(super) fn is_rejected(&self) -> bool {
        self.acceptance.is_rejected()
    }

    /// Whether questions go unasked for now.
    pub(super) fn is_resting(&self) -> bool {
        self.breaker.is_closed()
    }

    /// What it says of a caller's token.
    pub(super) async fn ask(
        self: &Arc<Self>,
        at: At<'_>,
        token: &Secret,
    ) -> Result<Answer, Failure> {
        self.breaker.admit().map_err(Failure::Outage)?;
        let watch = self.clock.stopwatch();
        let answer = self.introspector.ask(at.0, at.1, token).await;
        self.metrics.introspected(outcome(&answer), watch.elapsed());
        match &answer {
            Answer::Claims(_) | Answer::Refused | Answer::Unsupported => {
                self.answered(at);
                return Ok(answer);
            }
            Answer::BadCredentials => {
                self.find_out(at, Doubt::Credentials).await;
                return Err(Failure::Refused(RETRY_AFTER));
            }
            Answer::TooMany(rest) => {
                self.left_alone(*rest);
                return Err(Failure::Outage(*rest));
            }
            // It may be about this token, and it may be about all of them: the one that nobody has tells.
            Answer::Outage(reason) => {
                tracing::error!(reason, "introspection failed");
                if self.breaker.failed() {
                    self.find_out(at, Doubt::Endpoint).await;
                }
            }
        }
        Err(Failure::Outage(RETRY_AFTER))
    }

    /// Asks about a token that nobody has, and tells why that is not answered.
    pub(super) async fn try_out(&self, at: At<'_>) -> Result<(), String> {
        const LIMITED: &str = "it is asked too much (429)";

        if self.breaker.is_asked_to_rest() {
            return Err(LIMITED.to_owned());
        }
        let answer = self.about_nobody(at).await;
        self.heard(at, &answer);
        match answer {
            Answer::Claims(_) | Answer::Unsupported => Ok(()),
            // It is there, and may be one that is asked about no token at all.
            Answer::Refused => Err("it refuses to answer for a token that nobody has (400); see \
                                    MCP_AUTH_INTROSPECTION_URL"
                .to_owned()),
            Answer::BadCredentials => Err("it rejects our own credentials".to_owned()),
            Answer::TooMany(_) => Err(LIMITED.to_owned()),
            Answer::Outage(reason) => Err(reason),
        }
    }

    async fn about_nobody(&self, (endpoint, method): At<'_>) -> Answer {
        self.introspector.ask(endpoint, method, &Secret::new(NOBODYS)).await
    }

    /// Waits for what comes of a doubt. It is not dropped with the caller who had to meet it: those
    /// after him would each begin again, and one who leaves in time could keep it from ever ending.
    async fn find_out(self: &Arc<Self>, (endpoint, method): At<'_>, doubt: Doubt) {
        let (this, endpoint) = (Arc::clone(self), endpoint.clone());
        let finding = async move {
            let at = (&endpoint, method);
            match doubt {
                Doubt::Credentials => this.doubt_credentials(at).await,
                Doubt::Endpoint => this.doubt(at).await,
            }
        };
        let finding = finding.boxed().shared();
        let (beside, stopping) = (finding.clone(), self.lifecycle.stopping());
        self.lifecycle.spawn(async move {
            tokio::select! {
                () = beside => {}
                () = stopping => {}
            }
        });
        finding.await;
    }

    /// A question about a caller's token was answered as if our credentials were wrong. Firewalls do so
    /// for a text that they do not like, and then it is not about us.
    async fn doubt_credentials(&self, at: At<'_>) {
        if self.is_rejected() {
            return self.reject(at);
        }
        let answer = self.about_nobody(at).await;
        if matches!(answer, Answer::Claims(_) | Answer::Refused | Answer::Unsupported) {
            tracing::warn!(
                "a question about one token is rejected (401 or 403), and others are not"
            );
        }
        if !self.heard(at, &answer) && self.breaker.failed() {
            self.breaker.close();
        }
    }

    /// Questions about callers' tokens fail one after the other: because of these tokens, or because of
    /// the endpoint.
    async fn doubt(&self, at: At<'_>) {
        let answer = self.about_nobody(at).await;
        if !self.heard(at, &answer) {
            self.breaker.close();
        }
    }

    /// What an answer says of the endpoint and of us; false if it says nothing.
    fn heard(&self, at: At<'_>, answer: &Answer) -> bool {
        match answer {
            Answer::Claims(_) | Answer::Refused | Answer::Unsupported => self.answered(at),
            Answer::BadCredentials => self.reject(at),
            Answer::TooMany(rest) => self.left_alone(*rest),
            Answer::Outage(_) => return false,
        }
        true
    }

    /// From now on this is asked, or nothing.
    pub(super) fn turn_to(&self, at: Option<At<'_>>) {
        self.acceptance.turn_to(at);
    }

    fn answered(&self, at: At<'_>) {
        self.breaker.succeeded();
        if self.acceptance.accept(at) {
            tracing::info!("our own credentials are accepted again");
        }
    }

    fn left_alone(&self, rest: Duration) {
        self.breaker.rest(rest);
        tracing::error!(seconds = rest.as_secs(), "introspection is limited (429)");
    }

    fn reject(&self, at: At<'_>) {
        if !self.acceptance.reject(at) {
            return;
        }
        if self.breaker.failed() {
            self.breaker.close();
        }
        tracing::error!(
            "the introspection endpoint rejects our own credentials: no token can be checked; see \
             MCP_AUTH_CLIENT_ID, MCP_AUTH_CLIENT_SECRET and MCP_AUTH_CLIENT_AUTH"
        );
    }
}

/// What metrics call an answer.
fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Claims(claims) if claims.is_active() => "active",
        Answer::Claims(_) | Answer::Refused | Answer::Unsupported => "inactive",
        Answer::BadCredentials | Answer::TooMany(_) | Answer::Outage(_) => "error",
    }
}
