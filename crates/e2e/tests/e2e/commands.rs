//! The commands of the authorization server, beside servers that run.

use serde_json::Value;
use testkit::{
    PATIENCE, eventually,
    http::Http,
    process::{Process, Program, free_port},
    redis::RedisServer,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const SECRET: &str = "a secret that the keys are sealed with";

/// Two instances of one issuer on one Redis.
struct Place {
    redis: RedisServer,
    issuer: String,
    ports: [u16; 2],
}

impl Place {
    async fn new() -> Self {
        let ports = [free_port(), free_port()];
        let issuer = format!("http://localhost:{}", ports[0]);
        Self { redis: RedisServer::start().await, issuer, ports }
    }

    fn program(&self) -> Program {
        Program::built("auth-server")
            .setting("AUTH_SERVER_URL", &self.issuer)
            .setting("AUTH_SECRET", SECRET)
            .setting("REDIS_URL", self.redis.url())
    }

    async fn instance(&self, number: usize) -> Process {
        let port = self.ports[number];
        let program = self.program().setting("AUTH_SERVER_PORT", port);
        program.start_ready(&format!("http://localhost:{port}/readyz")).await
    }

    /// What a command says; it must succeed.
    async fn command(&self, words: &[&str]) -> String {
        let program = words.iter().fold(self.program(), |program, word| program.argument(*word));
        let (status, said) = program.run().await;
        assert!(status.success(), "{words:?}: {said}");
        said
    }

    /// The names of the keys that an instance tells.
    async fn kids(&self, number: usize) -> Vec<String> {
        let http = Http::new(&format!("http://localhost:{}", self.ports[number]));
        let set: Value = http.get("/jwks").await.expect(200).json();
        let keys = set["keys"].as_array().expect("a set has keys").clone();
        keys.iter().map(|key| key["kid"].as_str().expect("keys have names").to_owned()).collect()
    }
}

#[tokio::test]
async fn keys_are_changed_by_hand_and_all_instances_follow() {
    let place = Place::new().await;
    let _instances = [place.instance(0).await, place.instance(1).await];
    let first = place.kids(0).await;
    assert_eq!((first.len(), place.kids(1).await), (1, first.clone()));
    let said = place.command(&["keys", "rotate"]).await;
    assert!(said.contains(&first[0]) && said.contains("next, signs in"), "{said}");
    for number in [0, 1] {
        eventually(PATIENCE, || async { (place.kids(number).await.len() == 2).then_some(()) })
            .await;
    }
    assert_eq!(place.kids(0).await, place.kids(1).await);
    let said = place.command(&["keys", "rotate", "--compromised"]).await;
    assert!(!said.contains(&first[0]) && said.contains("signs since"), "{said}");
    for number in [0, 1] {
        let is_alone = || async { (place.kids(number).await.len() == 1).then_some(()) };
        eventually(PATIENCE, is_alone).await;
    }
}

#[tokio::test]
async fn the_doctor_sees_a_server_that_is_well_and_one_that_is_not() {
    let place = Place::new().await;
    let running = place.instance(0).await;
    let _ = place.kids(0).await;
    let said = place.command(&["doctor"]).await;
    let all = ["settings", "store", "single use", "eviction", "keys", "issuer", "clock", "jwks"];
    for about in all {
        assert!(said.contains(&format!("ok    {about}: ")), "{about}: {said}");
    }
    let other = place.program().setting("AUTH_SECRET", "the secret of somebody else entirely");
    let (status, said) = other.argument("doctor").run().await;
    assert!(!status.success() && said.contains("BAD   keys: "), "{said}");
    let _ = running.terminate().await;
    let (status, said) = place.program().argument("doctor").run().await;
    assert!(!status.success() && said.contains("BAD   issuer: "), "{said}");
}

#[tokio::test]
async fn settings_are_shown_without_what_is_secret() {
    let place = Place::new().await;
    let said = place.command(&["config", "dump"]).await;
    assert!(said.contains(&format!("AUTH_SERVER_URL={}", place.issuer)), "{said}");
    assert!(!said.contains(SECRET) && !said.contains(&place.redis.url()), "{said}");
    assert!(place.command(&["config", "check"]).await.contains(&place.issuer));
    assert!(place.command(&["--help"]).await.contains("Usage: auth-server"));
}

#[tokio::test]
async fn the_doctor_sees_a_redis_that_throws_things_away() {
    let place = Place::new().await;
    let _running = place.instance(0).await;
    let mut line = TcpStream::connect(("127.0.0.1", place.redis.port())).await.expect("Redis");
    line.write_all(b"CONFIG SET maxmemory-policy allkeys-lru\r\nQUIT\r\n").await.expect("a line");
    let mut said = String::new();
    line.read_to_string(&mut said).await.expect("an answer");
    let (status, said) = place.program().argument("doctor").run().await;
    assert!(!status.success() && said.contains("BAD   eviction: "), "{said}");
    assert!(said.contains("allkeys-lru") && said.contains("noeviction"), "{said}");
}

#[tokio::test]
async fn without_redis_every_command_says_what_it_can() {
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let program = || {
        let program = Program::built("auth-server").setting("AUTH_SERVER_URL", &issuer);
        program.setting("AUTH_SERVER_PORT", port)
    };
    let _running = program().start_ready(&format!("{issuer}/readyz")).await;
    let say = async |words: &[&str]| {
        words.iter().fold(program(), |program, word| program.argument(*word)).run().await
    };
    let (status, said) = say(&["doctor"]).await;
    assert!(status.success() && said.contains("hm    store: in memory"), "{said}");
    for words in [["config", "check"], ["config", "dump"]] {
        assert!(say(&words).await.0.success(), "{words:?}");
    }
    for (words, hint) in
        [(["keys", "rotate"], "REDIS_URL"), (["client", "list"], "AUTH_CLIENTS_FILE")]
    {
        let (status, said) = say(&words).await;
        assert!(!status.success() && said.contains(hint), "{words:?}: {said}");
    }
}
