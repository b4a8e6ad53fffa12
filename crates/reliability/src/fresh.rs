//! A client that refreshes its token before it ends, whatever happens to the authorization server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ambient::Clock;
use chassis::client::{Timeouts, http_client};
use e2e::Login;
use serde_json::Value;

use crate::{client::Caller, report::Report};

/// How long an answer is waited for before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before the same token is redeemed once more: its answer was lost, or there was none.
const AGAIN: Duration = Duration::from_millis(500);

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refreshed {
    /// Tokens that were replaced.
    done: usize,
    /// Attempts that had to be made once more.
    again: usize,
    /// Refusals: whoever is refused has to log in anew.
    refused: usize,
}

impl Refreshed {
    /// Adds what came of another client's.
    pub const fn add(&mut self, other: Self) {
        self.done += other.done;
        self.again += other.again;
        self.refused += other.refused;
    }

    /// Tells of it.
    pub fn report(self, report: &mut Report) {
        let Self { done, again, refused } = self;
        report.figure("tokens refreshed", format!("{done}, after {again} attempts in vain"));
        report.none("refreshes refused", refused);
    }
}

/// Refreshes the token of a caller every so often, at the authorization server that is at `issuer`,
/// until told to end.
///
/// # Panics
/// When there can be no HTTP client.
pub async fn keep_fresh(
    (login, caller): (Login, Caller),
    issuer: String,
    every: Duration,
    is_over: Arc<AtomicBool>,
) -> Refreshed {
    let timeouts = Timeouts { connect: PATIENCE, total: PATIENCE };
    let http = http_client("reliability", timeouts).expect("a client can be made");
    let (clock, mut refreshed) = (Clock::system(), Refreshed::default());
    let mut token = login.refresh().to_owned();
    let mut next = clock.now() + every;
    while !is_over.load(Ordering::Relaxed) {
        clock.sleep_until(next.min(clock.now() + AGAIN)).await;
        if clock.now() < next {
            continue;
        }
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            ("client_id", &login.client.id),
        ];
        let answer = http.post(format!("{issuer}/token")).form(&form).send().await;
        let (status, body) = match answer {
            Ok(answer) => (answer.status().as_u16(), answer.json::<Value>().await.ok()),
            Err(_) => (0, None),
        };
        let text = |name: &str| body.as_ref().and_then(|body| body[name].as_str());
        match (status, text("access_token"), text("refresh_token")) {
            (200, Some(access), Some(refresh)) => {
                caller.shows(access);
                refresh.clone_into(&mut token);
                refreshed.done += 1;
                next = clock.now() + every;
            }
            (0 | 200 | 500.., ..) => {
                refreshed.again += 1;
                next = clock.now() + AGAIN;
            }
            _ => {
                refreshed.refused += 1;
                return refreshed;
            }
        }
    }
    refreshed
}
