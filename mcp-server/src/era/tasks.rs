//! The methods of tasks, in both forms, and how a call goes on as one.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use mcp_core::{Call, Principal, Refusal};
use serde_json::{Map, Value, json};
use shared::mcp::{
    ClientCapabilities, ClientRequest, CoreTask, EmptyResult, ErrorCode, ErrorObject, Head,
    Revision, ServerResult, TaskBody, TaskStatus,
};
use store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{downgrade, exchange::well_formed, refusal};
use crate::{
    Server, operation,
    session::live::Live,
    tasks::{Answer, CreateError, InTask, Outcome, TaskId, TaskRecord},
};

/// What a dispatched call gives.
pub(super) type Dispatched = BoxFuture<'static, Result<ServerResult, Refusal>>;

/// Runs a call that is a task to its end, beside everything else.
pub(super) fn run_on(
    server: &Server,
    id: TaskId,
    revision: Revision,
    work: Dispatched,
    cancelled: CancellationToken,
) {
    let (server, ended) = (server.clone(), server.lifecycle().clone());
    let span = operation::detached("task");
    let run = async move {
        let outcome = tokio::select! {
            biased;
            outcome = until_cancelled(&server, &id) => outcome,
            done = server.clock().timeout(crate::CALL_LIMIT, work) => match done {
                Ok(done) => Some(outcome(done, revision)),
                Err(_) => Some(Outcome::Error(super::modern::timed_out())),
            },
        };
        cancelled.cancel();
        if let Some(outcome) = outcome {
            conclude(&server, &id, outcome).await;
        }
    };
    ended.spawn(run.instrument(span));
}

/// Keeps what has come of a task.
pub(super) async fn conclude(server: &Server, id: &TaskId, outcome: Outcome) {
    if let Err(error) = server.tasks().end(id, outcome).await {
        tracing::error!(%error, "what has come of a task could not be kept");
    }
}

/// Ready when the task has been ended from elsewhere, which leaves nothing to keep.
async fn until_cancelled(server: &Server, id: &TaskId) -> Option<Outcome> {
    loop {
        if let Ok(mut changes) = server.tasks().watch(id).await {
            loop {
                let there = server.tasks().get(id).await;
                if there.is_ok_and(|record| record.is_none_or(|record| record.outcome.is_some())) {
                    return None;
                }
                if changes.next().await.is_none() {
                    break;
                }
            }
        }
        server.clock().sleep(crate::subscriptions::AGAIN).await;
    }
}

/// What has come of a call, as its revision reads it.
pub(super) fn outcome(done: Result<ServerResult, Refusal>, revision: Revision) -> Outcome {
    match done {
        Ok(result) => match serde_json::to_value(downgrade::result(result, revision)) {
            Ok(Value::Object(result)) => Outcome::Result(result),
            _ => Outcome::Error(ErrorObject::new(ErrorCode::INTERNAL_ERROR, "Internal error")),
        },
        Err(refused) => Outcome::Error(refusal::error(refused, revision).1),
    }
}

/// The answer to a call that goes on as a task of the extension.
pub(super) fn created(id: &TaskId, record: &TaskRecord) -> ServerResult {
    task(TaskBody::Created(record.task(id.as_str())))
}

fn task(body: TaskBody) -> ServerResult {
    ServerResult::Task(body.into())
}

/// Answers the methods of the extension, for a client that has declared it.
pub(super) async fn modern(
    server: &Server,
    principal: &Principal,
    revision: Revision,
    capabilities: &ClientCapabilities,
    request: &ClientRequest,
) -> Result<ServerResult, Refusal> {
    let id = match request {
        ClientRequest::GetTask(params) | ClientRequest::CancelTask(params) => &params.task_id,
        ClientRequest::UpdateTask(params) => &params.task_id,
        _ => return Err(Refusal::MethodNotFound),
    };
    let found = server.tasks().find(id, principal, revision).await;
    let found = found.map_err(|error| unkept(&error))?;
    let (id, record) = found.ok_or_else(|| Refusal::InvalidParams("Unknown task".to_owned()))?;
    let done = ServerResult::Empty(EmptyResult::default());
    match request {
        ClientRequest::UpdateTask(params) => {
            // What nothing asks for is ignored (basic/patterns/mrtr), here even what is no answer at
            // all, which the schema has no room for: the official suite sends such.
            let mut answers = params.input_responses.clone();
            answers.retain(|key, _| record.questions.contains_key(key));
            well_formed(&answers).map_err(|error| Refusal::InvalidParams(error.message))?;
            let given = |(key, value)| (key, Answer::Given(value));
            let answers = answers.into_iter().map(given).collect();
            server.tasks().answer(&id, answers).await.map_err(|error| unkept(&error))?;
            Ok(done)
        }
        ClientRequest::CancelTask(_) => {
            let ended = server.tasks().end(&id, Outcome::Cancelled).await;
            ended.map_err(|error| unkept(&error))?;
            Ok(done)
        }
        _ => {
            let detailed = record.detailed(id.as_str());
            // The task waits on: a question is put to nobody who has not declared that it can be.
            match detailed.lacking(capabilities) {
                Some(needed) => Err(Refusal::MissingCapability(Box::new(needed))),
                None => Ok(task(TaskBody::Detailed(Box::new(detailed)))),
            }
        }
    }
}

fn unkept(error: &StoreError) -> Refusal {
    tracing::error!(%error, "tasks cannot be reached");
    Refusal::Unavailable
}

/// Starts a call as a task of 2025-11-25 and gives the answer to it.
pub(super) async fn start_core(
    server: &Server,
    principal: &Arc<Principal>,
    request: ClientRequest,
    live: &Live,
    ttl: Option<u64>,
) -> Result<ServerResult, ErrorObject> {
    let (peer, session) = (live.peer.clone(), &live.session);
    let revision = peer.profile.revision;
    let created = server.tasks().create(principal, revision, ttl).await;
    let (id, record) = created.map_err(|error| uncreated(&error))?;
    let (tasks, clock) = (server.tasks().clone(), server.clock().clone());
    let cancelled = CancellationToken::new();
    let call = Call {
        client: Arc::new(InTask::new(tasks, id.clone(), peer)),
        principal: Arc::clone(principal),
        clock,
        entropy: server.entropy().clone(),
        cancelled: cancelled.clone(),
        changes: server.changes(),
        lent: server.lent(Some(session)),
    };
    let work = server.features().dispatch(request, call);
    run_on(server, id.clone(), revision, work, cancelled);
    let body = TaskBody::CoreCreated { task: CoreTask::from(record.task(id.as_str())) };
    Ok(task(body))
}

/// Why there is no task: the caller's doing or ours.
fn uncreated(error: &CreateError) -> ErrorObject {
    match error {
        CreateError::Store(error) => unkept_core(error),
        no_room => invalid(&no_room.to_string()),
    }
}

/// Answers the methods of 2025-11-25. `live` asks what a task wants to know while its client waits
/// for the result.
pub(super) async fn core(
    server: &Server,
    principal: &Principal,
    live: &Live,
    request: &ClientRequest,
) -> Result<ServerResult, ErrorObject> {
    let revision = live.peer.profile.revision;
    let id = match request {
        ClientRequest::ListTasks(params) => {
            if params.cursor.is_some() {
                return Err(invalid("Unknown cursor"));
            }
            let found = server
                .tasks()
                .list(principal, revision)
                .await
                .map_err(|error| unkept_core(&error))?;
            let described = |(id, record): &(TaskId, TaskRecord)| record.task(id.as_str()).into();
            return Ok(task(TaskBody::List { tasks: found.iter().map(described).collect() }));
        }
        ClientRequest::GetTask(params)
        | ClientRequest::CancelTask(params)
        | ClientRequest::TaskPayload(params) => &params.task_id,
        _ => return Err(refusal::method_not_found(revision).1),
    };
    let found =
        server.tasks().find(id, principal, revision).await.map_err(|error| unkept_core(&error))?;
    let (id, mut record) = found.ok_or_else(|| invalid("Unknown task"))?;
    match request {
        ClientRequest::TaskPayload(_) => return payload(server, principal, live, &id).await,
        ClientRequest::CancelTask(_) if record.outcome.is_some() => {
            return Err(invalid("The task has ended already"));
        }
        ClientRequest::CancelTask(_) => {
            let ended = server
                .tasks()
                .end(&id, Outcome::Cancelled)
                .await
                .map_err(|error| unkept_core(&error))?;
            record = ended.unwrap_or(record);
        }
        _ => {}
    }
    Ok(task(TaskBody::Core(record.task(id.as_str()).into())))
}

/// Waits for the end of a task, and asks its questions meanwhile.
async fn payload(
    server: &Server,
    principal: &Principal,
    live: &Live,
    id: &TaskId,
) -> Result<ServerResult, ErrorObject> {
    let mut changes = server.tasks().watch(id).await.map_err(|error| unkept_core(&error))?;
    // Who comes last asks: whoever came before may have lost the stream that it would ask on.
    let (own, mut asks) = (server.entropy().hex::<8>(), true);
    loop {
        let revision = live.peer.profile.revision;
        let found = server.tasks().find(id.as_str(), principal, revision).await;
        let (_, record) =
            found.map_err(|error| unkept_core(&error))?.ok_or_else(|| invalid("Unknown task"))?;
        if let Some(outcome) = record.outcome {
            return ended(id, outcome);
        }
        if record.status() == TaskStatus::InputRequired {
            asks |= record.is_unasked(server.clock().now());
            let asked = record.questions.into_iter().next();
            if let Some((key, question)) = asked.filter(|_| asks) {
                let asking = server.tasks().take_questions(id, &own).await;
                asking.map_err(|error| unkept_core(&error))?;
                let settled = settled(server, id, &key, &own);
                if let Some(answer) = live.ask_for_task(id.as_str(), &question, settled).await {
                    let answers = BTreeMap::from([(key, answer)]);
                    server
                        .tasks()
                        .answer(id, answers)
                        .await
                        .map_err(|error| unkept_core(&error))?;
                } else {
                    asks = false;
                }
                continue;
            }
        }
        // An instance that dies changes nothing: it has to be looked for.
        tokio::select! {
            biased;
            heard = changes.next() => if heard.is_none() {
                return Err(ErrorObject::new(ErrorCode::INTERNAL_ERROR, "The server is stopping"));
            },
            () = server.clock().sleep(crate::session::instances::CHECK) => {}
        }
    }
}

/// Ready when a question need not be asked any more, or by somebody else only.
async fn settled(server: &Server, id: &TaskId, key: &str, own: &str) {
    let tasks = server.tasks();
    loop {
        if let Ok(mut changes) = tasks.watch(id).await {
            while let Ok(true) = tasks.still_asks(id, key, own).await {
                if changes.next().await.is_none() {
                    break;
                }
            }
            if let Ok(false) = tasks.still_asks(id, key, own).await {
                return;
            }
        }
        server.clock().sleep(crate::subscriptions::AGAIN).await;
    }
}

/// What the call of a task would have given, marked with the task.
fn ended(id: &TaskId, outcome: Outcome) -> Result<ServerResult, ErrorObject> {
    let related = ("io.modelcontextprotocol/related-task", json!({ "taskId": id.as_str() }));
    match outcome {
        Outcome::Result(mut result) => {
            let meta = result.shift_remove("_meta");
            let mut head = Head::default();
            if let Some(Value::Object(meta)) = meta {
                head.meta.other = meta;
            }
            head.meta.other.insert(related.0.to_owned(), related.1);
            let mut answer = shared::mcp::TaskResult::from(TaskBody::Payload(result));
            answer.head = head;
            Ok(ServerResult::Task(answer))
        }
        Outcome::Error(error) => Err(error),
        Outcome::Cancelled => Err(invalid("The task was cancelled")
            .with_data(Value::Object(Map::from_iter([(related.0.to_owned(), related.1)])))),
    }
}

fn invalid(message: &str) -> ErrorObject {
    ErrorObject::new(ErrorCode::INVALID_PARAMS, message)
}

fn unkept_core(error: &StoreError) -> ErrorObject {
    tracing::error!(%error, "tasks cannot be reached");
    ErrorObject::new(ErrorCode::INTERNAL_ERROR, "Tasks cannot be reached now; try again shortly")
}
