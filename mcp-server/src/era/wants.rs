//! What a client of a session wants of a request where tasks are concerned: its answer, a task, or
//! something about a task. Pure: nothing runs here.

use shared::mcp::{ClientRequest, ErrorCode, ErrorObject, Method, TaskSupport};

use crate::{
    Server,
    session::{SessionRecord, Transport},
};

/// What a client wants of a request.
pub(super) enum Wants {
    /// Its answer.
    Answer,
    /// A task, to be kept for so many milliseconds if it says so.
    Task(Option<u64>),
    /// Something about a task.
    OfTask,
}

/// What a request of a session is about, where tasks are concerned (2025-11-25
/// basic/utilities/tasks).
pub(super) fn wants(
    server: &Server,
    record: &SessionRecord,
    request: &ClientRequest,
) -> Result<Wants, ErrorObject> {
    let call = match request {
        ClientRequest::GetTask(_)
        | ClientRequest::CancelTask(_)
        | ClientRequest::TaskPayload(_)
        | ClientRequest::ListTasks(_) => return Ok(Wants::OfTask),
        // Where no tasks are offered, what says that one is wanted is ignored.
        ClientRequest::CallTool(call)
            if record.revision.has_core_tasks() && server.features().offers(Method::GetTask) =>
        {
            call
        }
        _ => return Ok(Wants::Answer),
    };
    let refused = |message| Err(ErrorObject::new(ErrorCode::METHOD_NOT_FOUND, message));
    let task = call
        .task()
        .map_err(|wrong| ErrorObject::new(ErrorCode::INVALID_PARAMS, wrong.to_string()))?;
    match (server.features().task_support(&call.name), task) {
        (Some(TaskSupport::Required), None) => refused("This tool runs as a task only"),
        // An unknown one is told to be unknown.
        (None, Some(_)) if exists(server, &call.name) => refused("This tool cannot run as a task"),
        (Some(_), Some(task)) => Ok(Wants::Task(task.ttl)),
        _ => Ok(Wants::Answer),
    }
}

fn exists(server: &Server, tool: &str) -> bool {
    server.features().names().tools.iter().any(|name| name == tool)
}

/// Whether a caller's tasks can be told from those of others. Who is not asked for a token over HTTP
/// is everybody, and the name of a task is all that protects it (2025-11-25 basic/utilities/tasks).
pub(super) fn lists_tasks(server: &Server, transport: Transport) -> bool {
    server.auth().is_some() || transport == Transport::Stdio
}
