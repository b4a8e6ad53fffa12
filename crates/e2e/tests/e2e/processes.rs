//! The programs themselves: they start from their environment, say what is wrong with it, and end when
//! they are asked to.

use e2e::{Asking, CALLBACK, Login};
use serde_json::json;
use testkit::{
    PATIENCE,
    browser::Browser,
    eventually,
    process::{Process, Program, free_port},
    redis::RedisServer,
    rpc::{Modern, Session},
};

/// Two ports, and what follows from them.
pub(crate) struct Place {
    pub(crate) issuer: String,
    base: String,
    ports: [u16; 2],
    redis: Option<String>,
}

impl Place {
    pub(crate) fn new(redis: Option<&RedisServer>) -> Self {
        let ports = [free_port(), free_port()];
        let [issuer, base] = ports.map(|port| format!("http://localhost:{port}"));
        Self { issuer, base, ports, redis: redis.map(RedisServer::url) }
    }

    /// One of our programs, told where everybody is. It tells all it can: `testkit` sees to it that
    /// no secret is in it.
    fn program(&self, name: &str) -> Program {
        let program = Program::built(name)
            .setting("AUTH_SERVER_PORT", self.ports[0])
            .setting("AUTH_SERVER_URL", &self.issuer)
            .setting("PORT", self.ports[1])
            .setting("BASE_URI", &self.base)
            .setting("MCP_AUTH_CACHE_TTL", 0)
            .setting("RUST_LOG", "trace");
        match &self.redis {
            Some(url) => program.setting("REDIS_URL", url),
            None => program,
        }
    }

    pub(crate) async fn auth(&self) -> Process {
        self.program("auth-server").start_ready(&format!("{}/readyz", self.issuer)).await
    }

    pub(crate) async fn mcp(&self) -> Process {
        self.program("mcp-server").start_ready(&format!("{}/readyz", self.base)).await
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}/mcp", self.base)
    }

    async fn login(&self) -> Login {
        let mut browser = Browser::default().with_callback(CALLBACK);
        Asking::at(&self.endpoint()).await.let_in(&mut browser, "alice").await
    }

    async fn call(&self, login: &Login) -> u16 {
        let modern = Modern::new(&self.endpoint()).bearer(login.access());
        modern.tool("echo", json!({ "message": "hi" })).await.status.as_u16()
    }

    /// Waits until a call is answered with this status.
    async fn becomes(&self, login: &Login, status: u16) {
        eventually(PATIENCE, || async { (self.call(login).await == status).then_some(()) }).await;
    }

    async fn stream(&self, login: &Login) -> testkit::rpc::Exchange {
        let session = Session::opening(&self.endpoint()).bearer(login.access()).open().await;
        session.listen(None).await
    }
}

/// Ends a program that has a stream open, which must not keep it.
async fn ends_in_order(process: Process, stream: testkit::rpc::Exchange) {
    let (status, output) = process.terminate().await;
    assert!(status.success(), "{status}:\n{output}");
    assert!(!output.contains("panicked"), "{output}");
    assert!(stream.finish().await.messages.is_empty());
}

#[tokio::test]
async fn one_program_is_both_servers() {
    let place = Place::new(None);
    let program = place.program("standalone");
    let both = program.start_ready(&format!("{}/readyz", place.base)).await;
    both.says(&place.endpoint()).await;
    let alice = place.login().await;
    assert_eq!(place.call(&alice).await, 200);
    ends_in_order(both, place.stream(&alice).await).await;
}

#[tokio::test]
async fn one_program_drains_both_servers_before_it_ends() {
    let place = Place::new(None);
    let program = place.program("standalone").setting("DRAIN_MIN_MS", 24_000);
    let both = program.start_ready(&format!("{}/readyz", place.base)).await;
    both.ask_to_end();
    let client = testkit::http::client();
    for server in [&place.base, &place.issuer] {
        let is_draining = || async {
            let answer = client.get(format!("{server}/readyz")).send().await.ok()?;
            (answer.status().as_u16() == 503).then_some(())
        };
        eventually(PATIENCE, is_draining).await;
        let alive = client.get(format!("{server}/livez")).send().await.unwrap();
        assert!(alive.status().is_success(), "it still answers");
    }
    // A second signal does not wait, and the status says that something was cut short.
    let (status, output) = both.terminate().await;
    assert_eq!(status.code(), Some(143), "{output}");
}

#[tokio::test]
async fn one_program_of_both_servers_has_help_and_no_commands() {
    let (status, output) = Program::built("standalone").argument("--help").run().await;
    assert!(status.success() && output.contains("\n  AUTH_SERVER_PORT [3001]"), "{output}");
    let (status, output) = Program::built("standalone").argument("connect").run().await;
    assert_eq!(status.code(), Some(2), "{output}");
    assert!(output.contains("`cargo run -p mcp-server -- connect`"), "{output}");
}

#[tokio::test]
async fn a_doctor_beside_one_program_of_both_servers_is_let_in() {
    let place = Place::new(None);
    let both = place.program("standalone");
    let both = both.start_ready(&format!("{}/readyz", place.base)).await;
    let (status, said) = place.program("mcp-server").argument("doctor").run().await;
    assert!(status.success() && said.contains("issuer: "), "{said}");
    assert!(!said.contains("BAD"), "{said}");
    both.kill().await;
}

#[tokio::test]
async fn each_server_is_a_program_of_its_own() {
    let place = Place::new(None);
    let (auth, mcp) = (place.auth().await, place.mcp().await);
    let alice = place.login().await;
    assert_eq!(place.call(&alice).await, 200);
    ends_in_order(mcp, place.stream(&alice).await).await;
    let (status, output) = auth.terminate().await;
    assert!(status.success(), "{status}:\n{output}");
}

#[tokio::test]
async fn an_authorization_server_that_was_killed_is_missed_until_it_is_back() {
    let redis = RedisServer::start().await;
    let place = Place::new(Some(&redis));
    let (auth, _mcp) = (place.auth().await, place.mcp().await);
    let alice = place.login().await;
    assert_eq!(place.call(&alice).await, 200);
    auth.kill().await;
    place.becomes(&alice, 503).await;
    let _auth = place.auth().await;
    place.becomes(&alice, 200).await;
}

#[tokio::test]
async fn programs_that_were_killed_come_back_to_their_state_in_redis() {
    let redis = RedisServer::start().await;
    let place = Place::new(Some(&redis));
    let (auth, mcp) = (place.auth().await, place.mcp().await);
    let alice = place.login().await;
    let session = Session::opening(&place.endpoint()).bearer(alice.access()).open().await;
    mcp.kill().await;
    auth.kill().await;
    let (_auth, _mcp) = (place.auth().await, place.mcp().await);
    place.becomes(&alice, 200).await;
    let _ = session.call("ping", json!({})).await.expect(200);
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    assert_ne!(fresh.access, alice.access());
}

#[tokio::test]
async fn a_session_outlives_an_ordered_stop() {
    // C4: a rolling update of the original deleted every session.
    let redis = RedisServer::start().await;
    let place = Place::new(Some(&redis));
    let (_auth, mcp) = (place.auth().await, place.mcp().await);
    let alice = place.login().await;
    let session = Session::opening(&place.endpoint()).bearer(alice.access()).open().await;
    let (status, output) = mcp.terminate().await;
    assert!(status.success(), "{status}:\n{output}");
    let _mcp = place.mcp().await;
    let _ = session.call("ping", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_wrong_environment_is_refused_with_every_mistake_and_nothing_else() {
    let common = ["HOST", "LOG_FORMAT"];
    let cases = [
        ("standalone", &["PORT", "AUTH_SERVER_PORT", "BASE_URI"][..]),
        ("auth-server", &["AUTH_SERVER_PORT", "ACCESS_TOKEN_TTL"]),
        ("mcp-server", &["PORT", "MCP_AUTH", "SESSION_TTL", "MCP_STATE_KEY"]),
    ];
    for (name, settings) in cases {
        let wrong = common.iter().chain(settings);
        let program = wrong.clone().fold(Program::built(name), |with, s| with.setting(s, "wrong"));
        let (status, output) = program.run().await;
        assert_eq!(status.code(), Some(1), "{output}");
        for setting in wrong {
            assert!(output.contains(&format!("\n  {setting} (environment): ")), "{output}");
        }
        let count = format!("error: {} mistakes in the settings", common.len() + settings.len());
        assert!(output.starts_with(&count) && !output.contains("panicked"), "{output}");
    }
}

#[tokio::test]
async fn whoever_stops_reading_the_output_of_a_command_has_seen_enough() {
    for (name, words) in [("mcp-server", "config dump"), ("auth-server", "config dump")] {
        let program = words.split(' ').fold(Program::built(name), Program::argument);
        let (status, output) = program.start_unread().ended().await;
        assert!(status.success() && output.is_empty(), "{name}: {status} {output}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_setting() {
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    for (name, setting) in [("auth-server", "AUTH_SERVER_PORT"), ("mcp-server", "PORT")] {
        let (status, output) = Program::built(name).setting(setting, port).run().await;
        assert!(!status.success() && output.contains(setting), "{output}");
        assert!(output.contains(&port.to_string()), "{output}");
    }
}

#[tokio::test]
async fn a_redis_that_refuses_stops_the_start_and_its_password_is_not_quoted() {
    let redis = RedisServer::start().await;
    let url = redis.url().replace("//", "//user:hush-hush@");
    for name in ["standalone", "auth-server", "mcp-server"] {
        let (status, output) = Program::built(name).setting("REDIS_URL", &url).run().await;
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(output.contains("Redis") || output.contains("REDIS_URL"), "{output}");
        assert!(!output.contains("hush-hush"), "{output}");
    }
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_waited_for_until_somebody_ends_the_program() {
    let url = format!("redis://:hush-hush@127.0.0.1:{}", free_port());
    for name in ["auth-server", "mcp-server"] {
        let settings = Program::built(name).setting("REDIS_URL", &url).setting("DRAIN_MIN_MS", 0);
        let program = settings.start();
        program.says("Redis is not there yet").await;
        let (status, output) = program.terminate().await;
        assert!(status.success() && !output.contains("hush-hush"), "{output}");
    }
}
