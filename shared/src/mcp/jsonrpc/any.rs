//! Whatever a body holds, it is read as what stands there, or refused with the code for it.

use serde_json::json;

use super::*;

/// A good message, for changes of it: bytes that nobody has made are hardly ever nearly one.
const GOOD: &str = r#"{"jsonrpc":"2.0","id":"a\\n1","method":"tools/call","params":{"name":"x",
    "arguments":{"a":[1,{"b":null}]},"_meta":{"progressToken":7}}}"#;

/// A text with some of its bytes replaced, removed or doubled.
fn changed(text: &str, changes: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, what, byte) in changes.iter().take(4) {
        let place = usize::from(*place) % bytes.len();
        match what % 3 {
            0 => bytes[place] = *byte,
            1 => drop(bytes.remove(place)),
            _ => bytes.insert(place, *byte),
        }
    }
    bytes
}

fn is_read_or_refused(bytes: &[u8]) {
    let value = serde_json::from_slice::<Value>(bytes);
    match (Message::parse(bytes.to_vec().into()), value) {
        (Ok(Message::One(Incoming::Request { id, method, params })), Ok(value)) => {
            assert_eq!((json!(id), json!(method)), (value["id"].clone(), value["method"].clone()));
            let name = params.as_ref().and_then(|params| params.member("name"));
            let name = name.map(|name| name.decode::<Value>().unwrap());
            assert_eq!(name.as_ref(), value["params"].get("name"));
        }
        (Ok(Message::One(Incoming::Notification { method, .. })), Ok(value)) => {
            assert_eq!((json!(method), value.get("id")), (value["method"].clone(), None));
        }
        (Ok(Message::One(Incoming::Response { id, .. })), Ok(value)) => {
            assert_eq!((json!(id), value.get("method")), (value["id"].clone(), None));
        }
        (Ok(Message::Batch(items)), Ok(value)) => {
            assert_eq!(Some(items.len()), value.as_array().map(Vec::len));
        }
        // A number beyond all bounds is JSON that only some can read.
        (Ok(_), Err(_)) => {}
        (Err(refused), value) => {
            let code = refused.to_error().code;
            assert!(code == ErrorCode::INVALID_REQUEST || value.is_err(), "{refused}");
            assert!(code == ErrorCode::INVALID_REQUEST || code == ErrorCode::PARSE_ERROR);
            if let (MalformedMessage::NotAMessage { id: Some(id), .. }, Ok(value)) =
                (refused, value)
            {
                assert_eq!(json!(id), value["id"]);
            }
        }
    }
}

#[test]
fn any_bytes_are_a_message_or_a_refusal() {
    bolero::check!().with_iterations(1000).for_each(is_read_or_refused);
}

#[test]
fn any_change_of_a_message_is_a_message_or_a_refusal() {
    type Changes = Vec<(u16, u8, u8)>;
    bolero::check!().with_iterations(4000).with_type::<Changes>().for_each(|changes| {
        is_read_or_refused(&changed(GOOD, changes));
    });
}
