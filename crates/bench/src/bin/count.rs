//! Runs every case many times in one process, for callgrind to count: `count TIMES`, or only one of
//! them: `count TIMES CASE`. It says the name of each case on a line, and how often memory was asked
//! for; after each line, callgrind writes down how many instructions there were.
//!
//! Only what happens in [`measured`] is counted. A call that needs nobody else is ready at its first
//! poll, so no timer, no other task and no socket is in the numbers. Counting the allocations costs a
//! few instructions with each of them.

use std::{
    env,
    hint::black_box,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use ambient::{Clock, Entropy, Env};
use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bench::{
    cases::{Ask, Case, asking, form, opening},
    ceiling::{Answer, of_json},
};
use bytes::Bytes;
use chassis::{App, Lifecycle, telemetry::Telemetry};
use e2e::{Backend, Login, Setup, World};
use futures_util::FutureExt as _;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Collected};
use mcp_core::Features;
use mcp_server::{Config, Parts, Server, features, run::SERVICE};
use serde_json::Value;
use shared::mcp::{Incoming, Message, RequestMeta};
use store::Store;
use testkit::{PATIENCE, eventually};
use tower::ServiceExt as _;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let times = env::args().nth(1).and_then(|times| times.parse().ok());
    let times: usize = times.unwrap_or(100);
    let world = Setup::new(Backend::Memory)
        .setting("MCP_AUTH_CLIENT_SECRET", SECRET)
        .setting("MCP_AUTH_DISCOVERY_REFRESH", "1")
        .start()
        .await;
    let login = world.login("alice").await;
    let token = login.access().to_owned();
    let counter = Counter { host: host(&world), times, only: env::args().nth(2) };
    counter.pieces("parse", parse);
    counter.pieces("classify", classify);
    let app = server(&world, false);
    counter.until_known(&app, &token).await;
    counter.whole("call", &app, Case::Call, Some(&token)).await;
    counter.bare(&app, &token).await;
    for case in [Case::SessionCall, Case::List, Case::Discover, Case::Read, Case::Initialize] {
        counter.whole(case.name(), &app, case, Some(&token)).await;
    }
    counter.asked(&app, &token).await;
    let open = server(&world, true);
    counter.whole("call/open", &open, Case::Call, None).await;
    let authorization = world.auth_app().await;
    counter.introspected(&authorization, &token).await;
    counter.refreshed(&authorization, &login).await;
    ExitCode::SUCCESS
}

/// What is counted: one request to its answer.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// The same, and how often it has asked for memory.
fn counted<T>(allocations: &mut u64, work: impl FnOnce() -> T) -> T {
    let mut output = None;
    let info = allocation_counter::measure(|| output = Some(measured(work)));
    *allocations += info.count_total;
    output.expect("measured work has an output")
}

/// Callgrind writes down what was counted when this is called, and begins anew.
#[inline(never)]
fn end_of_case(name: &str, allocations: u64) {
    // Nobody reads what cannot be written.
    let _ = writeln!(io::stdout(), "{} {allocations}", black_box(name));
}

fn parse(body: Bytes) {
    assert!(Message::parse(body).is_ok());
}

fn classify(body: Bytes) {
    let Ok(Message::One(Incoming::Request { params, .. })) = Message::parse(body) else { return };
    assert!(RequestMeta::claim(params.as_ref()).is_modern);
}

struct Counter {
    host: String,
    times: usize,
    only: Option<String>,
}

impl Counter {
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }

    fn pieces(&self, name: &str, piece: fn(Bytes)) {
        if !self.wants(name) {
            return;
        }
        let body = Case::Call.ask(None, None).body;
        let mut allocations = 0;
        for _ in 0..self.times {
            let body = Bytes::copy_from_slice(body.as_bytes());
            counted(&mut allocations, || piece(body));
        }
        end_of_case(name, allocations);
    }

    /// A case through the whole application.
    async fn whole(&self, name: &str, app: &App, case: Case, token: Option<&str>) {
        if !self.wants(name) {
            return;
        }
        let session = match case {
            Case::SessionCall => self.session(app, token).await,
            _ => None,
        };
        self.repeated(name, app, &case.ask(token, session.as_deref())).await;
    }

    /// One request again and again.
    async fn repeated(&self, name: &str, app: &App, ask: &Ask) {
        // What is made at the first request is not made again.
        drop(self.send(app, ask.request(&self.host)).await);
        let mut allocations = 0;
        for _ in 0..self.times {
            let request = ask.request(&self.host);
            drop(self.once(name, app, request, &mut allocations).await);
        }
        end_of_case(name, allocations);
    }

    /// One request to its answer, which is counted.
    async fn once(
        &self,
        name: &str,
        app: &App,
        request: Request<Body>,
        allocations: &mut u64,
    ) -> Response {
        let app = app.clone();
        let answered = counted(allocations, || app.oneshot(request).now_or_never());
        let Some(Ok(response)) = answered else { panic!("{name}: the call has waited") };
        assert!(response.status().is_success(), "{name}: {}", response.status());
        // A task that never waits is made to wait after a while; here that would look like a
        // call that needs somebody else.
        tokio::task::yield_now().await;
        response
    }

    /// The MCP server asks about a token.
    async fn introspected(&self, app: &App, token: &str) {
        let name = "introspect";
        if !self.wants(name) {
            return;
        }
        let credentials = format!("Basic {}", STANDARD.encode(format!("mcp-server:{SECRET}")));
        let ask = form(format!("token={token}"), Some(credentials));
        let told = json(self.send(app, ask.request_to("/introspect", &self.host)).await).await;
        assert_eq!(told["active"], true, "{told}");
        let mut allocations = 0;
        for _ in 0..self.times {
            let request = ask.request_to("/introspect", &self.host);
            drop(self.once(name, app, request, &mut allocations).await);
        }
        end_of_case(name, allocations);
    }

    /// A client redeems its refresh token, and then the one that it has got for it.
    async fn refreshed(&self, app: &App, login: &Login) {
        let name = "refresh";
        if !self.wants(name) {
            return;
        }
        let (client, mut token) = (&login.client.id, login.refresh().to_owned());
        let mut allocations = 0;
        for _ in 0..self.times {
            let body = format!("grant_type=refresh_token&client_id={client}&refresh_token={token}");
            let request = form(body, None).request_to("/token", &self.host);
            let answer = json(self.once(name, app, request, &mut allocations).await).await;
            answer["refresh_token"].as_str().unwrap_or_default().clone_into(&mut token);
        }
        end_of_case(name, allocations);
    }

    /// A question to the user, and the call again with the answer.
    async fn asked(&self, app: &App, token: &str) {
        if !self.wants("question") && !self.wants("answer") {
            return;
        }
        let question = asking(token, None);
        self.repeated("question", app, &question).await;
        let asked = json(self.send(app, question.request(&self.host)).await).await;
        let state = &asked["result"]["requestState"];
        assert!(state.is_string(), "it was not asked: {asked}");
        self.repeated("answer", app, &asking(token, Some(state))).await;
    }

    /// The bare handler with the answer of a call.
    async fn bare(&self, app: &App, token: &str) {
        let response = self.send(app, Case::Call.ask(Some(token), None).request(&self.host)).await;
        let body = response.into_body().collect().await.map(Collected::to_bytes);
        let media_type = HeaderValue::from_static("application/json");
        let answer = Answer { body: body.unwrap_or_default(), media_type };
        let bare = App::from(of_json("/mcp", answer));
        self.whole("ceiling", &bare, Case::Call, Some(token)).await;
    }

    /// The first request of a token is a question to the authorization server; the next ones are not.
    async fn until_known(&self, app: &App, token: &str) {
        eventually(PATIENCE, || async {
            let asked = opening(Some(token)).request(&self.host);
            self.send(app, asked).await.status().is_success().then_some(())
        })
        .await;
    }

    async fn session(&self, app: &App, token: Option<&str>) -> Option<String> {
        let response = self.send(app, opening(token).request(&self.host)).await;
        let id = response.headers().get("mcp-session-id")?;
        id.to_str().ok().map(str::to_owned)
    }

    async fn send(&self, app: &App, request: Request<Body>) -> Response {
        let Ok(response) = app.clone().oneshot(request).await;
        response
    }
}

/// The document in an answer.
async fn json(response: Response) -> Value {
    let body = response.into_body().collect().await.map(Collected::to_bytes);
    serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default()
}

fn host(world: &World) -> String {
    world.mcp[0].origin.trim_start_matches("http://").to_owned()
}

/// Another instance of the world's MCP server, without a socket. It logs and measures as one does
/// that serves; standard error goes where the caller wants it.
fn server(world: &World, open: bool) -> App {
    let env = Env::from([])
        .with("MCP_AUTH_CLIENT_SECRET", SECRET)
        .with("MCP_AUTH_DISCOVERY_REFRESH", "1")
        // Under callgrind all cases take longer than a token is usually trusted.
        .with("MCP_AUTH_CACHE_TTL", "3600")
        .with("AUTH_SERVER_URL", &world.issuer())
        .with("BASE_URI", &world.mcp[0].origin);
    let env = if open { env.with("MCP_AUTH", "none") } else { env };
    let config = Config::from_env(&env).0.expect("the settings are right");
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let telemetry = Telemetry::new(SERVICE, &config.telemetry, &entropy);
    let telemetry = telemetry.expect("metrics can be made");
    // A second server of this process logs with the first.
    let _ = telemetry.install(config.log_format, &config.log_filter);
    let lifecycle = Lifecycle::new(clock.clone(), Duration::ZERO);
    let parts = Parts { store: Store::memory(clock.clone()), clock, entropy, lifecycle };
    let offered = Features::new(features::server(), features::catalog(), features::App::default());
    let server = Server::observed(config, offered, parts, telemetry);
    server.expect("it can be made").app()
}
