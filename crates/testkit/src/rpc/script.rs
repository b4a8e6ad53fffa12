//! What the person and the model behind a test client say when a server asks.

use std::{collections::HashMap, fmt, sync::Arc};

use serde_json::{Value, json};

type Answer = Arc<dyn Fn(&Value) -> Result<Value, Value> + Send + Sync>;

/// Answers to questions, by method. A question without one is refused with `-32601`.
#[derive(Clone, Default)]
pub struct Script(HashMap<String, Answer>);

impl Script {
    /// Answers questions of this method with a result made of their parameters.
    #[must_use]
    pub fn on(
        mut self,
        method: &str,
        answer: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(method.to_owned(), Arc::new(move |params| Ok(answer(params))));
        self
    }

    /// Answers questions of this method with an error.
    #[must_use]
    pub fn refuse(mut self, method: &str, code: i64, message: &str) -> Self {
        let error = json!({"code": code, "message": message});
        self.0.insert(method.to_owned(), Arc::new(move |_| Err(error.clone())));
        self
    }

    /// The result or error for a question.
    pub(super) fn answer(&self, question: &Value) -> Result<Value, Value> {
        let method = question["method"].as_str().unwrap_or_default();
        match self.0.get(method) {
            Some(answer) => answer(&question["params"]),
            None if method == "ping" => Ok(json!({})),
            None => Err(json!({"code": -32601, "message": format!("no answer to {method}")})),
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
