//! `GET /version`: which program answers, of which version, built from which commit.

use axum::{Json, Router, routing::get};
use serde_json::{Map, Value, json};

use crate::telemetry::{REVISION, Service};

/// The route. `more` are further members, such as what is spoken.
pub fn version<S: Clone + Send + Sync + 'static>(service: Service, more: Value) -> Router<S> {
    let mut document = Map::new();
    document.insert("name".to_owned(), json!(service.name));
    document.insert("version".to_owned(), json!(service.version));
    if let Some(revision) = REVISION {
        document.insert("revision".to_owned(), json!(revision));
    }
    if let Value::Object(more) = more {
        document.extend(more);
    }
    Router::new().route("/version", get(async move || Json(document)))
}
