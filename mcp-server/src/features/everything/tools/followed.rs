//! What the two tools say whose questions clients answer as tasks, in the words of the original.

use mcp_core::FollowedTask;
use serde_json::Value;
use shared::mcp::TaskStatus;

/// The answer of a client that made no task of the question.
pub(super) fn at_once(answer: &Value) -> Result<String, serde_json::Error> {
    let told = serde_json::to_string_pretty(answer)?;
    Ok(format!("[SYNC] Client executed synchronously:\n{told}"))
}

/// Every look at a task, a line each.
pub(super) fn progress(task: &FollowedTask) -> String {
    let looks = (1..).zip(&task.seen).map(|(n, (status, message))| {
        let message = message.as_ref().map(|message| format!(" - {message}"));
        format!("\nPoll {n}: {}{}", name(*status), message.unwrap_or_default())
    });
    format!("Task created: {}{}", task.id, looks.collect::<String>())
}

/// What is said of a task that has no result.
pub(super) fn without_result(task: &FollowedTask) -> String {
    let progress = progress(task);
    if let Some(ended @ (TaskStatus::Failed | TaskStatus::Cancelled)) = task.status() {
        let message = task.seen.last().and_then(|(_, message)| message.as_deref());
        let ended = name(ended).to_uppercase();
        format!("[{ended}] {}\n\nProgress:\n{progress}", message.unwrap_or("No message"))
    } else {
        let polls = task.seen.len();
        format!("[TIMEOUT] Task timed out after {polls} poll attempts\n\nProgress:\n{progress}")
    }
}

const fn name(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Working => "working",
        TaskStatus::InputRequired => "input_required",
        TaskStatus::Completed => "completed",
        TaskStatus::Failed => "failed",
        TaskStatus::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(seen: &[(TaskStatus, Option<&str>)]) -> FollowedTask {
        let seen = seen.iter().map(|(status, said)| (*status, said.map(str::to_owned))).collect();
        FollowedTask { id: "ct1".to_owned(), seen, result: None }
    }

    #[test]
    fn every_look_is_told_as_in_the_original() {
        let task = task(&[(TaskStatus::Working, Some("p1")), (TaskStatus::Completed, None)]);
        assert_eq!(progress(&task), "Task created: ct1\nPoll 1: working - p1\nPoll 2: completed");
    }

    #[test]
    fn a_task_without_a_result_says_why() {
        let failed = task(&[(TaskStatus::Failed, Some("broken"))]);
        let told = "[FAILED] broken\n\nProgress:\nTask created: ct1\nPoll 1: failed - broken";
        assert_eq!(without_result(&failed), told);
        let cancelled = task(&[(TaskStatus::Cancelled, None)]);
        assert!(without_result(&cancelled).starts_with("[CANCELLED] No message\n"));
        let slow = task(&[(TaskStatus::Working, None); 3]);
        assert!(
            without_result(&slow).starts_with("[TIMEOUT] Task timed out after 3 poll attempts")
        );
    }
}
