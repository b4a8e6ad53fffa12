//! One call over several requests: what a modern client brings back, opened and sealed.
//!
//! The state is the client's to keep and therefore the client's to tamper with. It is sealed, and
//! bound to who asks for what with which arguments; see the decision on request state.

use std::collections::BTreeMap;

use mcp_core::{
    Principal,
    flow::{Binding, Journal, OpenError, SealError, Sealer, digest},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::mcp::{
    ClientRequest, ErrorCode, ErrorObject, InputResponses, Method, RawJson, malformed_answer,
};

use crate::Server;

/// What identifies a call across its rounds. The digest of the arguments is made only when a state
/// is opened or sealed: most calls never ask.
pub(super) struct Exchange {
    method: Method,
    target: String,
    arguments: Arguments,
}

enum Arguments {
    None,
    OfTool(RawJson),
    OfPrompt(BTreeMap<String, String>),
}

/// Cuts what belongs to the exchange out of a request that may have several rounds.
pub(super) fn parts(
    request: &mut ClientRequest,
) -> Option<(Exchange, Option<InputResponses>, Option<String>)> {
    match request {
        ClientRequest::CallTool(call) => {
            let arguments = call.arguments.clone().map_or(Arguments::None, Arguments::OfTool);
            let (method, target) = (Method::CallTool, call.name.clone());
            let exchange = Exchange { method, target, arguments };
            Some((exchange, call.input_responses.take(), call.request_state.take()))
        }
        ClientRequest::GetPrompt(get) => {
            let arguments = Arguments::OfPrompt(get.arguments.clone());
            let (method, target) = (Method::GetPrompt, get.name.clone());
            let exchange = Exchange { method, target, arguments };
            Some((exchange, get.input_responses.take(), get.request_state.take()))
        }
        ClientRequest::ReadResource(read) => {
            let (method, target) = (Method::ReadResource, read.uri.clone());
            let exchange = Exchange { method, target, arguments: Arguments::None };
            Some((exchange, read.input_responses.take(), read.request_state.take()))
        }
        _ => None,
    }
}

impl Arguments {
    fn digest(&self) -> String {
        match self {
            Self::None => digest(&Value::Null),
            // What nests too deep for a value still fits a type that ignores it: bound as it came.
            Self::OfTool(arguments) => arguments.decode().map_or_else(
                |_| const_hex::encode(Sha256::digest(arguments.as_bytes())),
                |value| digest(&value),
            ),
            Self::OfPrompt(arguments) => digest(&serde_json::json!(arguments)),
        }
    }
}

/// Whether everything in `inputResponses` is an answer. Whether it is a good one its question knows.
pub(super) fn well_formed(answers: &InputResponses) -> Result<(), ErrorObject> {
    malformed_answer(answers).map_or(Ok(()), |key| {
        let message = format!("`inputResponses` has no answer at `{key}`");
        Err(ErrorObject::new(ErrorCode::INVALID_PARAMS, message))
    })
}

impl Exchange {
    fn binding<'a>(&'a self, principal: &'a str, digest: &'a str) -> Binding<'a> {
        let method = self.method.as_str();
        Binding { principal, method, target: &self.target, arguments_digest: digest }
    }

    /// What the call has learnt in earlier rounds and from this one.
    pub(super) fn resume(
        &self,
        server: &Server,
        principal: &Principal,
        answers: Option<InputResponses>,
        state: Option<String>,
    ) -> Result<Journal, ErrorObject> {
        let mut answers = answers.unwrap_or_default();
        let Some(state) = state else {
            // Nobody has asked: what is no answer at all is one to nothing.
            while let Some(key) = malformed_answer(&answers).map(str::to_owned) {
                answers.remove(&key);
            }
            return Ok(Journal::unasked(answers));
        };
        let (identity, digest) = (principal.identity(), self.arguments.digest());
        let binding = self.binding(&identity, &digest);
        let opened = server.sealer().open(&state, &binding, server.clock().now());
        let journal = opened.map_err(|OpenError| {
            let message = "`requestState` is not valid for this request; start again without it";
            ErrorObject::new(ErrorCode::INVALID_PARAMS, message)
        })?;
        // What nothing asks for is ignored, whatever it is.
        answers.retain(|key, _| journal.asks(key));
        well_formed(&answers)?;
        Ok(journal.with_answers(answers))
    }

    /// What the client is to bring back with its answers.
    pub(super) fn suspend(
        &self,
        server: &Server,
        principal: &Principal,
        journal: Journal,
    ) -> Result<String, ErrorObject> {
        let (identity, digest) = (principal.identity(), self.arguments.digest());
        let binding = self.binding(&identity, &digest);
        let sealer: &Sealer = server.sealer();
        sealer.seal(journal, &binding, server.clock().now(), server.entropy()).map_err(
            |error: SealError| ErrorObject::new(ErrorCode::INTERNAL_ERROR, error.to_string()),
        )
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shared::mcp::Params;

    use super::*;

    #[test]
    fn arguments_that_are_too_deep_to_read_are_still_told_apart() {
        let deep = |amount| {
            let nest = format!("{}{}", "[".repeat(200), "]".repeat(200));
            let text = format!(r#"{{"amount":{amount},"ignored":{nest}}}"#);
            let call = format!(r#"{{"name":"x","arguments":{text}}}"#);
            let params = Params::parse(&RawJson::from(Bytes::from(call))).unwrap();
            let mut request = ClientRequest::decode(Method::CallTool, Some(&params)).unwrap();
            parts(&mut request).unwrap().0.arguments.digest()
        };
        assert_eq!(deep(1), deep(1));
        assert_ne!(deep(1), deep(2));
    }
}
