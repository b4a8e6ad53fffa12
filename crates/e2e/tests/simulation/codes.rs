//! Authorization codes and refresh tokens, redeemed by several at once while things go wrong: each
//! code is good once, each refresh token leads to one pair.

use std::{collections::BTreeSet, time::Duration};

use ambient::{Clock, Timestamp};
use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use http::{Request, header};
use serde_json::Value;
use store::Store;
use tokio::task::JoinSet;
use url::form_urlencoded::Serializer;

use crate::{
    dice::Dice,
    faults,
    history::Outcome,
    login::{self, Code, RESOURCE, SECRET},
    runtime::{self, BEGIN},
    wire::{Asked, ask},
    world::World,
};

/// How many codes there are.
const CODES: usize = 5;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(12);

/// How long a refresh token that was replaced still leads to what replaced it, and a little more.
const AFTER_GRACE: Duration = Duration::from_secs(61);

/// Runs a seed.
pub(crate) fn simulate(seed: u64) -> Outcome {
    let clock = Clock::manual(BEGIN);
    let store = Store::memory(clock.clone());
    let prepared = login::codes(&store, &clock, &Dice::new(seed).entropy(), CODES);
    runtime::run(&clock, async {
        let world = World::new(seed, &clock, &store, login::make(&clock, &prepared.issuer));
        let calm = clock.now() + TROUBLE;
        let mut clients = JoinSet::new();
        for (number, code) in prepared.codes.into_iter().enumerate() {
            let party = Party { world: world.clone(), name: format!("p{number}"), code, calm };
            clients.spawn(party.act());
        }
        faults::strike(&world, calm).await;
        while let Some(ended) = clients.join_next().await {
            if let Err(error) = ended {
                world.history.wrong("simulation", error);
            }
        }
        world.end()
    })
}

/// Those who have one code.
#[derive(Clone)]
struct Party {
    world: World,
    name: String,
    code: Code,
    calm: Timestamp,
}

/// What a token request came to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Got {
    Pair {
        access: String,
        refresh: String,
    },
    InvalidGrant,
    /// No answer, or 503, as often as it was tried.
    Nothing,
}

impl Party {
    async fn act(self) {
        let dice = self.world.dice.clone();
        self.world.clock.sleep(dice.millis(0, 10_000)).await;
        if dice.chance(50) { self.redeem_at_once().await } else { self.refresh_at_once().await }
    }

    /// Several redeem the code; at most one is told of tokens, and in the end they are worth nothing.
    async fn redeem_at_once(&self) {
        let crowd = 2 + self.world.dice.below(4);
        let form = self.redemption();
        let mut got = join_all((0..crowd).map(|_| self.token(&form, 3))).await;
        self.world.clock.sleep_until(self.calm + Duration::from_secs(1)).await;
        got.push(self.surely(&form).await);
        let winners: Vec<_> = got.iter().filter(|got| matches!(got, Got::Pair { .. })).collect();
        self.note(format_args!("{} of {} won", winners.len(), got.len()));
        if winners.len() > 1 {
            return self.wrong("a code was good twice");
        }
        let Some(Got::Pair { access, refresh }) = winners.first() else { return };
        // The last one came when the code had been redeemed, unless it is the winner.
        let is_last = got.last() == winners.first().copied();
        if self.is_active(access).await != is_last {
            self.wrong(format_args!("the tokens of a code that was replayed: last won: {is_last}"));
        }
        let refreshed = self.surely(&self.refreshing(refresh)).await;
        if (refreshed == Got::InvalidGrant) == is_last {
            self.wrong(format_args!("the refresh token gives {refreshed:?}"));
        }
    }

    /// One redeems the code, several refresh at once; all of them hold the same pair.
    async fn refresh_at_once(&self) {
        let Got::Pair { refresh, .. } = self.token(&self.redemption(), 1).await else { return };
        let crowd = 2 + self.world.dice.below(4);
        let form = self.refreshing(&refresh);
        let mut got = join_all((0..crowd).map(|_| self.token(&form, 3))).await;
        self.world.clock.sleep_until(self.calm + Duration::from_secs(1)).await;
        got.push(self.surely(&form).await);
        let got: BTreeSet<_> = got.into_iter().filter(|got| *got != Got::Nothing).collect();
        let [Got::Pair { access, .. }] = &*Vec::from_iter(&got) else {
            return self.wrong(format_args!("a refresh token leads to {} ends", got.len()));
        };
        if !self.is_active(access).await {
            return self.wrong("a pair that was just given does not work");
        }
        self.world.clock.sleep(AFTER_GRACE).await;
        if self.surely(&form).await != Got::InvalidGrant || self.is_active(access).await {
            self.wrong("a refresh token that comes late does not end its family");
        }
    }

    /// Asks for tokens, a number of times if there is no answer.
    async fn token(&self, form: &[(&str, &str)], tries: usize) -> Got {
        for _ in 0..tries {
            let request = post("/token", form, None);
            if let Asked::Answered(answer) = ask(&self.world, &self.name, request).await {
                let status = answer.status.as_u16();
                let Some(told) = answer.json().await else { continue };
                self.world.history.count(|counts| counts.answers += 1);
                return self.got(status, &told);
            }
            self.world.clock.sleep(self.world.dice.millis(0, 500)).await;
        }
        Got::Nothing
    }

    /// The same when things are well: there is an answer.
    async fn surely(&self, form: &[(&str, &str)]) -> Got {
        let got = self.token(form, 100).await;
        if got == Got::Nothing {
            self.wrong("no answer although all is well");
        }
        got
    }

    fn got(&self, status: u16, told: &Value) -> Got {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        match status {
            200 => Got::Pair { access: text("access_token"), refresh: text("refresh_token") },
            400 if told["error"] == "invalid_grant" => Got::InvalidGrant,
            _ => {
                self.wrong(format_args!("{status}: {told}"));
                Got::Nothing
            }
        }
    }

    /// What the MCP server is told about a token.
    async fn is_active(&self, token: &str) -> bool {
        let credentials = STANDARD.encode(format!("mcp-server:{}", SECRET.replace(' ', "+")));
        for _ in 0..100 {
            let request = post("/introspect", &[("token", token)], Some(&credentials));
            if let Asked::Answered(answer) = ask(&self.world, &self.name, request).await
                && let Some(told) = answer.json().await
                && let Some(active) = told["active"].as_bool()
            {
                return active;
            }
        }
        self.wrong("a token cannot be introspected although all is well");
        false
    }

    fn redemption(&self) -> Vec<(&str, &str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", &self.code.ticket),
            ("redirect_uri", e2e::CALLBACK),
            ("client_id", &self.code.client),
            ("code_verifier", &self.code.verifier),
            ("resource", RESOURCE),
        ]
    }

    fn refreshing<'a>(&'a self, token: &'a str) -> Vec<(&'a str, &'a str)> {
        let grant = ("grant_type", "refresh_token");
        vec![grant, ("refresh_token", token), ("client_id", &self.code.client)]
    }

    fn note(&self, what: impl std::fmt::Display) {
        self.world.history.note(&self.name, what);
    }

    fn wrong(&self, what: impl std::fmt::Display) {
        self.world.history.wrong(&self.name, what);
    }
}

fn post(path: &str, form: &[(&str, &str)], credentials: Option<&str>) -> Request<Body> {
    let body = Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = Request::post(path)
        .header(header::HOST, "localhost:3001")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(credentials) = credentials {
        request = request.header(header::AUTHORIZATION, format!("Basic {credentials}"));
    }
    request.body(Body::from(body)).expect("a request")
}
