//! Several commands at once: one message there, one answer back, and one wait for all of them.

use fred::{
    clients::{Client, Pipeline},
    error::Error,
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value},
};
use futures_util::future::join_all;

use super::Redis;
use crate::error::{Action, StoreError};

/// What became of each of several commands.
pub(crate) type Each<T> = Vec<Result<T, StoreError>>;

/// One of several commands: its name is theirs, what follows is its own.
pub(super) type Arguments = Vec<Value>;

impl Redis {
    /// Gives one command several times, each with arguments of its own, of which the first is the key.
    /// In a cluster, whose keys are on different nodes and may move, each goes its own way.
    pub(super) async fn each(
        &self,
        action: Action,
        name: &'static str,
        asked: Vec<Arguments>,
    ) -> Result<Each<Value>, StoreError> {
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        if self.commands.is_clustered() {
            let alone = |arguments: Arguments| {
                let command = &command;
                self.run(action, move |client| client.custom(command.clone(), arguments.clone()))
            };
            return Ok(Box::pin(join_all(asked.into_iter().map(alone))).await);
        }
        let count = asked.len();
        let answers = self.observed(action.command(), async {
            let pipeline = self.client(action)?.pipeline();
            queue(&pipeline, &command, asked)
                .await
                .map_err(|error| self.explain(action, &error))?;
            Ok(pipeline.try_all::<Value>().await)
        });
        // Large, as those of the client are: whoever asks would carry it.
        let mut answers = Box::pin(answers).await?;
        // One error in place of all answers: nothing came back.
        if answers.len() < count
            && let Some(Err(error)) = answers.pop()
        {
            return Err(self.explain(action, &error));
        }
        let explained = |answer: Result<_, Error>| answer.map_err(|e| self.explain(action, &e));
        Ok(answers.into_iter().map(explained).collect())
    }
}

/// Lays commands up; nothing is sent yet.
async fn queue(
    pipeline: &Pipeline<Client>,
    command: &CustomCommand,
    asked: Vec<Arguments>,
) -> Result<(), Error> {
    for arguments in asked {
        let () = pipeline.custom(command.clone(), arguments).await?;
    }
    Ok(())
}
