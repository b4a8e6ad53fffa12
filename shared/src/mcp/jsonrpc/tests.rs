//! What is a message, and why something is none.

use super::*;

fn parse(body: &str) -> Result<Message, MalformedMessage> {
    Message::parse(Bytes::copy_from_slice(body.as_bytes()))
}

fn reason(body: &str) -> (Option<RequestId>, &'static str) {
    match parse(body).unwrap_err() {
        MalformedMessage::NotAMessage { id, reason, .. } => (id, reason),
        MalformedMessage::NotJson => (None, "not JSON"),
    }
}

#[test]
fn a_request_keeps_the_type_of_its_id_and_its_parameters_as_they_came() {
    let Ok(Message::One(Incoming::Request { id, method, params })) =
        parse(r#" {"jsonrpc":"2.0","id":"5","method":"tools/call","params":{ "name" : "x" }}"#)
    else {
        panic!("not a request")
    };
    assert_eq!(id, RequestId::String("5".to_owned()));
    assert_eq!(method, "tools/call");
    assert_eq!(params.unwrap().member("name").unwrap().as_bytes(), br#""x""#);
}

#[test]
fn the_shape_decides_between_request_notification_and_response() {
    let notification = parse(r#"{"jsonrpc":"2.0","method":"x"}"#).unwrap();
    assert!(matches!(notification, Message::One(Incoming::Notification { .. })));
    let result = parse(r#"{"jsonrpc":"2.0","id":5,"result":null}"#).unwrap();
    assert!(matches!(result, Message::One(Incoming::Response { outcome: Ok(_), .. })));
    let error = r#"{"jsonrpc":"2.0","id":5,"error":{"code":-1,"message":"no"}}"#;
    let error = parse(error).unwrap();
    assert!(matches!(error, Message::One(Incoming::Response { outcome: Err(_), .. })));
}

#[test]
fn what_is_no_message_is_told_apart_from_what_is_no_json() {
    for body in ["", "{", "nul", "{\"a\":}", "[1,"] {
        assert_eq!(reason(body).1, "not JSON", "{body}");
    }
    for body in ["5", "\"text\"", "null", "[]", "{}", r#"{"jsonrpc":"1.0","method":"x"}"#] {
        assert_ne!(reason(body).1, "not JSON", "{body}");
    }
}

#[test]
fn a_malformed_request_still_names_its_id() {
    let five = Some(RequestId::Number(5));
    assert_eq!(reason(r#"{"jsonrpc":"2.0","id":5,"method":1}"#).0, five);
    assert_eq!(reason(r#"{"jsonrpc":"2.0","id":5,"method":"x","params":[1]}"#).0, five);
    assert_eq!(reason(r#"{"id":5,"method":"x"}"#).0, five);
}

#[test]
fn what_is_no_request_is_not_answered_by_its_id() {
    for (body, wanted) in [
        (r#"{"jsonrpc":"2.0","id":5}"#, true),
        (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, true),
        (r#"{"jsonrpc":"2.0","method":"x","params":5}"#, false),
        (r#"{"id":5,"result":{}}"#, false),
        (r#"{"jsonrpc":"2.0","result":{}}"#, false),
    ] {
        let malformed = parse(body).unwrap_err();
        assert_eq!(malformed.wants_answer(), wanted, "{body}");
        let MalformedMessage::NotAMessage { id, .. } = malformed else { panic!("{body}") };
        assert!(wanted || id.is_none(), "{body}");
    }
}

#[test]
fn an_error_that_cannot_be_read_is_one() {
    for error in ["{}", "\"x\"", r#"{"message":"no code"}"#, r#"{"code":"x","message":"y"}"#] {
        for beside in ["", r#","result":{}"#] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":5,"error":{error}{beside}}}"#);
            let Ok(Message::One(Incoming::Response { outcome: Err(read), .. })) = parse(&body)
            else {
                panic!("{body}")
            };
            assert_eq!(read.code, ErrorCode::INVALID_REQUEST, "{body}");
        }
    }
}

#[test]
fn ids_that_are_no_ids_are_refused() {
    for id in ["null", "5.5", "true", "{}", "[1]", "1e999", "9223372036854775808"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
        assert!(parse(&body).is_err(), "{id}");
    }
    assert!(parse(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#).is_err());
    assert!(parse(r#"{"jsonrpc":"2.\u0030","id":1,"method":"x"}"#).is_ok());
    // JSON Schema knows no other difference between numbers than their value.
    let Ok(Message::One(Incoming::Request { id, .. })) =
        parse(r#"{"jsonrpc":"2.0","id":-7.0,"method":"x"}"#)
    else {
        panic!("it has an id")
    };
    assert_eq!(id, RequestId::Number(-7));
}

#[test]
fn a_batch_keeps_what_is_good_beside_what_is_not() {
    let Ok(Message::Batch(items)) = parse(r#"[{"jsonrpc":"2.0","method":"x"}, 5]"#) else {
        panic!("not a batch")
    };
    assert!(items[0].is_ok() && items[1].is_err());
}

#[test]
fn a_batch_is_not_read_beyond_what_it_may_hold() {
    let batch = |size: usize| format!("[{}1]", "1,".repeat(size - 1));
    assert!(matches!(parse(&batch(100)), Ok(Message::Batch(items)) if items.len() == 100));
    assert_eq!(reason(&batch(101)).1, "the batch holds more than 100 messages");
    assert_eq!(reason("[1,]").1, "not JSON");
}

#[test]
fn an_error_without_an_id_has_no_id() {
    let error = ErrorObject::new(ErrorCode::PARSE_ERROR, "no");
    let message: Outgoing<'_, ()> = Outgoing::Error { id: None, error: &error };
    let text = serde_json::to_string(&message).unwrap();
    assert_eq!(text, r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}"#);
}

proptest::proptest! {
    #[test]
    fn what_looks_like_a_message_is_one_or_is_refused_with_its_id(
        id in "(0|-?[1-9][0-9]{0,19}|\"[a-z]{0,3}\"|null|1\\.5|true)",
        method in "(\"[a-z/]{0,8}\"|5|null)",
        rest in r#"(, ?"params" ?: ?(\{\}|\[\]|null|"x"|\{"a":\[\[1\]\]\}))?"#,
    ) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}{rest}}}"#);
        match Message::parse(text.clone().into()) {
            Ok(Message::One(Incoming::Request { id: read, .. })) => {
                assert_eq!(serde_json::to_string(&read).unwrap(), id, "{text}");
            }
            Ok(other) => panic!("{text} is {other:?}"),
            Err(MalformedMessage::NotAMessage { .. }) => {}
            Err(other) => panic!("{text} is {other:?}"),
        }
    }
}
