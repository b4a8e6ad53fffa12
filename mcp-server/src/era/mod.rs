//! Which era a POST belongs to: decided once, here, and nowhere else.
//!
//! The steps and their order are those of the dual-era digest: the body's claim of a revision
//! decides, the header only cross-checks it. A request with a claim is modern and never falls back;
//! `initialize` without one opens a session; everything else belongs to a session.

pub(crate) mod downgrade;
mod exchange;
pub(crate) mod legacy;
pub(crate) mod modern;
mod refusal;
mod tasks;
mod wants;

use http::HeaderMap;
use shared::mcp::{
    Claim, ClientCapabilities, Era as Kind, Incoming, MalformedMessage, MalformedMeta, Message,
    Params, RequestId, RequestMeta, Revision, headers, keys,
};

use crate::http::{Rejection, SERVED};

/// What a POST is.
#[derive(Debug, PartialEq)]
pub(crate) enum Era {
    /// A request of 2026-07-28 or later, whole in itself.
    Modern(Box<Envelope>),
    /// A notification of that era. Over HTTP it has no meaning: it is accepted and dropped.
    ModernNotification(Incoming),
    /// `initialize`: a new session.
    Opening { id: RequestId, params: Option<Params> },
    /// A message within a session.
    Legacy(Incoming),
    /// Several messages within a session of 2025-03-26.
    Batch(Vec<Incoming>),
}

/// A modern request, its claim checked against the headers.
#[derive(Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) id: RequestId,
    pub(crate) method: String,
    pub(crate) params: Option<Params>,
    pub(crate) meta: RequestMeta,
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
}

impl Era {
    /// Decides.
    pub(crate) fn of(headers: &HeaderMap, message: Message) -> Result<Self, Rejection> {
        Self::decide(&Header::read(headers), message)
    }

    /// Decides for a line of stdio, which has no headers: the body alone says it.
    pub(crate) fn of_line(message: Message) -> Result<Self, Rejection> {
        Self::decide(&Header::None, message)
    }

    fn decide(header: &Header<'_>, message: Message) -> Result<Self, Rejection> {
        match message {
            Message::Batch(items) => batch(header, items),
            Message::One(Incoming::Request { id, method, params }) => {
                request(header, id, method, params)
            }
            Message::One(Incoming::Notification { method, params }) => {
                notification(header, method, params)
            }
            Message::One(response @ Incoming::Response { .. }) => match header {
                Header::Modern(_) => Err(Rejection::invalid_request(
                    "Clients send no responses since 2026-07-28: answer with `inputResponses`",
                )),
                _ => legacy_header(header).map(|()| Self::Legacy(response)),
            },
        }
    }
}

/// The `MCP-Protocol-Version` header.
#[derive(Debug, PartialEq)]
enum Header<'a> {
    /// The transport has no headers.
    None,
    Absent,
    Modern(&'a str),
    Legacy(&'a str),
    Unknown(&'a str),
}

impl<'a> Header<'a> {
    /// The revisions of the transport that it comes over.
    const fn served(&self) -> &'static [Revision] {
        match self {
            Self::None => &Revision::ALL,
            Self::Absent | Self::Modern(_) | Self::Legacy(_) | Self::Unknown(_) => &SERVED,
        }
    }

    fn read(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(headers::PROTOCOL_VERSION).iter();
        let Some(value) = values.next() else { return Self::Absent };
        // Of two, nobody can tell which one a proxy has acted on.
        let Some(value) = value.to_str().ok().filter(|_| values.next().is_none()) else {
            return Self::Unknown("");
        };
        match value.parse::<Revision>().map(Revision::era) {
            Ok(Kind::Modern) => Self::Modern(value),
            Ok(Kind::Legacy) => Self::Legacy(value),
            Err(_) => Self::Unknown(value),
        }
    }

    const fn text(&self) -> Option<&'a str> {
        match self {
            Self::None | Self::Absent => None,
            Self::Modern(value) | Self::Legacy(value) | Self::Unknown(value) => Some(value),
        }
    }
}

fn request(
    header: &Header<'_>,
    id: RequestId,
    method: String,
    params: Option<Params>,
) -> Result<Era, Rejection> {
    match claimed(header, &method, params.as_ref()) {
        Ok(Some(Claimed { meta, revision, capabilities })) => {
            let envelope = Envelope { id, method, params, meta, revision, capabilities };
            Ok(Era::Modern(Box::new(envelope)))
        }
        Ok(None) if method == INITIALIZE => Ok(Era::Opening { id, params }),
        Ok(None) => Ok(Era::Legacy(Incoming::Request { id, method, params })),
        Err(rejection) => Err(rejection.to(&id).about(method, params)),
    }
}

const INITIALIZE: &str = "initialize";

/// What a modern request says of itself.
struct Claimed {
    meta: RequestMeta,
    revision: Revision,
    capabilities: ClientCapabilities,
}

/// What a request claims, checked; nothing for one that opens a session or belongs to one.
fn claimed(
    header: &Header<'_>,
    method: &str,
    params: Option<&Params>,
) -> Result<Option<Claimed>, Rejection> {
    let claim = RequestMeta::claim(params);
    if method == INITIALIZE {
        return initialize(header, claim);
    }
    if claim.is_modern {
        return whole(header, claim.meta).map(Some);
    }
    if matches!(header, Header::Modern(_)) || method == "server/discover" {
        return Err(Rejection::invalid_params(format!(
            "Missing `_meta` members: {} and {}",
            keys::PROTOCOL_VERSION,
            keys::CLIENT_CAPABILITIES
        )));
    }
    legacy_header(header).map(|()| None)
}

/// `initialize` opens a session unless it claims, well-formed, to be modern: then it is a method
/// that does not exist, and its headers are held against the claim like those of any other.
fn initialize(header: &Header<'_>, claim: Claim) -> Result<Option<Claimed>, Rejection> {
    if is_whole(&claim) {
        return whole(header, claim.meta).map(Some);
    }
    if !claim.is_modern && matches!(header, Header::Modern(_)) {
        return Err(Rejection::header_mismatch(
            "`initialize` belongs to revisions up to 2025-11-25, MCP-Protocol-Version names a newer one",
        ));
    }
    Ok(None)
}

/// Whether a claim has all that it must have and names a revision without sessions.
fn is_whole(claim: &Claim) -> bool {
    let Ok(meta) = &claim.meta else { return false };
    let revision = meta.protocol_version.as_deref().map(str::parse::<Revision>);
    let is_modern = revision.is_some_and(|named| named.map(Revision::era) == Ok(Kind::Modern));
    is_modern && meta.client_capabilities.is_some()
}

/// A claim that has all that it must have.
fn whole(
    header: &Header<'_>,
    meta: Result<RequestMeta, MalformedMeta>,
) -> Result<Claimed, Rejection> {
    let mut meta = meta.map_err(|malformed| Rejection::invalid_params(malformed.to_string()))?;
    let capabilities = meta.client_capabilities.take();
    let (Some(claimed), Some(capabilities)) = (&meta.protocol_version, capabilities) else {
        let missing = format!("Missing `_meta` member: {}", keys::CLIENT_CAPABILITIES);
        return Err(Rejection::invalid_params(missing));
    };
    if header.text().is_some_and(|header| header != claimed) {
        return Err(Rejection::header_mismatch(format!(
            "MCP-Protocol-Version differs from {}",
            keys::PROTOCOL_VERSION
        )));
    }
    let revision = modern_revision(header, claimed)?;
    if *header == Header::Absent {
        return Err(Rejection::header_mismatch("Missing header: MCP-Protocol-Version"));
    }
    Ok(Claimed { meta, revision, capabilities })
}

/// The revision without sessions that a claim names.
fn modern_revision(header: &Header<'_>, claimed: &str) -> Result<Revision, Rejection> {
    let named = claimed.parse::<Revision>().ok();
    let modern = named.filter(|revision| revision.era() == Kind::Modern);
    modern.ok_or_else(|| Rejection::unsupported_version(claimed, header.served()))
}

/// A notification claims a revision and nothing else: what the client can do, which a request must
/// say, the schema does not ask of it.
fn notification(
    header: &Header<'_>,
    method: String,
    params: Option<Params>,
) -> Result<Era, Rejection> {
    match is_modern_note(header, params.as_ref()) {
        Ok(true) => Ok(Era::ModernNotification(Incoming::Notification { method, params })),
        Ok(false) => Ok(Era::Legacy(Incoming::Notification { method, params })),
        Err(rejection) => Err(rejection.about(method, params)),
    }
}

fn is_modern_note(header: &Header<'_>, params: Option<&Params>) -> Result<bool, Rejection> {
    let claim = RequestMeta::claim(params);
    if claim.is_modern {
        let meta = claim.meta.map_err(|wrong| Rejection::invalid_params(wrong.to_string()))?;
        // A claim that is no text is malformed.
        let claimed = meta.protocol_version.unwrap_or_default();
        if header.text().is_some_and(|header| header != claimed) {
            return Err(Rejection::header_mismatch("MCP-Protocol-Version differs from `_meta`"));
        }
        return modern_revision(header, &claimed).map(|_| true);
    }
    if matches!(header, Header::Modern(_)) {
        return Ok(true);
    }
    legacy_header(header).map(|()| false)
}

fn batch(
    header: &Header<'_>,
    items: Vec<Result<Incoming, MalformedMessage>>,
) -> Result<Era, Rejection> {
    if matches!(header, Header::Modern(_)) {
        return Err(Rejection::invalid_request(NO_BATCHES));
    }
    legacy_header(header)?;
    members(items).map(Era::Batch)
}

/// What a batch holds, if it may be one: of a session, and without what opens one.
pub(crate) fn members(
    items: Vec<Result<Incoming, MalformedMessage>>,
) -> Result<Vec<Incoming>, Rejection> {
    let member = |item| {
        let refused = match item {
            Err(_) => "Every element of a batch must be a message",
            Ok(Incoming::Request { method, .. }) if method == "initialize" => {
                "`initialize` must not be part of a batch"
            }
            Ok(
                Incoming::Request { ref params, .. } | Incoming::Notification { ref params, .. },
            ) if RequestMeta::claim(params.as_ref()).is_modern => NO_BATCHES,
            Ok(message) => return Ok(message),
        };
        Err(Rejection::invalid_request(refused))
    };
    let items = items.into_iter().map(member).collect::<Result<Vec<_>, _>>()?;
    let holds = |is: fn(&Incoming) -> bool| items.iter().any(is);
    if holds(|item| matches!(item, Incoming::Request { .. }))
        && holds(|item| matches!(item, Incoming::Response { .. }))
    {
        return Err(Rejection::invalid_request(MIXED));
    }
    Ok(items)
}

/// 2025-03-26 basic/transports.
const MIXED: &str = "A batch holds requests or responses, not both";

const NO_BATCHES: &str = "Batches do not exist since 2025-06-18";

/// Refuses a verb that is not POST where a revision has nothing else, and one of a revision that
/// nobody knows.
pub(crate) fn session_verb(headers: &HeaderMap) -> Result<(), Rejection> {
    match Header::read(headers) {
        Header::Modern(_) => Err(Rejection::method_not_allowed("POST")),
        header => legacy_header(&header),
    }
}

/// A client of a session names a revision that sessions have, or none (2025-06-18
/// basic/transports).
fn legacy_header(header: &Header<'_>) -> Result<(), Rejection> {
    match header {
        Header::Unknown(_) => Err(Rejection::invalid_request(
            "MCP-Protocol-Version names a revision that is not supported",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod any;

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;

    fn headers(version: Option<&'static str>) -> HeaderMap {
        let value = version.map(HeaderValue::from_static);
        value.map(|value| (headers::PROTOCOL_VERSION.parse().unwrap(), value)).into_iter().collect()
    }

    fn of(version: Option<&'static str>, body: &Value) -> Result<Era, Rejection> {
        Era::of(&headers(version), Message::parse(body.to_string().into()).unwrap())
    }

    fn claim(version: &str) -> Value {
        json!({ keys::PROTOCOL_VERSION: version, keys::CLIENT_CAPABILITIES: {} })
    }

    fn call(method: &str, meta: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "_meta": meta } })
    }

    /// Status and code of a refusal.
    async fn refused(version: Option<&'static str>, body: &Value) -> (u16, i64) {
        let response = of(version, body).unwrap_err().into_response();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        (status, body["error"]["code"].as_i64().unwrap())
    }

    const MODERN: Option<&str> = Some("2026-07-28");

    #[test]
    fn a_claim_makes_a_request_modern_and_its_absence_legacy() {
        let modern = of(MODERN, &call("tools/list", &claim("2026-07-28"))).unwrap();
        assert!(matches!(modern, Era::Modern(_)));
        for header in [None, Some("2025-11-25"), Some("2025-03-26")] {
            let legacy = of(header, &call("tools/list", &json!({}))).unwrap();
            assert!(matches!(legacy, Era::Legacy(_)), "{header:?}");
        }
    }

    #[tokio::test]
    async fn a_modern_request_is_checked_in_order_and_never_falls_back() {
        let good = claim("2026-07-28");
        let half = json!({ keys::PROTOCOL_VERSION: "2026-07-28" });
        let cases = [
            (MODERN, call("x", &half), (400, -32602)),
            (MODERN, call("x", &json!({})), (400, -32602)),
            (None, call("server/discover", &json!({})), (400, -32602)),
            (MODERN, call("x", &claim("v999.0.0")), (400, -32020)),
            (Some("v999.0.0"), call("x", &claim("v999.0.0")), (400, -32022)),
            (None, call("x", &claim("2025-06-18")), (400, -32022)),
            (Some("2025-06-18"), call("x", &good), (400, -32020)),
            (None, call("x", &good), (400, -32020)),
        ];
        for (header, body, expected) in cases {
            assert_eq!(refused(header, &body).await, expected, "{header:?} {body}");
        }
    }

    #[tokio::test]
    async fn initialize_opens_a_session_unless_it_claims_to_be_modern() {
        for header in [None, Some("2025-11-25"), Some("whatever")] {
            let opening = of(header, &call("initialize", &json!({}))).unwrap();
            assert!(matches!(opening, Era::Opening { .. }), "{header:?}");
        }
        let modern = of(MODERN, &call("initialize", &claim("2026-07-28"))).unwrap();
        assert!(matches!(modern, Era::Modern(_)));
        for odd in
            [claim("2025-11-25"), claim("v9"), json!({ keys::PROTOCOL_VERSION: "2026-07-28" })]
        {
            let opening = of(None, &call("initialize", &odd)).unwrap();
            assert!(matches!(opening, Era::Opening { .. }), "{odd}");
        }
        for header in [None, Some("2025-11-25"), Some("whatever")] {
            let whole = call("initialize", &claim("2026-07-28"));
            assert_eq!(refused(header, &whole).await, (400, -32020), "{header:?}");
        }
        assert_eq!(refused(MODERN, &call("initialize", &json!({}))).await, (400, -32020));
    }

    #[tokio::test]
    async fn notifications_and_responses_follow_the_header_where_the_body_is_silent() {
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" });
        assert!(matches!(of(MODERN, &note).unwrap(), Era::ModernNotification(_)));
        assert!(matches!(of(None, &note).unwrap(), Era::Legacy(_)));
        let claiming = |version: Value| {
            let meta = json!({ keys::PROTOCOL_VERSION: version });
            let method = "notifications/cancelled";
            json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": meta } })
        };
        let claims = claiming(json!("2026-07-28"));
        for header in [None, MODERN] {
            assert!(matches!(of(header, &claims).unwrap(), Era::ModernNotification(_)));
        }
        for malformed in [json!(5), Value::Null] {
            assert_eq!(refused(None, &claiming(malformed)).await, (400, -32602));
        }
        assert_eq!(refused(Some("2025-06-18"), &claims).await, (400, -32020));
        for (header, version) in [(None, "v9"), (Some("v9"), "v9"), (None, "2025-06-18")] {
            assert_eq!(refused(header, &claiming(json!(version))).await, (400, -32022));
        }
        let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
        assert!(matches!(of(None, &response).unwrap(), Era::Legacy(_)));
        assert_eq!(refused(MODERN, &response).await, (400, -32600));
    }

    #[tokio::test]
    async fn batches_are_legacy_or_nothing() {
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        assert!(matches!(of(None, &json!([ping])).unwrap(), Era::Batch(_)));
        let initialize = call("initialize", &json!({}));
        let modern = call("tools/list", &claim("2026-07-28"));
        let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert!(matches!(of(None, &json!([response, note])).unwrap(), Era::Batch(_)));
        let mixed = json!([ping, response]);
        for body in [json!([ping, 5]), json!([initialize]), json!([ping, modern]), mixed] {
            assert_eq!(refused(None, &body).await, (400, -32600), "{body}");
        }
    }

    #[tokio::test]
    async fn an_unknown_revision_in_the_header_of_a_session_is_refused() {
        let body = call("tools/list", &json!({}));
        assert_eq!(refused(Some("2099-01-01"), &body).await, (400, -32600));
    }

    #[tokio::test]
    async fn a_refusal_names_the_id_with_its_type() {
        let mut body = call("tools/list", &claim("v1"));
        body["id"] = json!("5");
        let response = of(Some("v1"), &body).unwrap_err().into_response();
        let bytes = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body["id"], "5");
    }
}
