//! Making, finding, answering and ending tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use ambient::{Clock, Entropy, Timestamp};
use mcp_core::Principal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::mcp::{InputRequest, Revision};
use store::{Bus, Record, Roster, Store, StoreError, Subscription, Table, UpdateError};

use super::{Answer, Asker, Outcome, TaskRecord};
use crate::session::{Instances, Owner};

/// How long a task is kept if the client does not say.
const KEPT: Duration = Duration::from_hours(1);

/// How long it is kept at most.
const LONGEST: Duration = Duration::from_hours(24);

/// How many tasks of a caller may run at a time.
const MOST: usize = 100;

/// How many tasks of a caller are kept, those that have ended among them: none is forgotten before
/// its time.
const MOST_KEPT: usize = 500;

/// How many tasks of all callers are kept, on all instances.
const MOST_IN_ALL: u64 = 10_000;

/// Under this name the tasks of all callers are counted.
const IN_ALL: &str = "mcp:tasks";

/// How often a task is looked at by who waits for it to change: a message may be lost between the
/// nodes of a cluster.
const LOOK: Duration = Duration::from_secs(5);

/// How long it is for one `tasks/result` to put questions, unless it says again that it does.
const ASKS: Duration = Duration::from_secs(15);

/// How long an instance must have been gone before its tasks are lost: after an outage of the store
/// it may only not have said yet that it is there.
const GONE_FOR: Duration = Duration::from_secs(2);

/// The name of a task: 128 random bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(String);

impl TaskId {
    /// A name, if it can be one of ours. The form is checked because it becomes part of keys.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let ours = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tasks of one caller, under `mcp:tasks:{digest of the caller}`, each with the moment when it is
/// forgotten.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Owned {
    tasks: BTreeMap<String, Timestamp>,
    /// Which of them have ended.
    #[serde(default)]
    ended: BTreeSet<String>,
}

impl Owned {
    /// Adds a task that runs until `end` at most.
    fn with(mut self, id: &TaskId, end: Timestamp, now: Timestamp) -> Result<Self, CreateError> {
        self.tasks.retain(|_, end| *end > now);
        self.ended.retain(|id| self.tasks.contains_key(id));
        if self.tasks.len() - self.ended.len() >= MOST {
            return Err(CreateError::TooMany);
        }
        if self.tasks.len() >= MOST_KEPT {
            return Err(CreateError::TooManyKept);
        }
        self.tasks.insert(id.0.clone(), end);
        Ok(self)
    }

    /// Those that were not seen to end.
    fn running(&self) -> impl Iterator<Item = &String> {
        self.tasks.keys().filter(|id| !self.ended.contains(*id))
    }
}

impl Record for Owned {
    const PREFIX: &'static str = "mcp:tasks:";
}

/// All tasks, of all instances that share a store.
#[derive(Clone)]
pub(crate) struct Tasks {
    table: Table<TaskRecord>,
    owned: Table<Owned>,
    roster: Roster,
    bus: Bus,
    instances: Instances,
    clock: Clock,
    entropy: Entropy,
}

/// Why there is no new task.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("You have {} tasks that run; cancel some or wait for them to end", MOST)]
    TooMany,
    #[error("You have {} tasks that are kept; wait until the oldest are forgotten", MOST_KEPT)]
    TooManyKept,
    #[error("There are {} tasks; wait until some are forgotten", MOST_IN_ALL)]
    TooManyInAll,
    #[error("A task could not be kept")]
    Store(#[from] StoreError),
}

impl Tasks {
    pub(crate) fn new(
        store: &Store,
        instances: &Instances,
        clock: &Clock,
        entropy: &Entropy,
    ) -> Self {
        Self {
            table: store.table(),
            owned: store.table(),
            roster: store.roster(),
            bus: store.bus(),
            instances: instances.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        }
    }

    /// Makes a task that runs on this instance. When this returns any instance can find it.
    pub(crate) async fn create(
        &self,
        principal: &Principal,
        revision: Revision,
        ttl: Option<u64>,
    ) -> Result<(TaskId, TaskRecord), CreateError> {
        let keep = ttl.map_or(KEPT, |millis| Duration::from_millis(millis.max(1)).min(LONGEST));
        let id = TaskId(self.entropy.hex::<16>());
        let now = self.clock.now();
        let owner = Owner::from(principal);
        self.roster.enter(IN_ALL, id.as_str(), keep).await?;
        if let Err(refused) = self.enter(principal, &id, now + keep).await {
            self.roster.leave(IN_ALL, id.as_str()).await?;
            return Err(refused);
        }
        let record = TaskRecord {
            owner,
            revision,
            instance: self.instances.own().to_owned(),
            created_at: now,
            updated_at: now,
            ttl_millis: u64::try_from(keep.as_millis()).unwrap_or(u64::MAX),
            message: None,
            questions: BTreeMap::new(),
            asked: BTreeSet::new(),
            asker: None,
            answers: BTreeMap::new(),
            outcome: None,
            missed_at: None,
        };
        self.table.put(id.as_str(), &record, keep).await?;
        Ok((id, record))
    }

    /// Counts a task that is about to be made, or refuses it. Without authorization everybody is the
    /// same owner, for whom the limits of one are not meant.
    async fn enter(
        &self,
        principal: &Principal,
        id: &TaskId,
        end: Timestamp,
    ) -> Result<(), CreateError> {
        if self.roster.len(IN_ALL).await? > MOST_IN_ALL {
            return Err(CreateError::TooManyInAll);
        }
        if principal.is_anonymous() {
            return Ok(());
        }
        self.own(&Owner::from(principal), id, end).await
    }

    /// Adds a task to those of its owner. Where there is no room, those whose instance has died, or
    /// whose end could not be noted, are looked for first.
    async fn own(&self, owner: &Owner, id: &TaskId, end: Timestamp) -> Result<(), CreateError> {
        let key = digest(owner);
        match self.add(&key, id, end).await {
            Err(CreateError::TooMany) => {
                self.look_through(&key).await?;
                self.add(&key, id, end).await
            }
            other => other,
        }
    }

    async fn add(&self, key: &str, id: &TaskId, end: Timestamp) -> Result<(), CreateError> {
        let now = self.clock.now();
        let fresh = Owned { tasks: BTreeMap::from([(id.0.clone(), end)]), ended: BTreeSet::new() };
        if self.owned.claim(key, &fresh, LONGEST).await? {
            return Ok(());
        }
        match self.owned.update(key, |owned: Owned| owned.with(id, end, now)).await {
            Ok(Some(_)) => {
                // The list outlives its longest task.
                self.owned.get_and_keep(key, LONGEST).await?;
                Ok(())
            }
            Ok(None) => Ok(self.owned.put(key, &fresh, LONGEST).await?),
            Err(UpdateError::Change(refused)) => Err(refused),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }

    /// Looks at every task of a caller that is taken to run, and notes those that do not.
    async fn look_through(&self, key: &str) -> Result<(), StoreError> {
        let owned = self.owned.get(key).await?.unwrap_or_default();
        for id in owned.running().filter_map(|id| TaskId::parse(id)) {
            if let Some(record) = self.table.get(id.as_str()).await?
                && let Some(record) = self.settled(&id, record).await?
                && record.outcome.is_some()
            {
                self.free(&record.owner, &id).await?;
            }
        }
        Ok(())
    }

    /// Notes that a task has ended, which makes room for another one of its owner.
    async fn free(&self, owner: &Owner, id: &TaskId) -> Result<(), StoreError> {
        struct Noted;
        let note = |mut owned: Owned| {
            if !owned.tasks.contains_key(id.as_str()) || !owned.ended.insert(id.0.clone()) {
                return Err(Noted);
            }
            Ok(owned)
        };
        match self.owned.update(&digest(owner), note).await {
            Ok(_) | Err(UpdateError::Change(Noted)) => Ok(()),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    /// A task of the caller and of the caller's era. One whose instance has died is found failed.
    pub(crate) async fn find(
        &self,
        id: &str,
        principal: &Principal,
        revision: Revision,
    ) -> Result<Option<(TaskId, TaskRecord)>, StoreError> {
        let Some(id) = TaskId::parse(id) else { return Ok(None) };
        let Some(record) = self.table.get(id.as_str()).await? else { return Ok(None) };
        if record.owner != Owner::from(principal) || record.revision.era() != revision.era() {
            return Ok(None);
        }
        let record = self.settled(&id, record).await?;
        Ok(record.map(|record| (id, record)))
    }

    /// A task as it is: failed, if its instance has been gone for long enough.
    async fn settled(
        &self,
        id: &TaskId,
        record: TaskRecord,
    ) -> Result<Option<TaskRecord>, StoreError> {
        if record.outcome.is_some() || self.instances.is_alive(&record.instance).await? {
            return Ok(Some(record));
        }
        let now = self.clock.now();
        self.change(id, |mut record| match record.missed_at {
            Some(missed) if now.since(missed) >= GONE_FOR => ended(record, Outcome::lost()),
            Some(_) => record,
            None => {
                record.missed_at = Some(now);
                record
            }
        })
        .await
    }

    /// The tasks of the caller, newest first.
    pub(crate) async fn list(
        &self,
        principal: &Principal,
        revision: Revision,
    ) -> Result<Vec<(TaskId, TaskRecord)>, StoreError> {
        let ids = if principal.is_anonymous() {
            self.roster.members(IN_ALL, u16::MAX).await?
        } else {
            let owned = self.owned.get(&digest(&Owner::from(principal))).await?;
            owned.unwrap_or_default().tasks.into_keys().collect()
        };
        let mut found = Vec::new();
        for id in &ids {
            found.extend(self.find(id, principal, revision).await?);
        }
        found.sort_by_key(|(_, record)| std::cmp::Reverse(record.created_at));
        Ok(found)
    }

    /// Ends a task, unless it has ended already; gives what it is then.
    pub(crate) async fn end(
        &self,
        id: &TaskId,
        outcome: Outcome,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let now = self.clock.now();
        self.change(id, |record| {
            let record = TaskRecord { updated_at: now, ..record };
            ended(record, outcome.clone())
        })
        .await
    }

    /// Puts a question.
    pub(super) async fn ask(
        &self,
        id: &TaskId,
        key: &str,
        question: &InputRequest,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.change(id, |mut record| {
            record.updated_at = now;
            record.asked.insert(key.to_owned());
            record.questions.insert(key.to_owned(), question.clone());
            record
        })
        .await
        .map(drop)
    }

    /// Takes answers to questions that are open; others are ignored.
    pub(crate) async fn answer(
        &self,
        id: &TaskId,
        answers: BTreeMap<String, Answer>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.change(id, |mut record| {
            for (key, answer) in &answers {
                if record.questions.remove(key).is_some() {
                    record.answers.insert(key.clone(), answer.clone());
                    record.updated_at = now;
                }
            }
            record
        })
        .await
        .map(drop)
    }

    /// From now on `asker` puts the questions of a task to the client, and nobody else does.
    pub(crate) async fn take_questions(&self, id: &TaskId, asker: &str) -> Result<(), StoreError> {
        let asker = Asker { name: asker.to_owned(), until: self.clock.now() + ASKS };
        let change = |record| TaskRecord { asker: Some(asker.clone()), ..record };
        self.change(id, change).await.map(drop)
    }

    /// Whether it is still for `asker` to put a question, and says again that it does.
    pub(crate) async fn still_asks(
        &self,
        id: &TaskId,
        key: &str,
        asker: &str,
    ) -> Result<bool, StoreError> {
        let Some(record) = self.get(id).await? else { return Ok(false) };
        let own = record.asker.as_ref().filter(|one| one.name == asker);
        let Some(own) = own.filter(|_| record.questions.contains_key(key)) else {
            return Ok(false);
        };
        if own.until <= self.clock.now() + ASKS / 2 {
            self.take_questions(id, asker).await?;
        }
        Ok(true)
    }

    /// Says where a task is, in words.
    pub(super) async fn say(&self, id: &TaskId, message: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.change(id, |mut record| {
            record.updated_at = now;
            record.message = Some(message.to_owned());
            record
        })
        .await
        .map(drop)
    }

    /// What a task is now.
    pub(crate) async fn get(&self, id: &TaskId) -> Result<Option<TaskRecord>, StoreError> {
        self.table.get(id.as_str()).await
    }

    /// Hears whenever a task has changed.
    pub(crate) async fn watch(&self, id: &TaskId) -> Result<Changes, StoreError> {
        let told = self.bus.subscribe(&channel(id)).await?;
        Ok(Changes { told, clock: self.clock.clone() })
    }

    /// Changes a task that has not ended; one that has stays as it is. The one change that ends it
    /// makes room for another.
    async fn change(
        &self,
        id: &TaskId,
        change: impl Fn(TaskRecord) -> TaskRecord,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let change = |record: TaskRecord| match record.outcome {
            Some(_) => Err(Box::new(record)),
            None => Ok(change(record)),
        };
        let changed = match self.table.update(id.as_str(), change).await {
            Ok(changed) => changed,
            Err(UpdateError::Store(error)) => return Err(error),
            Err(UpdateError::Change(as_it_was)) => return Ok(Some(*as_it_was)),
        };
        self.bus.publish(&channel(id), "changed").await?;
        if let Some(record) = changed.as_ref().filter(|record| record.outcome.is_some()) {
            // The task has ended all the same, and is looked for when there is no room.
            if let Err(error) = self.free(&record.owner, id).await {
                tracing::warn!(%error, "the place of a task that has ended could not be freed");
            }
        }
        Ok(changed)
    }
}

/// Hears that a task may have changed.
pub(crate) struct Changes {
    told: Subscription,
    clock: Clock,
}

impl Changes {
    /// When to look at the task: it has changed, or that was not told for a while. Nothing once the
    /// store is closed. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Option<()> {
        tokio::select! {
            biased;
            told = self.told.next() => told.map(drop),
            () = self.clock.sleep(LOOK) => Some(()),
        }
    }
}

fn ended(mut record: TaskRecord, outcome: Outcome) -> TaskRecord {
    record.outcome = Some(outcome);
    record.questions.clear();
    record.answers.clear();
    record
}

fn channel(id: &TaskId) -> String {
    format!("mcp:task:{id}")
}

/// A name for a caller that tells nothing about them.
fn digest(owner: &Owner) -> String {
    let text = serde_json::to_vec(owner).unwrap_or_default();
    const_hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_together_has_so_many_tasks_and_room_again_when_some_are_forgotten() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let (store, entropy) = (Store::memory(clock.clone()), Entropy::seeded(1));
        let instances = Instances::new(&store, &entropy);
        let tasks = Tasks::new(&store, &instances, &clock, &entropy);
        let create = async |principal: &Principal, ttl| {
            tasks.create(principal, Revision::V2025_11_25, Some(ttl)).await
        };
        let nobody = Principal::anonymous();
        create(&nobody, 1000).await.unwrap();
        for _ in 1..MOST_IN_ALL {
            create(&nobody, 60_000).await.unwrap();
        }
        let alice = Principal { user: Some("alice".to_owned()), ..Principal::anonymous() };
        for who in [&nobody, &alice] {
            assert!(matches!(create(who, 1).await, Err(CreateError::TooManyInAll)));
        }
        clock.advance(Duration::from_secs(2));
        create(&alice, 60_000).await.unwrap();
        assert!(create(&alice, 60_000).await.is_err());
    }
}
