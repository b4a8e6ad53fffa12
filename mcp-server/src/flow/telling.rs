//! What a hop says of a message: read off the message itself, in both eras alike.

use axum::{Router, extract::Request, middleware::Next, response::Response};
use http::{StatusCode, header};
use serde::{Deserialize, de::IgnoredAny};
use shared::mcp::{Params, RequestId};

use super::{Flow, Hop, Kind, Origin, Place};
use crate::{auth::AGENT, operation::Asked, session::SessionId};

/// What is looked at of a message that goes out.
#[derive(Deserialize)]
struct Looked {
    #[serde(default)]
    id: Option<RequestId>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    result: Option<Kinds>,
    #[serde(default)]
    error: Option<Code>,
}

#[derive(Deserialize)]
struct Kinds {
    #[serde(rename = "resultType", default)]
    kind: Option<String>,
    #[serde(rename = "isError", default)]
    is_error: bool,
}

#[derive(Deserialize)]
struct Code {
    code: i64,
}

impl Flow {
    /// A request or a notification has come in; `target` is the tool or prompt that it names.
    pub(crate) fn came(&self, asked: &Asked<'_>, target: Option<&str>) {
        self.note(|| {
            let kind = if asked.id.is_some() { Kind::Request } else { Kind::Notification };
            let what = target.map_or_else(
                || asked.method.to_owned(),
                |target| format!("{} {target}", asked.method),
            );
            let hop = Hop::new(Place::Client, Place::Instance, kind, what).id(asked.id);
            let bytes = asked.params.map_or(0, Params::size);
            hop.session(asked.session.map(SessionId::as_str)).bytes(bytes)
        });
    }

    /// A message goes out to a client on a stream: an answer, a question or a notification.
    pub(crate) fn went(&self, message: &[u8], session: Option<&str>, origin: &Origin) {
        self.note(|| {
            let hop = told(message).unwrap_or_else(|| answer("an answer", false));
            hop.session(session).bytes(message.len()).of(origin.clone())
        });
    }

    /// An answer with a status goes out; there may be no message in it, as with a challenge.
    pub(crate) fn answers(&self, status: StatusCode, body: &[u8], session: Option<&str>) {
        self.note(|| {
            let failed = !status.is_success();
            let hop = told(body).unwrap_or_else(|| answer(status.as_str(), failed));
            hop.session(session).bytes(body.len())
        });
    }

    /// A client has answered a question, which goes to the instance that asked.
    pub(crate) fn answered(&self, id: &RequestId, session: &str) {
        self.note(|| {
            let hop = Hop::new(Place::Client, Place::Instance, Kind::Answer, "answer");
            hop.id(Some(id)).session(Some(session))
        });
        self.kept("mcp:shttp:toserver: an answer", Some(id), Some(session));
    }

    /// Something goes to the store, or to another instance through it.
    pub(crate) fn kept(&self, what: &str, id: Option<&RequestId>, session: Option<&str>) {
        self.note(|| {
            Hop::new(Place::Instance, Place::Store, Kind::Kept, what).id(id).session(session)
        });
    }

    /// Something comes from the store, or from another instance through it.
    pub(crate) fn fetched(&self, what: &str, id: Option<&RequestId>, session: Option<&str>) {
        self.note(|| {
            Hop::new(Place::Store, Place::Instance, Kind::Kept, what).id(id).session(session)
        });
    }

    /// Shows what comes to the authorization server, where it lives in the same process: the path
    /// and the status.
    pub(crate) fn around_authorization(&self, router: Router) -> Router {
        if !self.is_on() {
            return router;
        }
        let flow = self.clone();
        router.layer(axum::middleware::from_fn(move |request, next| {
            let flow = flow.clone();
            async move { flow.oauth(request, next).await }
        }))
    }

    async fn oauth(&self, request: Request, next: Next) -> Response {
        // What our own instances ask is noted by who asks.
        let is_own = request.headers().get(header::USER_AGENT).is_some_and(|agent| agent == AGENT);
        if is_own || !self.is_watched() {
            return next.run(request).await;
        }
        let what = format!("{} {}", request.method(), request.uri().path());
        self.note(|| Hop::new(Place::Client, Place::Auth, Kind::Oauth, what.clone()));
        let response = next.run(request).await;
        let status = response.status();
        self.note(|| {
            let what = format!("{} to {what}", status.as_u16());
            let failed = status.is_client_error() || status.is_server_error();
            Hop::new(Place::Auth, Place::Client, Kind::Oauth, what).failed(failed)
        });
        response
    }
}

/// What has no message in it.
fn answer(what: &str, failed: bool) -> Hop {
    Hop::new(Place::Instance, Place::Client, Kind::Response, what).failed(failed)
}

fn told(message: &[u8]) -> Option<Hop> {
    let hop = |kind, what: String| Hop::new(Place::Instance, Place::Client, kind, what);
    let Ok(looked) = serde_json::from_slice::<Looked>(message) else {
        let batch = serde_json::from_slice::<Vec<IgnoredAny>>(message).ok()?;
        return Some(answer(&format!("{} answers", batch.len()), false));
    };
    Some(match looked {
        Looked { id, method: Some(method), .. } => {
            let kind = if id.is_some() { Kind::Question } else { Kind::Notification };
            hop(kind, method).id(id.as_ref())
        }
        Looked { id, error: Some(Code { code }), .. } => {
            hop(Kind::Response, format!("error {code}")).id(id.as_ref()).failed(true)
        }
        Looked { id, result, .. } => {
            let failed = result.as_ref().is_some_and(|result| result.is_error);
            let kind = result.and_then(|result| result.kind);
            let what = kind.map_or_else(|| "result".to_owned(), |kind| format!("result: {kind}"));
            hop(Kind::Response, what).id(id.as_ref()).failed(failed)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> String {
        let hop = told(message.as_bytes()).unwrap_or_else(|| answer("an answer", false));
        serde_json::to_string(&hop).unwrap()
    }

    #[test]
    fn messages_are_told_by_what_they_are_and_never_by_what_they_hold() {
        for (message, says) in [
            (r#"{"id":1,"result":{"resultType":"input_required"}}"#, "result: input_required"),
            (r#"{"id":1,"result":{"content":[{"text":"secret"}],"isError":true}}"#, "failed"),
            (r#"{"id":1,"error":{"code":-32602,"message":"secret"}}"#, "error -32602"),
            (r#"{"id":"q","method":"elicitation/create","params":"secret"}"#, "question"),
            (r#"{"method":"notifications/progress","params":"secret"}"#, "notification"),
            (r#"[{"id":1,"result":{}}]"#, "1 answers"),
            ("secret", "an answer"),
        ] {
            let line = line(message);
            assert!(line.contains(says) && !line.contains("secret"), "{line}");
        }
    }
}
