//! Looks after the authorization server: closes when it is gone, opens when it is back.
//!
//! Requests never do this: while it is closed they are answered at once, and a probe a second
//! finds out when that ends. It also tries our own credentials, so that an instance whose are wrong
//! is not ready.

use std::{sync::Arc, time::Duration};

use ambient::Clock;

use super::{
    availability::{Availability, Watch},
    discovery::{self, AuthorizationServer, Way},
    outbound::Outbound,
    validator::Validator,
};
use crate::config::AuthSettings;

/// How often a server is looked at that answers and is of no use, at least.
const CALM: Duration = Duration::from_secs(10);

/// How often a server that does not answer is looked at, and at most one whose checks fail.
const EAGER: Duration = Duration::from_secs(1);

pub(super) struct Monitor {
    pub(super) settings: AuthSettings,
    pub(super) outbound: Outbound,
    pub(super) validator: Arc<Validator>,
    pub(super) clock: Clock,
    pub(super) watch: Watch,
}

impl Monitor {
    /// Never ends by itself.
    pub(super) async fn run(self) {
        let mut in_doubt = false;
        loop {
            let mut pause = self.look().await;
            if in_doubt {
                // Checks may fail by the thousand while the metadata is fine.
                self.clock.sleep(EAGER).await;
                pause = pause.saturating_sub(EAGER);
            }
            in_doubt = tokio::select! {
                biased;
                () = self.watch.doubted() => true,
                () = self.clock.sleep(pause) => false,
            };
        }
    }

    async fn look(&self) -> Duration {
        let issuer = &self.settings.issuer;
        match discovery::fetch(&self.outbound, &self.settings).await {
            Ok(server) => {
                let server = Arc::new(server);
                let opens = self.watch.found(Availability::Open(Arc::clone(&server)));
                if opens {
                    tracing::info!(%issuer, "the authorization server answers");
                }
                // Wrong credentials are noticed before the first caller comes, and right ones
                // although nobody is sent to an instance that is not ready.
                if opens || self.validator.is_rejected() {
                    self.validator.try_credentials(&server).await;
                }
                if self.validator.is_rejected() { CALM.min(self.calm()) } else { self.calm() }
            }
            Err(why) if why.is_final() => {
                let why = Arc::new(why);
                if self.watch.found(Availability::Unusable(Arc::clone(&why))) {
                    tracing::error!(%issuer, %why, "degraded: no token can be checked");
                }
                CALM
            }
            Err(why) => {
                if self.watch.found(Availability::Closed(self.last())) {
                    tracing::error!(%issuer, %why, "degraded: the authorization server is away");
                }
                EAGER
            }
        }
    }

    fn calm(&self) -> Duration {
        self.settings.discovery_refresh.max(EAGER)
    }

    /// What is known of the server, if that is enough while it is away.
    fn last(&self) -> Option<Arc<AuthorizationServer>> {
        self.watch.open().filter(|server| matches!(server.way, Way::Jwt { .. }))
    }
}
