//! The promise of the ladder: whatever comes, and whatever its header says, there is one verdict. A
//! refusal has a status, the id of what it refuses, and a code of the right era; what carries a claim
//! is never taken for a session.

use axum::response::IntoResponse as _;
use http::HeaderValue;
use serde_json::{Value, json};

use super::*;

const METHODS: [&str; 5] =
    ["initialize", "server/discover", "tools/list", "notifications/cancelled", "x"];

const HEADERS: [Option<&str>; 6] =
    [None, Some("2026-07-28"), Some("2025-11-25"), Some("2025-03-26"), Some("v9"), Some("")];

/// Codes that only requests without sessions have.
const STATELESS: [i64; 3] = [-32020, -32021, -32022];

/// Codes that only sessions have.
const SESSIONS: [i64; 3] = [-32001, -32002, -32042];

/// What is tried: method, version, form and header by their numbers, what there is of `_meta` and
/// whether there is an id, and changes of the text that this makes.
type Tried = ([u8; 4], [bool; 3], Vec<(u16, u8, u8)>);

fn message(method: &str, version: u8, [has_id, claims, can]: [bool; 3]) -> Value {
    let versions = [json!("2026-07-28"), json!("2025-11-25"), json!("v9"), json!(5), Value::Null];
    let mut meta = json!({});
    if claims {
        meta[keys::PROTOCOL_VERSION] = versions[usize::from(version) % versions.len()].clone();
    }
    if can {
        meta[keys::CLIENT_CAPABILITIES] = json!({});
    }
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": meta } });
    if has_id {
        message["id"] = json!(7);
    }
    message
}

fn body((choices, has, changes): &Tried) -> Vec<u8> {
    let [method, version, form, _] = *choices;
    let message = message(METHODS[usize::from(method) % METHODS.len()], version, *has);
    let whole = match form % 6 {
        0 => json!([message]),
        1 => json!({ "jsonrpc": "2.0", "id": 7, "result": message }),
        _ => message,
    };
    let mut bytes = whole.to_string().into_bytes();
    for (place, what, byte) in changes.iter().take(usize::from(form % 3)) {
        let place = usize::from(*place) % bytes.len();
        match what % 3 {
            0 => bytes[place] = *byte,
            1 => drop(bytes.remove(place)),
            _ => bytes.insert(place, *byte),
        }
    }
    bytes
}

/// What is tried, as a reader sees it who knows nothing of eras.
struct Sent {
    value: Value,
    header: Option<&'static str>,
}

impl Sent {
    fn claims(&self) -> bool {
        self.value["params"]["_meta"].get(keys::PROTOCOL_VERSION).is_some()
    }

    fn id(&self) -> Option<&Value> {
        self.value.get("id").filter(|id| id.is_string() || id.is_i64())
    }

    fn is_refused_with(&self, refused: Rejection) {
        let told: Value = serde_json::from_slice(&refused.to_message()).unwrap();
        assert_eq!((&told["jsonrpc"], told["error"]["message"].is_string()), (&json!("2.0"), true));
        assert!(told.get("id").is_none_or(|id| id.is_null() || Some(id) == self.id()), "{told}");
        let code = told["error"]["code"].as_i64().unwrap();
        let is_request = self.value["method"].is_string() && self.id().is_some();
        let is_read = code != -32700 && code != -32600;
        assert!(!(is_request && is_read) || told.get("id") == self.id(), "{told}");
        let may_be_modern = self.claims() || self.header == Some("2026-07-28");
        assert!(!STATELESS.contains(&code) || may_be_modern, "{told}");
        assert!(!SESSIONS.contains(&code) || !self.claims(), "{told}");
        let status = refused.into_response().status();
        assert!(status.is_client_error(), "{status} {told}");
    }

    fn is_judged(&self, verdict: Result<Era, Rejection>) {
        let is_opening = self.value["method"] == "initialize";
        match verdict {
            Ok(Era::Modern(envelope)) => {
                assert!(self.claims());
                assert_eq!(Some(&json!(envelope.id)), self.id());
                assert_eq!(envelope.method, self.value["method"]);
            }
            Ok(Era::Legacy(_)) => assert!(!self.claims()),
            Ok(Era::Opening { id, .. }) => {
                assert!(is_opening);
                assert_eq!(Some(&json!(id)), self.id());
            }
            Ok(Era::Batch(items)) => {
                assert_eq!(Some(items.len()), self.value.as_array().map(Vec::len));
            }
            Ok(Era::ModernNotification(_)) => assert_eq!(self.value.get("id"), None),
            Err(refused) => self.is_refused_with(refused),
        }
    }
}

#[test]
fn any_bytes_belong_to_one_era_or_are_refused() {
    bolero::check!().with_iterations(4000).with_type::<Tried>().for_each(|tried| {
        let bytes = body(tried);
        let header = HEADERS[usize::from(tried.0[3]) % HEADERS.len()];
        let value = header.map(HeaderValue::from_static);
        let headers: HeaderMap = value
            .map(|value| (headers::PROTOCOL_VERSION.parse().unwrap(), value))
            .into_iter()
            .collect();
        // A number beyond all bounds is JSON that only some can read.
        let Ok(value) = serde_json::from_slice(&bytes) else { return };
        let parse = || Message::parse(bytes.clone().into());
        let by_header =
            parse().map_err(Rejection::from).and_then(|message| Era::of(&headers, message));
        Sent { value, header }.is_judged(by_header);
        let by_line = parse().map_err(Rejection::from).and_then(Era::of_line);
        let value = serde_json::from_slice(&bytes).unwrap();
        Sent { value, header: None }.is_judged(by_line);
    });
}
