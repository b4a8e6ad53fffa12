//! What lies in the store: the documented names, no secret among them, and nothing for ever.

use ambient::{Clock, Secret};
use http::Method;
use store::{RedisOptions, Store};
use testkit::{oauth::Client, redis::RedisServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{World, approve, sign_in};

/// What is there after a login, another one that is on the way, and a stranger.
const PREFIXES: [&str; 11] = [
    "client",
    "pending",
    "login",
    "session",
    "apps",
    "exch",
    "installation",
    "refresh",
    "family",
    "limit",
    "ladder",
];

/// Everything in a Redis that nobody else uses: each key with its value and its lifetime.
async fn dump(server: &RedisServer) -> String {
    const SCRIPT: &str = "local all = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
        local is_set = redis.call('TYPE', key).ok == 'zset' \
        local value = is_set and table.concat(redis.call('ZRANGE', key, 0, -1), ' ') \
            or redis.call('GET', key) \
        all[#all + 1] = key .. ' ' .. redis.call('PTTL', key) .. ' ' .. value \
        end return table.concat(all, '\\n')";
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let command = format!(
        "*3\r\n$4\r\nEVAL\r\n${}\r\n{SCRIPT}\r\n$1\r\n0\r\n*1\r\n$4\r\nQUIT\r\n",
        SCRIPT.len()
    );
    stream.write_all(command.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn world(server: &RedisServer) -> World {
    let store = Store::redis(&RedisOptions::new(Secret::new(server.url()))).await.unwrap();
    World::on_with(store, Clock::system(), &[("AUTH_TRUSTED_PROXIES", "127.0.0.1")]).await
}

/// A token request from another address, which is counted, and a login that fails.
async fn strangers(world: &World, client: &Client) {
    let request = world.http.request(Method::POST, "/token");
    let request = request.header("x-forwarded-for", "203.0.113.7");
    let _ = world.http.send(request.form(&[("client_id", "x")])).await;
    let mut browser = world.browser();
    let consent = browser.open(&world.request(client).url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let _ = sign_in(&mut browser, &login, "bob", "wrong").await.page().expect(403);
}

#[tokio::test]
async fn no_secret_lies_in_the_store_and_everything_ends() {
    let server = RedisServer::start().await;
    let world = world(&server).await;
    let client = world.confidential().await;
    let (_, unspent) = world.code(&client).await;
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.unwrap();
    let _ = world.refresh(&client, &refresh).await.expect(200);
    strangers(&world, &client).await;
    let dump = dump(&server).await;
    let management = client.registration["registration_access_token"].as_str().unwrap();
    let secret = client.secret.as_deref().unwrap();
    for secret in [&*unspent, &*tokens.access, &*refresh, secret, management] {
        assert!(!dump.contains(&secret[5..]), "{dump}");
    }
    for kind in ["mcpa_", "mcpr_", "mcpb_", "mcpn_", "mcpu_"] {
        assert!(!dump.contains(kind), "{dump}");
    }
    for prefix in PREFIXES {
        assert!(dump.contains(&format!("auth:{prefix}:")), "{prefix}: {dump}");
    }
    let lines = dump.lines().filter(|line| line.starts_with("auth:"));
    for line in lines {
        let lifetime: i64 = line.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(lifetime > 0, "{line}");
    }
}

#[tokio::test]
async fn a_login_outlives_the_server_that_issued_it() {
    let server = RedisServer::start().await;
    let first = world(&server).await;
    let client = first.app().await;
    let tokens = first.tokens(&client).await;
    drop(first);
    let second = world(&server).await;
    let _ = second.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
    assert!(second.is_active(&tokens.access).await);
}
