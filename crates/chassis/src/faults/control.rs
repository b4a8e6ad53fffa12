//! `/debug/faults`: what may go wrong, what is planned, and planning it.

use axum::{
    Json, Router,
    extract::{Request, State, rejection::JsonRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::{Faults, MAX_PLANS, plan::Plan};

/// Where they are asked for.
const PATH: &str = "/debug/faults";

pub(super) fn router<S>(faults: &Faults) -> Router<S> {
    Router::new()
        .route(PATH, get(show).post(plan).delete(forget))
        .layer(middleware::from_fn(no_browsers))
        .with_state(faults.clone())
}

/// A page of somebody else must not break a server that only its visitor can reach.
async fn no_browsers(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        return refused(StatusCode::FORBIDDEN, "this is not for pages in browsers");
    }
    next.run(request).await
}

async fn show(State(faults): State<Faults>) -> Json<Value> {
    let described = faults.described().map(|(name, does)| (name.to_owned(), json!(does)));
    let described: Map<_, _> = described.collect();
    let planned = faults.with_plans(|plans| json!(plans));
    Json(json!({ "planned": planned, "faults": described }))
}

/// One, or several.
async fn plan(State(faults): State<Faults>, asked: Result<Json<Value>, JsonRejection>) -> Response {
    let asked = match asked {
        Ok(Json(asked)) => asked,
        Err(wrong) => return refused(wrong.status(), &wrong.body_text()),
    };
    let asked = if asked.is_array() { asked } else { json!([asked]) };
    let plans = serde_json::from_value::<Vec<Plan>>(asked).map_err(|error| error.to_string());
    let plans = plans.and_then(|plans| {
        plans.into_iter().map(|plan| plan.checked(&faults)).collect::<Result<Vec<_>, _>>()
    });
    let plans = match plans {
        Ok(plans) => plans,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let added = faults.with_plans(|planned| {
        let fit = planned.len() + plans.len() <= MAX_PLANS;
        if fit {
            planned.extend(plans);
        }
        fit.then(|| json!({ "planned": planned }))
    });
    match added {
        Some(planned) => (StatusCode::CREATED, Json(planned)).into_response(),
        None => refused(StatusCode::CONFLICT, "too much is planned; DELETE forgets it"),
    }
}

async fn forget(State(faults): State<Faults>) -> StatusCode {
    faults.with_plans(Vec::clear);
    StatusCode::NO_CONTENT
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
