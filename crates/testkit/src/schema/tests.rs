//! The checks find what is wrong, and nothing in what is right.

use serde_json::{Value, json};
use shared::mcp::{Era, Revision};

use super::{Asked, violations};

const MODERN: Revision = Revision::V2026_07_28;
const SESSION: Revision = Revision::V2025_11_25;

fn answered(revision: Revision, method: &str, result: Value) -> Vec<String> {
    let asked = Asked::by(&json!({"jsonrpc": "2.0", "id": 1, "method": method}));
    let mut message = json!({"jsonrpc": "2.0", "id": 1});
    message["result"] = result;
    violations(revision, &message, &asked)
}

#[track_caller]
fn finds(part: &str, found: &[String]) {
    assert!(found.iter().any(|violation| violation.contains(part)), "`{part}` in {found:#?}");
}

fn tool_list(tool: Value) -> Value {
    let mut list = json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "public"});
    list["tools"] = vec![tool].into();
    list
}

#[test]
fn a_right_answer_has_no_violations_in_any_revision() {
    for revision in Revision::ALL {
        let mut result = json!({"content": [{"type": "text", "text": "hello"}]});
        if revision.era() == Era::Modern {
            result["resultType"] = "complete".into();
        }
        assert_eq!(answered(revision, "tools/call", result), [""; 0], "{revision}");
    }
}

#[test]
fn a_tool_without_an_input_schema_is_found() {
    for revision in Revision::ALL {
        finds("inputSchema", &answered(revision, "tools/list", tool_list(json!({"name": "t"}))));
    }
}

#[test]
fn a_modern_result_says_its_type() {
    finds("resultType", &answered(MODERN, "tools/call", json!({"content": []})));
    let unknown = json!({"content": [], "resultType": "later"});
    finds("resultType", &answered(MODERN, "tools/call", unknown));
}

#[test]
fn a_modern_list_says_how_long_it_lives() {
    let list = json!({"tools": [], "resultType": "complete"});
    let found = answered(MODERN, "tools/list", list);
    finds("ttlMs", &found);
    finds("cacheScope", &found);
}

#[test]
fn a_session_sees_nothing_of_the_newer_revision() {
    let result = json!({"content": [], "resultType": "complete"});
    finds("`resultType` does not exist", &answered(SESSION, "tools/call", result));
    finds("exactly {}", &answered(SESSION, "ping", json!({"_meta": {}})));
}

#[test]
fn what_an_older_revision_does_not_name_is_found() {
    let tool = json!({"name": "t", "title": "T", "inputSchema": {"type": "object"}});
    let found = answered(Revision::V2025_03_26, "tools/list", json!({"tools": [tool]}));
    assert_eq!(found, ["Tool of 2025-03-26 has no `title`"]);
    let result = json!({"content": [], "structuredContent": {}});
    let found = answered(Revision::V2025_03_26, "tools/call", result);
    assert_eq!(found, ["CallToolResult of 2025-03-26 has no `structuredContent`"]);
}

#[test]
fn tools_have_names_of_their_own_and_schemas_that_are_schemas() {
    let tool = json!({"name": "t", "inputSchema": {"type": "object", "required": 5}});
    let found = answered(MODERN, "tools/list", tool_list(tool.clone()));
    finds("inputSchema of `t` is no JSON Schema", &found);
    let twice = json!({"tools": [tool.clone(), tool]});
    finds("listed twice", &answered(SESSION, "tools/list", twice));
}

#[test]
fn binary_content_is_base64() {
    let image = json!({"type": "image", "mimeType": "image/png", "data": "not base64!"});
    let found = answered(SESSION, "tools/call", json!({"content": [image]}));
    assert!(!found.is_empty());
}

#[test]
fn questions_come_only_where_they_may_and_bare() {
    let question = json!({"method": "roots/list"});
    let result = json!({"resultType": "input_required", "inputRequests": {"q": question}});
    assert_eq!(answered(MODERN, "tools/call", result.clone()), [""; 0]);
    finds("cannot be answered with questions", &answered(MODERN, "tools/list", result));
    let numbered = json!({"method": "roots/list", "id": 1, "jsonrpc": "2.0"});
    let result = json!({"resultType": "input_required", "inputRequests": {"q": numbered}});
    finds("has an id", &answered(MODERN, "tools/call", result));
    let empty = json!({"resultType": "input_required"});
    finds("inputRequests or requestState", &answered(MODERN, "tools/call", empty));
}

#[test]
fn an_answer_belongs_to_a_question() {
    let asked = Asked::by(&json!({"jsonrpc": "2.0", "id": "5", "method": "ping"}));
    let number = json!({"jsonrpc": "2.0", "id": 5, "result": {}});
    finds("was not made", &violations(SESSION, &number, &asked));
    let text = json!({"jsonrpc": "2.0", "id": "5", "result": {}});
    assert_eq!(violations(SESSION, &text, &asked), [""; 0]);
    finds("no method", &answered(MODERN, "ping", json!({"resultType": "complete"})));
}

fn refused(revision: Revision, id: Option<Value>, error: Value) -> Vec<String> {
    let asked = Asked::by(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let mut message = json!({"jsonrpc": "2.0"});
    message["error"] = error;
    if let Some(id) = id {
        message["id"] = id;
    }
    violations(revision, &message, &asked)
}

#[test]
fn an_error_names_its_request_or_none() {
    for revision in Revision::ALL {
        let error = json!({"code": -32600, "message": "no"});
        assert_eq!(refused(revision, Some(json!(1)), error.clone()), [""; 0], "{revision}");
        assert_eq!(refused(revision, None, error.clone()), [""; 0], "{revision}");
        assert!(!refused(revision, Some(Value::Null), error).is_empty(), "{revision}");
    }
}

#[test]
fn errors_with_a_schema_of_their_own_are_held_against_it() {
    let names = json!({"code": -32021, "message": "no", "data": {"requiredCapabilities": ["x"]}});
    assert!(!refused(MODERN, None, names).is_empty());
    let object = json!({"code": -32021, "message": "no",
        "data": {"requiredCapabilities": {"elicitation": {}}}});
    assert_eq!(refused(MODERN, None, object), [""; 0]);
    let bare = json!({"code": -32022, "message": "no"});
    finds("data", &refused(MODERN, None, bare));
}

#[test]
fn codes_stay_in_their_era() {
    let modern =
        [-32000, -32001, -32002, -32019, -32023, -32042, -32099].map(|code| (MODERN, code));
    for (revision, code) in modern.into_iter().chain([(SESSION, -32020)]) {
        let found = refused(revision, None, json!({"code": code, "message": "no"}));
        assert_eq!(found.len(), 1, "{code} in {revision}: {found:#?}");
    }
    let found = refused(SESSION, None, json!({"code": -32002, "message": "no"}));
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_server_asks_in_sessions_only() {
    let question = json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"});
    assert_eq!(violations(SESSION, &question, &Asked::nothing()), [""; 0]);
    finds("asks nothing", &violations(MODERN, &question, &Asked::nothing()));
    let unknown = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    finds("no request", &violations(SESSION, &unknown, &Asked::nothing()));
}

#[test]
fn notifications_are_held_against_their_own_definition() {
    let note = |params: Value| json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
    for revision in Revision::ALL {
        let right = note(json!({"progressToken": "t", "progress": 0.5}));
        assert_eq!(violations(revision, &right, &Asked::nothing()), [""; 0], "{revision}");
        let wrong = note(json!({"progress": 1}));
        finds("progressToken", &violations(revision, &wrong, &Asked::nothing()));
    }
    let unknown = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    finds("no notification", &violations(SESSION, &unknown, &Asked::nothing()));
}

#[test]
fn what_comes_over_a_subscription_names_it() {
    let asked = Asked::by(&json!({"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen"}));
    let note = |id: Value| {
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed",
            "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": id}}})
    };
    assert_eq!(violations(MODERN, &note(json!(7)), &asked), [""; 0]);
    finds("does not name", &violations(MODERN, &note(json!("7")), &asked));
    finds("elsewhere", &violations(MODERN, &note(json!(7)), &Asked::nothing()));
}

#[test]
fn batches_exist_in_one_revision() {
    let asked = Asked::by(&json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]));
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "result": {}}]);
    assert_eq!(violations(Revision::V2025_03_26, &batch, &asked), [""; 0]);
    finds("no batches", &violations(SESSION, &batch, &asked));
    finds("not empty", &violations(Revision::V2025_03_26, &json!([]), &asked));
}

#[test]
fn what_is_no_message_is_found() {
    for junk in [json!(5), json!({}), json!({"jsonrpc": "2.0", "result": {}, "error": {}})] {
        finds("neither", &violations(SESSION, &junk, &Asked::nothing()));
    }
}
