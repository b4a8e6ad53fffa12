//! In a session of 2025-11-25 a server may ask a question as a task: the client says at once that it
//! works on it, and the server comes back for the answer.

use std::collections::BTreeMap;

use ambient::Clock;
use serde_json::{Value, json};

use crate::{Result, answers::answer, say};

/// What a server may ask for as a task, and do with one.
pub(crate) fn capability() -> Value {
    let questions = json!({ "sampling": { "createMessage": {} }, "elicitation": { "create": {} } });
    json!({ "list": {}, "cancel": {}, "requests": questions })
}

/// The tasks that this client has made of questions.
#[derive(Default)]
pub(crate) struct OwnTasks {
    made: BTreeMap<String, Own>,
}

struct Own {
    /// As the protocol tells of it.
    task: Value,
    answer: Value,
}

impl OwnTasks {
    /// What this client answers to a request of the server, whether it is a question or about a task.
    pub(crate) fn answer(&mut self, request: &Value) -> Result<Value> {
        let params = &request["params"];
        let id = params["taskId"].as_str().unwrap_or_default();
        match request["method"].as_str() {
            Some("tasks/get") => {
                let own = self.made.get_mut(id).ok_or("the server asks for an unknown task")?;
                let seen = own.task.clone();
                // A person or a model takes its time; this one is ready at the second look.
                if own.task["status"] == "working" {
                    own.end("completed");
                }
                say(format_args!("    the server looks at {id}, which is {}", seen["status"]));
                Ok(seen)
            }
            Some("tasks/result") => {
                let own = self.made.get(id).ok_or("the server asks for an unknown task")?;
                let mut answer = own.answer.clone();
                answer["_meta"] =
                    json!({ "io.modelcontextprotocol/related-task": { "taskId": id } });
                Ok(answer)
            }
            Some("tasks/cancel") => {
                let own = self.made.get_mut(id).ok_or("the server cancels an unknown task")?;
                own.end("cancelled");
                Ok(own.task.clone())
            }
            Some("tasks/list") => {
                Ok(json!({ "tasks": self.made.values().map(|own| &own.task).collect::<Vec<_>>() }))
            }
            _ if params["task"].is_object() => self.make(request),
            _ => answer(request),
        }
    }

    fn make(&mut self, question: &Value) -> Result<Value> {
        let id = format!("own-{}", self.made.len() + 1);
        let now = Clock::system().now().to_rfc3339();
        let task = json!({
            "taskId": id, "status": "working", "createdAt": now, "lastUpdatedAt": now,
            "ttl": question["params"]["task"]["ttl"], "pollInterval": 100,
        });
        self.made.insert(id, Own { task: task.clone(), answer: answer(question)? });
        Ok(json!({ "task": task }))
    }
}

impl Own {
    fn end(&mut self, status: &str) {
        self.task["status"] = json!(status);
        self.task["lastUpdatedAt"] = json!(Clock::system().now().to_rfc3339());
    }
}
