//! Writing records, and waiting until replicas have them.
//!
//! A primary that dies takes with it what it has not passed on yet, such as that a code was redeemed.
//! With `wait_replicas` a write is followed by `WAIT` on the same connection, in the same packet:
//! what too few replicas have acknowledged is an outage for the caller, although it was done.

use std::fmt::Write as _;

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value},
};

use super::{Redis, script::Script};
use crate::error::{Action, StoreError};

/// How long replicas have, in milliseconds: less than a command may take, more than a busy replica
/// needs.
const WAIT_MILLIS: i64 = 300;

/// What Redis answers to a write, and how many replicas have it, if anybody asked.
struct Written {
    reply: Value,
    replicas: Option<i64>,
}

impl Redis {
    /// Runs a command on one key that changes it; `arguments` are those after the key.
    pub(super) async fn write(
        &self,
        action: Action,
        command: &'static str,
        key: String,
        mut arguments: Vec<Value>,
    ) -> Result<Value, StoreError> {
        let hash = ClusterHash::from(key.as_str());
        arguments.insert(0, Value::from(key));
        let attempt = |client| {
            let command = CustomCommand::new_static(command, hash.clone(), false);
            Box::pin(self.send(client, command, arguments.clone()))
        };
        self.observed(action.command(), async {
            self.believed(action, self.settled(action, attempt).await?)
        })
        .await
    }

    /// Runs a script on one key that changes it.
    pub(super) async fn write_script(
        &self,
        action: Action,
        script: &Script,
        key: String,
        arguments: Vec<Value>,
    ) -> Result<Value, StoreError> {
        let hash = ClusterHash::from(key.as_str());
        let mut words = vec![Value::Null, Value::from(1), Value::from(key)];
        words.extend(arguments);
        let send = |client, verb, first: Value| {
            let command = CustomCommand::new_static(verb, hash.clone(), false);
            let mut words = words.clone();
            words[0] = first;
            Box::pin(self.send(client, command, words))
        };
        let attempt = async |client| {
            match send(client, "EVALSHA", Value::from(script.hash.as_str())).await {
                // The server has done nothing then, so sending it again is not a second try.
                Err(error) if error.details().starts_with("NOSCRIPT") => {
                    send(client, "EVAL", Value::from_static_str(script.text)).await
                }
                done => done,
            }
        };
        self.observed("EVALSHA", async {
            self.believed(action, self.settled(action, attempt).await?)
        })
        .await
    }

    /// Sends a command, and behind it the question how many replicas have done it. Both go to the
    /// same node on the same connection, or neither: on another one the question would be about
    /// nothing. The futures of the client take several kilobytes: callers box this one.
    async fn send(
        &self,
        client: &Client,
        command: CustomCommand,
        arguments: Vec<Value>,
    ) -> Result<Written, Error> {
        if self.wait_replicas == 0 {
            let reply = client.custom(command, arguments).await?;
            return Ok(Written { reply, replicas: None });
        }
        let wait = CustomCommand::new_static("WAIT", command.cluster_hash.clone(), false);
        let question = vec![Value::from(i64::from(self.wait_replicas)), Value::from(WAIT_MILLIS)];
        let both = client.pipeline();
        let () = both.custom(command, arguments).await?;
        let () = both.custom(wait, question).await?;
        let mut replies = both.try_all::<Value>().await.into_iter();
        let mut next =
            || replies.next().unwrap_or_else(|| Err(Error::new(ErrorKind::Canceled, "")));
        let (reply, replicas) = (next()?, next()?);
        Ok(Written { reply, replicas: Some(replicas.as_i64().unwrap_or(0)) })
    }

    fn believed(&self, action: Action, written: Written) -> Result<Value, StoreError> {
        match written.replicas {
            Some(replicas) if replicas < i64::from(self.wait_replicas) => {
                let mut why = String::new();
                // Writing to a string cannot fail.
                let _ = write!(
                    why,
                    "{replicas} of {} replicas of Redis have it within {WAIT_MILLIS} ms; check \
                     them, or lower REDIS_WAIT_REPLICAS",
                    self.wait_replicas
                );
                Err(action.unavailable(why))
            }
            _ => Ok(written.reply),
        }
    }
}
