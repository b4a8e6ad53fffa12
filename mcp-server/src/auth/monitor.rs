//! Looks after the authorization server: closes when it is gone, opens when it is back.
//!
//! Requests never do this: while it is closed they are answered at once. A probe a second finds out
//! when that ends at a server of our own, and probes more and more seldom at any other. A connection
//! that is only held says at once when a server ends (decision 0060). What tokens are checked with is
//! tried too, our own credentials and the issuer's keys, so that an instance whose are wrong is not
//! ready (decision 0080).

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Entropy};
use url::Url;

use super::{
    availability::{Availability, Watch},
    discovery::{self, AuthorizationServer, DiscoveryError, Way},
    doubts,
    line::{End, Line},
    outbound::{LONGEST_REST, Outbound},
    patience::{EAGER, Patience},
    validator::Validator,
};
use crate::{
    config::{AuthSettings, Discovery},
    flow::Flow,
};

/// How often a server is looked at that answers and is of no use, at least.
const CALM: Duration = Duration::from_secs(10);

/// A server that is looked at less often than this is somebody else's, behind machines whose
/// connections say nothing of it: none is held, and it is given time when it does not answer.
const NEAR: Duration = Duration::from_mins(1);

/// A look that fails sooner is repeated at once before anybody is refused for it. Who is silent for
/// longer is not asked to be so again.
const BLIP: Duration = Duration::from_secs(1);

/// Why somebody looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// It is time.
    Due,
    /// A check has failed.
    Doubt,
    /// The held connection has ended.
    Hangup(End),
}

pub(super) struct Monitor {
    pub(super) settings: AuthSettings,
    pub(super) outbound: Outbound,
    pub(super) validator: Arc<Validator>,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) watch: Watch,
    pub(super) flow: Flow,
}

impl Monitor {
    /// Never ends by itself.
    pub(super) async fn run(self) {
        let mut line = Line::to(self.near(), self.clock.clone());
        let mut patience = Patience::new(self.calm() <= NEAR, self.calm(), self.entropy.clone());
        let mut cause = Cause::Due;
        loop {
            let mut pause = self.look(cause, &mut patience).await;
            if !self.is_asked() {
                line.give_up();
            } else if cause != Cause::Hangup(End::Mute) {
                line.restore().await;
            }
            if cause != Cause::Due {
                // Checks may fail by the thousand while the metadata is fine.
                self.clock.sleep(EAGER).await;
                pause = pause.saturating_sub(EAGER);
            }
            cause = tokio::select! {
                biased;
                () = self.watch.doubted() => Cause::Doubt,
                end = line.ended() => Cause::Hangup(end),
                () = self.clock.sleep(pause) => Cause::Due,
            };
        }
    }

    /// Where the metadata is, if that is a server whose connections say how it is. Those of https end
    /// at a proxy, as a rule.
    fn near(&self) -> Option<Url> {
        let url = match &self.settings.discovery {
            Discovery::Off => None,
            Discovery::At(url) => Some(url.clone()),
            Discovery::WellKnown => {
                discovery::well_known(&self.settings.issuer)?.into_iter().next()
            }
        };
        url.filter(|url| url.scheme() == "http" && self.calm() <= NEAR)
    }

    /// Whether tokens are asked about there, so that nothing can be checked without it.
    fn is_asked(&self) -> bool {
        self.watch.open().is_some_and(|server| !matches!(server.way, Way::Jwt { .. }))
    }

    async fn look(&self, cause: Cause, patience: &mut Patience) -> Duration {
        let issuer = &self.settings.issuer;
        match self.fetch(cause).await {
            Ok(server) => self.found(Arc::new(server), patience).await,
            Err(why @ DiscoveryError::TooMany(rest)) => {
                // While nothing is known, nothing could be checked yet or our credentials are
                // rejected, nobody is let in.
                let works = self.watch.is_known()
                    && self.validator.has_worked()
                    && !self.validator.is_rejected();
                let rest = if works { rest } else { rest.min(LONGEST_REST) };
                self.watch.found_busy();
                tracing::warn!(%issuer, %why, "what is known of the authorization server holds");
                // Checks may fail meanwhile: that is no reason to ask for more.
                self.clock.sleep(rest).await;
                Duration::ZERO
            }
            Err(why) if why.is_final() => {
                let why = Arc::new(why);
                if self.watch.found(Availability::Unusable(Arc::clone(&why))) {
                    self.flow.tell("can check no token with this authorization server", true);
                    tracing::error!(%issuer, %why, "degraded: no token can be checked");
                }
                CALM
            }
            Err(why) => {
                if self.watch.found(Availability::Closed(self.last())) {
                    self.flow.tell("does not reach the authorization server: 503", true);
                    tracing::error!(%issuer, %why, "degraded: the authorization server is away");
                }
                patience.spent()
            }
        }
    }

    /// It answers: what it offers is tried before the first caller comes. So wrong credentials and
    /// places are noticed, and right ones although nobody is sent to an instance that is not ready.
    async fn found(&self, server: Arc<AuthorizationServer>, patience: &mut Patience) -> Duration {
        let open = || Availability::Open(Arc::clone(&server));
        let last = self.watch.last();
        let changes = last.is_some_and(|last| last.way != server.way);
        let opens = self.watch.found(open());
        let issuer = &self.settings.issuer;
        if opens {
            self.flow.tell("reaches the authorization server", false);
            tracing::info!(%issuer, "the authorization server answers");
        }
        if changes {
            tracing::warn!(%issuer, way = %server.way, "tokens are checked in another way from now on");
            self.validator.begins_anew();
        }
        if opens || changes {
            doubts::warn(&self.settings, &server);
        }
        if opens || changes || self.validator.is_rejected() || !self.validator.has_worked() {
            self.validator.try_out(&server).await;
            // Who waits for a change wants to know of this one.
            self.watch.found(open());
        }
        if self.validator.is_rejected() {
            return CALM.min(self.calm());
        }
        if !self.validator.has_worked() {
            return patience.spent();
        }
        patience.restored();
        self.calm()
    }

    async fn fetch(&self, cause: Cause) -> Result<AuthorizationServer, DiscoveryError> {
        let server = self.watch.open();
        let known = server.as_ref().and_then(|server| server.place.as_ref());
        let watch = self.clock.stopwatch();
        let found = discovery::fetch(&self.outbound, &self.settings, known).await;
        let may_be_nothing = match (&found, cause) {
            (Err(DiscoveryError::TooMany(_)) | Ok(_), _) => false,
            (Err(why), _) if why.is_final() => false,
            // The connection that this was asked on may have ended with the one that was held.
            (Err(_), Cause::Hangup(_)) => true,
            // One failure closes what works for everybody; a check that has failed as well is a second.
            (Err(_), Cause::Due) => self.watch.answers() && watch.elapsed() < BLIP,
            (Err(_), Cause::Doubt) => false,
        };
        if may_be_nothing {
            return discovery::fetch(&self.outbound, &self.settings, known).await;
        }
        found
    }

    fn calm(&self) -> Duration {
        self.settings.discovery_refresh.max(EAGER)
    }

    /// What is known of the server, if that is enough while it is away.
    fn last(&self) -> Option<Arc<AuthorizationServer>> {
        self.watch.open().filter(|server| matches!(server.way, Way::Jwt { .. }))
    }
}
