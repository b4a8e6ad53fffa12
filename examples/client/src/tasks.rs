//! Tasks: calls that go on after they were answered. In a session of 2025-11-25 the client asks for
//! one, and makes tasks of its own of questions; since 2026-07-28 the server decides.

use ambient::Clock;
use serde_json::{Value, json};

use crate::{
    Result,
    calls::is_listed,
    modern::{Modern, pause},
    say,
    session::Session,
    tour::{Server, shown},
};

const RESEARCH: &str = "simulate-research-query";

/// One that is led to its end, one that is cancelled, and those that the client makes itself.
pub(crate) async fn all(server: &mut Server) -> Result<()> {
    let listed = server.list("tools/list", "tools").await?;
    match server {
        Server::Modern(modern) => {
            since_2026(modern).await?;
        }
        Server::Session(session) => {
            in_a_session(session).await?;
            for name in ["sampling-request-async", "elicitation-request-async"] {
                if is_listed(&listed, name) {
                    let arguments = json!({ "prompt": "Take your time" });
                    server.tool(name, arguments).await?;
                }
            }
        }
    }
    Ok(())
}

/// A question comes up on the way, in both eras.
fn research() -> Value {
    json!({ "name": RESEARCH, "arguments": { "topic": "python", "ambiguous": true } })
}

fn tell(report: &Value) -> Result<()> {
    let text = report["content"][0]["text"].as_str().ok_or("a task has no report")?;
    say(format_args!("  {RESEARCH}: {}", text.lines().next().unwrap_or_default()));
    Ok(())
}

async fn since_2026(modern: &mut Modern) -> Result<()> {
    let created = modern.call("tools/call", research()).await?;
    let id = &created["taskId"];
    if created["resultType"] != "task" {
        return Err(format!("that is no task: {}", shown(&created)).into());
    }
    say(format_args!("  the call goes on as task {id}"));
    // Who does not want to ask may listen: each change comes as the whole task.
    let wanted = json!({ "notifications": { "taskIds": [id] } });
    let mut changes = modern.open("subscriptions/listen", &wanted).await?;
    while let Some(message) = changes.next().await? {
        if message["method"] == "notifications/tasks" {
            let (status, said) =
                (&message["params"]["status"], &message["params"]["statusMessage"]);
            say(format_args!("    it is told to be {status}: {said}"));
            break;
        }
    }
    drop(changes);
    tell(&modern.follow(id).await?)?;
    let second = modern.call("tools/call", research()).await?;
    let second = json!({ "taskId": second["taskId"] });
    modern.call("tasks/cancel", second.clone()).await?;
    let cancelled = modern.call("tasks/get", second).await?;
    ended("cancelled", &cancelled)
}

async fn in_a_session(session: &mut Session) -> Result<()> {
    let id = started(session).await?;
    let task = json!({ "taskId": id });
    loop {
        let seen = session.call("tasks/get", task.clone()).await?;
        say(format_args!("    the task is {}: {}", seen["status"], seen["statusMessage"]));
        if seen["status"] != "working" {
            break;
        }
        Clock::system().sleep(pause(&seen["pollInterval"])).await;
    }
    // Its question comes while its result is waited for.
    tell(&session.call("tasks/result", task).await?)?;
    let second = json!({ "taskId": started(session).await? });
    let cancelled = session.call("tasks/cancel", second.clone()).await?;
    ended("cancelled", &cancelled)?;
    let listed = session.call("tasks/list", json!({})).await?;
    let tasks = listed["tasks"].as_array().into_iter().flatten();
    let tasks: Vec<_> = tasks.map(|task| task["status"].as_str().unwrap_or_default()).collect();
    say(format_args!("  the tasks of the session: {}", tasks.join(", ")));
    Ok(())
}

/// Calls the tool as a task, and tells its id.
async fn started(session: &mut Session) -> Result<Value> {
    let mut params = research();
    params["task"] = json!({ "ttl": 60_000 });
    let created = session.call("tools/call", params).await?;
    let id = created["task"]["taskId"].clone();
    say(format_args!("  the call goes on as task {id}"));
    Ok(id)
}

fn ended(status: &str, task: &Value) -> Result<()> {
    if task["status"] != status {
        return Err(format!("the task is not {status}: {task}").into());
    }
    say(format_args!("  task {} is {status}: {}", task["taskId"], task["statusMessage"]));
    Ok(())
}
