//! Making the connections, and making them again.

use std::{
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use ambient::Clock;
use fred::{
    clients::{Client, Pool},
    error::ErrorKind,
    interfaces::{ClientLike, EventInterface},
    types::{
        RespVersion,
        config::{
            Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig,
            UnresponsiveConfig,
        },
    },
};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::{Redis, bus::Channels, failure, tls};
use crate::{
    RedisOptions,
    error::{Action, StoreError},
};

/// Connections for commands. Commands of many callers share one, so a few are enough; more than one
/// keeps a large value from delaying everybody.
const CONNECTIONS: usize = 4;
/// Milliseconds before the first and before later attempts to connect again.
const BACKOFF: (u32, u32) = (50, 500);
/// How many command timeouts lie between two looks at whether a connection still answers.
const HEARTBEAT: u32 = 4;
/// How many messages wait between the connection and the mailboxes before a gap is reported.
const MESSAGE_BUFFER: usize = 1024;

pub(super) const CONNECT: Action = Action::new("connect to", "Redis");

impl Redis {
    pub(crate) async fn connect(options: &RedisOptions) -> Result<Self, StoreError> {
        let config = config(options)?;
        let commands = Pool::new(
            config.clone(),
            Some(performance(options, 32)),
            Some(connection(options)),
            Some(policy()),
            CONNECTIONS,
        )
        .map_err(|error| failure::explain(CONNECT, &error, options.connect_timeout))?;
        let subscriber = Client::new(
            config,
            Some(performance(options, MESSAGE_BUFFER)),
            Some(connection(options)),
            Some(policy()),
        );
        // Taken before the connection exists, so that no event of it is missed.
        let (messages, mut reconnections) = (subscriber.message_rx(), subscriber.reconnect_rx());

        let clients = commands.clients().iter().chain([&subscriber]).cloned();
        let attempts = clients.map(|client| first_connection(client, options.connect_timeout));
        let heartbeat = options.command_timeout * HEARTBEAT;
        let mut tasks = JoinSet::new();
        for (client, connection) in try_join_all(attempts).await? {
            tasks.spawn(stay_connected(client, connection, heartbeat));
        }
        // The first connection counts as one; there was no subscription that it could have lost.
        while reconnections.try_recv().is_ok() {}
        let channels = Arc::new(Channels::new(subscriber));
        tasks.spawn(Arc::clone(&channels).deliver(messages));
        tasks.spawn(Arc::clone(&channels).keep_subscribed(reconnections));
        Ok(Self {
            commands,
            channels,
            namespace: options.namespace.clone(),
            command_timeout: options.command_timeout,
            observer: options.observer.clone(),
            wait_replicas: options.wait_replicas,
            scripts: Box::default(),
            closed: AtomicBool::new(false),
            tasks: Mutex::new(tasks),
        })
    }
}

type Connection = AbortOnDropHandle<Result<(), fred::error::Error>>;

/// Connects for the first time, when a mistake in the URL is still worth an error.
async fn first_connection(
    client: Client,
    limit: Duration,
) -> Result<(Client, Connection), StoreError> {
    match Clock::system().timeout(limit, client.init()).await {
        Ok(Ok(connection)) => Ok((client, AbortOnDropHandle::new(connection))),
        Ok(Err(error)) => Err(failure::explain(CONNECT, &error, limit)),
        Err(_) => Err(failure::timed_out(CONNECT, limit)),
    }
}

/// The client reconnects by itself after most errors. Two cases are left to this: after a refused
/// password and the like its task ends, though somebody may mend the server while we run; and a
/// connection whose peer has silently gone looks healthy to it as long as commands are written.
async fn stay_connected(client: Client, mut connection: Connection, heartbeat: Duration) {
    loop {
        tokio::select! {
            ended = &mut connection => if let Ok(Err(error)) = ended {
                tracing::warn!(kind = ?error.kind(), "lost a connection to Redis; trying again");
            },
            () = silence(&client, heartbeat) => {
                tracing::warn!("a connection to Redis is silent; making a new one");
            }
        }
        connection.abort();
        Clock::system().sleep(Duration::from_millis(BACKOFF.1.into())).await;
        connection = AbortOnDropHandle::new(client.connect());
    }
}

/// Returns when the connection, though it seems to be up, has left two questions in a row without
/// an answer.
async fn silence(client: &Client, heartbeat: Duration) {
    let mut unanswered = 0;
    while unanswered < 2 {
        Clock::system().sleep(heartbeat).await;
        unanswered = match super::confirm(client).await {
            Err(error) if *error.kind() == ErrorKind::Timeout && client.is_connected() => {
                unanswered + 1
            }
            _ => 0,
        };
    }
}

/// What a URL says, or what is wrong with it.
pub(super) fn parsed(url: &str) -> Result<Config, &'static str> {
    const SCHEMES: [&str; 6] =
        ["redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"];
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !SCHEMES.contains(&scheme) {
        return Err("must begin with redis://, rediss:// (TLS), redis-sentinel:// or \
                    redis-cluster://");
    }
    Config::from_url(url).map_err(|error| match scheme {
        _ if *error.kind() == ErrorKind::Tls => {
            "needs root certificates, and those of this machine cannot be read; install them, or \
             name a file of them in SSL_CERT_FILE"
        }
        "redis-sentinel" | "rediss-sentinel" => {
            "cannot be used; write \
             redis-sentinel://USER:PASSWORD@HOST:26379/0?sentinelServiceName=NAME"
        }
        _ => "cannot be used; write redis://USER:PASSWORD@HOST:6379/0",
    })
}

fn config(options: &RedisOptions) -> Result<Config, StoreError> {
    let mut config =
        parsed(options.url.expose()).map_err(|why| CONNECT.refused(format!("REDIS_URL {why}")))?;
    // In RESP3 a connection with subscriptions still answers PING, which the bus relies on.
    config.version = RespVersion::RESP3;
    if let Some(password) = &options.password {
        config.password = Some(password.expose().to_owned());
    }
    config.username = config.username.map(word);
    config.password = config.password.map(word);
    if let Some(pem) = &options.trusted {
        config.tls = Some(tls::trusting(pem)?);
    }
    Ok(config)
}

/// A user or a password as a word of a line. The client says `HELLO` in a line and not in counted
/// words, so a space or a quotation mark would end the password; in quotation marks, with everything
/// unusual as `\xHH`, Redis reads it as it is.
fn word(text: String) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if text.bytes().all(is_plain) {
        return text;
    }
    let escaped = text.bytes().fold(String::new(), |escaped, byte| match byte {
        byte if is_plain(byte) => escaped + char::from(byte).encode_utf8(&mut [0; 4]),
        byte => escaped + &format!("\\x{byte:02x}"),
    });
    format!("\"{escaped}\"")
}

fn performance(options: &RedisOptions, event_buffer: usize) -> PerformanceConfig {
    PerformanceConfig {
        default_command_timeout: options.command_timeout,
        broadcast_channel_capacity: event_buffer,
        ..PerformanceConfig::default()
    }
}

fn connection(options: &RedisOptions) -> ConnectionConfig {
    ConnectionConfig {
        connection_timeout: options.connect_timeout,
        internal_command_timeout: options.connect_timeout,
        // One attempt: a command that is sent again might be done twice. What is redirected was not
        // done, and comes back to `moving`.
        max_command_attempts: 1,
        max_redirections: 0,
        reconnect_on_auth_error: true,
        // For the connections to all nodes of a cluster; see `silence` for what this cannot see.
        unresponsive: UnresponsiveConfig {
            max_timeout: Some(options.command_timeout * 2 * HEARTBEAT),
            interval: options.command_timeout,
        },
        tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
        ..ConnectionConfig::default()
    }
}

fn policy() -> ReconnectPolicy {
    let for_ever = 0;
    ReconnectPolicy::new_exponential(for_ever, BACKOFF.0, BACKOFF.1, 2)
}

#[cfg(test)]
mod tests {
    use ambient::Secret;

    use super::*;

    fn config(url: &str) -> Result<Config, StoreError> {
        super::config(&RedisOptions::new(Secret::new(url)))
    }

    #[test]
    fn a_password_beside_the_url_is_that_of_the_user_in_it() {
        let options = RedisOptions {
            password: Some(Secret::new("hunter2")),
            ..RedisOptions::new(Secret::new("redis://ann@localhost"))
        };
        let config = super::config(&options).unwrap();
        assert_eq!(config.username.as_deref(), Some("ann"));
        assert_eq!(config.password.as_deref(), Some("hunter2"));
    }

    #[test]
    fn a_password_is_one_word_whatever_is_in_it() {
        assert_eq!(word("hunter2#?/".to_owned()), "hunter2#?/");
        assert_eq!(word("a b\"c\n".to_owned()), r#""a\x20b\x22c\x0a""#);
        assert_eq!(word("é'".to_owned()), r#""\xc3\xa9\x27""#);
    }

    #[test]
    fn every_documented_form_of_the_url_is_understood() {
        for url in [
            "redis://localhost",
            "redis://user:p%40ss@localhost:6379/1",
            "rediss://localhost:6380",
            "redis-sentinel://localhost:26379/0?sentinelServiceName=main&node=other:26379",
            "redis-cluster://localhost:7000?node=localhost:7001",
            "rediss-cluster://user:pass@localhost:7000",
        ] {
            let config = config(url).unwrap();
            assert_eq!(config.tls.is_some(), url.starts_with("rediss"), "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_without_showing_its_password() {
        for url in [
            "",
            "localhost:6379",
            "http://user:hunter2@localhost",
            "redis://user:hunter2@localhost:port",
            "redis://user:hunter2@localhost/zero",
            "redis-sentinel://user:hunter2@localhost:26379/0",
        ] {
            let error = config(url).unwrap_err();
            assert!(matches!(error, StoreError::Refused(_)), "{url}: {error:?}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("REDIS_URL"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
