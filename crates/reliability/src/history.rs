//! What clients saw, and whether it is what was promised: each stream in its order, from its first
//! event to its answer, and nothing of another stream.

use std::time::Duration;

use serde_json::Value;

/// What one client saw of one call, over however many connections.
#[derive(Debug)]
pub struct Seen {
    /// The token that only this call's progress carries.
    token: String,
    /// How many steps the call has.
    steps: u64,
    /// The next step.
    next: u64,
    /// What is not as promised.
    pub flaws: Flaws,
    /// How it ended.
    pub end: Option<End>,
    /// How often it was told that messages of its stream are missing.
    pub gaps: usize,
    /// The first event of its stream to come back to.
    pub first: Option<String>,
    /// What its stream is called in the names of its events, once it had one.
    pub stream: Option<String>,
    /// If it lost its instance: how long after its stream broke it was told so.
    pub lost_after: Option<Duration>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With its result.
    Result,
    /// With the error that says that its instance is gone.
    InstanceLost,
    /// With another error.
    Error,
}

/// Counts of what should not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// Steps that were skipped, or never came before a result.
    pub lost: usize,
    /// Steps that came after a later one, or again.
    pub repeated: usize,
    /// Messages of another call.
    pub crossed: usize,
}

impl Flaws {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.crossed += other.crossed;
    }
}

impl Seen {
    /// Nothing yet of a call with so many steps.
    #[must_use]
    pub fn new(token: String, steps: u64) -> Self {
        Self {
            token,
            steps,
            next: 1,
            flaws: Flaws::default(),
            end: None,
            gaps: 0,
            first: None,
            stream: None,
            lost_after: None,
        }
    }

    /// The token that only this call's progress carries.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// How many steps were seen.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.next - 1
    }

    /// Takes a message that came on the stream of the call.
    pub fn take(&mut self, message: &Value) {
        if message["method"] == "notifications/progress" {
            let params = &message["params"];
            // A number of steps is a small one.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number of steps is small, and was sent by us"
            )]
            let step = params["progress"].as_f64().unwrap_or_default() as u64;
            self.progress(params["progressToken"].as_str().unwrap_or_default(), step);
        } else if message["method"] == "notifications/message" {
            self.gaps += usize::from(message["params"]["logger"] == "stream");
        } else if message.get("id").is_some() {
            self.ended(message);
        }
    }

    fn progress(&mut self, token: &str, step: u64) {
        if token != self.token {
            self.flaws.crossed += 1;
        } else if step < self.next {
            self.flaws.repeated += 1;
        } else {
            self.flaws.lost += usize::try_from(step - self.next).unwrap_or(usize::MAX);
            self.next = step + 1;
        }
    }

    fn ended(&mut self, message: &Value) {
        self.end = Some(match message.get("error") {
            None => {
                let missing = (self.steps + 1).saturating_sub(self.next);
                self.flaws.lost += usize::try_from(missing).unwrap_or(usize::MAX);
                End::Result
            }
            Some(error) if error["data"]["reason"] == "instance_lost" => End::InstanceLost,
            Some(_) => End::Error,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(token: &str, step: u64) -> Value {
        json!({ "method": "notifications/progress",
                "params": { "progressToken": token, "progress": step } })
    }

    fn seen(messages: &[Value]) -> Seen {
        let mut seen = Seen::new("t".to_owned(), 3);
        for message in messages {
            seen.take(message);
        }
        seen
    }

    #[test]
    fn a_call_that_is_seen_whole_has_no_flaw() {
        let result = json!({ "id": 1, "result": {} });
        let seen = seen(&[step("t", 1), step("t", 2), step("t", 3), result]);
        assert_eq!((seen.flaws, seen.end), (Flaws::default(), Some(End::Result)));
    }

    #[test]
    fn what_is_missing_is_lost_at_the_latest_with_the_result() {
        let result = json!({ "id": 1, "result": {} });
        assert_eq!(seen(&[step("t", 1), step("t", 3), result.clone()]).flaws.lost, 1);
        assert_eq!(seen(&[step("t", 1), result]).flaws.lost, 2);
    }

    #[test]
    fn order_and_origin_are_looked_at() {
        let flaws = seen(&[step("t", 2), step("t", 1), step("u", 3)]).flaws;
        assert_eq!(flaws, Flaws { lost: 1, repeated: 1, crossed: 1 });
    }

    #[test]
    fn a_call_whose_instance_died_may_end_early() {
        let lost = json!({ "id": 1, "error": { "data": { "reason": "instance_lost" } } });
        let seen = seen(&[step("t", 1), lost]);
        assert_eq!((seen.flaws.lost, seen.end), (0, Some(End::InstanceLost)));
    }
}
