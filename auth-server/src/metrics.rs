//! The instruments of this server.
//!
//! No label is a caller's choice: grants, errors and outcomes are those of the specifications.
//! Clients, users and tokens are never labels.

use std::sync::Arc;

use ambient::Clock;
use chassis::telemetry::{Metrics, http::HttpMetrics};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};

/// The name of the instruments' scope.
pub(crate) const SCOPE: &str = "auth-server";

/// The instruments, if anything is measured. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthMetrics(Option<Arc<Instruments>>);

#[derive(Debug)]
struct Instruments {
    http: HttpMetrics,
    tokens_issued: Counter<u64>,
    grant_errors: Counter<u64>,
    code_replays: Counter<u64>,
    refresh_reuses: Counter<u64>,
    clients_registered: Counter<u64>,
    introspections: Counter<u64>,
    revocations: Counter<u64>,
    consents: Counter<u64>,
    logins: Counter<u64>,
}

/// What a grant came to, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redeemed {
    /// Tokens.
    Issued,
    /// An error, by its code.
    Refused(&'static str),
    /// An error: the code had been redeemed before.
    Replayed,
    /// An error: the refresh token had been redeemed before.
    Reused,
}

impl AuthMetrics {
    /// Makes them, if anything is measured. `https` is whether the public URL is that.
    pub(crate) fn new(metrics: Option<&Metrics>, https: bool, clock: &Clock) -> Self {
        let instruments = |metrics: &Metrics| Instruments::new(&metrics.meter(SCOPE), https, clock);
        Self(metrics.map(|metrics| Arc::new(instruments(metrics))))
    }

    /// What measures requests.
    pub(crate) fn http(&self) -> Option<HttpMetrics> {
        self.0.as_ref().map(|to| to.http.clone())
    }

    /// A code or a token was redeemed, or was not.
    pub(crate) fn redeemed(&self, grant: &'static str, came_to: Redeemed) {
        let Some(to) = &self.0 else { return };
        let grant = KeyValue::new("grant", grant);
        let error = match came_to {
            Redeemed::Issued => return to.tokens_issued.add(1, &[grant]),
            Redeemed::Refused(error) => error,
            Redeemed::Replayed => {
                to.code_replays.add(1, &[]);
                "invalid_grant"
            }
            Redeemed::Reused => {
                to.refresh_reuses.add(1, &[]);
                "invalid_grant"
            }
        };
        to.grant_errors.add(1, &[grant, KeyValue::new("error", error)]);
    }

    /// A client has registered.
    pub(crate) fn registered(&self) {
        if let Some(to) = &self.0 {
            to.clients_registered.add(1, &[]);
        }
    }

    /// Somebody asked about a token: it is `active`, `inactive`, or that could not be told (`error`).
    pub(crate) fn introspected(&self, outcome: &'static str) {
        if let Some(to) = &self.0 {
            to.introspections.add(1, &[KeyValue::new("outcome", outcome)]);
        }
    }

    /// A client has given a token back.
    pub(crate) fn revoked(&self) {
        if let Some(to) = &self.0 {
            to.revocations.add(1, &[]);
        }
    }

    /// A user has decided: `approve` or `deny`.
    pub(crate) fn consented(&self, decision: &'static str) {
        if let Some(to) = &self.0 {
            to.consents.add(1, &[KeyValue::new("decision", decision)]);
        }
    }

    /// A login ended: `success`, `failure`, `refused` or `cancelled`.
    pub(crate) fn login(&self, outcome: &'static str) {
        if let Some(to) = &self.0 {
            to.logins.add(1, &[KeyValue::new("outcome", outcome)]);
        }
    }
}

impl Instruments {
    fn new(meter: &Meter, https: bool, clock: &Clock) -> Self {
        let counter = |name, meaning| meter.u64_counter(name).with_description(meaning).build();
        Self {
            http: HttpMetrics::new(meter, https, clock.clone()),
            tokens_issued: counter("oauth.tokens.issued", "Answers with tokens, by grant"),
            grant_errors: counter("oauth.grant.errors", "Grants refused, by grant and error"),
            code_replays: counter("oauth.code.replay", "Codes that were shown a second time"),
            refresh_reuses: counter(
                "oauth.refresh.reuse",
                "Refresh tokens that were shown a second time",
            ),
            clients_registered: counter("oauth.clients.registered", "Registrations"),
            introspections: counter("oauth.introspections", "Questions about a token, by outcome"),
            revocations: counter("oauth.revocations", "Tokens given back, known or not"),
            consents: counter("oauth.consents", "Decisions of users, by decision"),
            logins: counter("oauth.logins", "Logins at the identity provider, by outcome"),
        }
        .counting_from_zero()
    }

    /// What is counted is there from the start: a rate needs a value before the first event.
    fn counting_from_zero(self) -> Self {
        for alone in
            [&self.code_replays, &self.refresh_reuses, &self.clients_registered, &self.revocations]
        {
            alone.add(0, &[]);
        }
        for grant in [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "device_code",
            "jwt_bearer",
        ] {
            self.tokens_issued.add(0, &[KeyValue::new("grant", grant)]);
            let error = KeyValue::new("error", "invalid_grant");
            self.grant_errors.add(0, &[KeyValue::new("grant", grant), error]);
        }
        for (counter, label, values) in [
            (&self.introspections, "outcome", ["active", "inactive", "error"].as_slice()),
            (&self.logins, "outcome", &["success", "failure", "refused", "cancelled"]),
            (&self.consents, "decision", &["approve", "deny"]),
        ] {
            for value in values {
                counter.add(0, &[KeyValue::new(label, *value)]);
            }
        }
        self
    }
}
