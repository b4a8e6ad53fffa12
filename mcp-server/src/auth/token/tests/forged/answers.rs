//! Introspection answers that must not make a caller of anybody.

use super::*;
use crate::auth::token::Claims;

fn answer(change: impl FnOnce(&mut Value)) -> String {
    let mut answer = payload();
    answer["active"] = json!(true);
    change(&mut answer);
    answer.to_string()
}

fn judge(answer: &str) -> Result<Validated, Inactive> {
    let claims = Claims::of_answer(answer.as_bytes()).ok_or(Inactive::NotJwt)?;
    strict().judge(&claims, Said::ByServer, NOW)
}

/// One answer, all of it right but one member.
fn with(name: &str, value: Value) -> String {
    answer(|answer| answer[name] = value)
}

#[test]
fn the_answer_that_all_others_are_made_of_is_good() {
    let validated = judge(&answer(|_| ())).unwrap();
    assert_eq!(validated.principal.user.as_deref(), Some("alice"));
    // A server that is asked has looked at its own clock.
    assert_eq!(validated.expires_at, NOW + std::time::Duration::from_mins(5));
}

#[test]
fn nothing_but_true_is_active() {
    let values = [
        json!(false),
        json!("true"),
        json!(1),
        json!(null),
        json!([true]),
        json!({ "active": true }),
        json!("yes"),
    ];
    for value in values {
        assert_eq!(judge(&with("active", value.clone())), Err(Inactive::NotActive), "{value}");
    }
    let absent = answer(|answer| drop(answer.as_object_mut().unwrap().remove("active")));
    assert_eq!(judge(&absent), Err(Inactive::NotActive));
}

#[test]
fn an_active_token_that_is_not_for_us_now_is_refused() {
    let table = [
        ("aud", json!("https://other.example"), Inactive::Audience),
        ("aud", json!([]), Inactive::Audience),
        ("aud", json!(null), Inactive::Audience),
        ("aud", json!({}), Inactive::WrongType),
        ("iss", json!("https://as.example/"), Inactive::Issuer),
        ("iss", json!(7), Inactive::WrongType),
        ("exp", json!(at(0)), Inactive::Expired),
        ("exp", json!(at(300).to_string()), Inactive::WrongType),
        ("nbf", json!(at(31)), Inactive::NotYet),
        ("iat", json!("now"), Inactive::WrongType),
        ("token_type", json!("refresh_token"), Inactive::RefreshToken),
        ("token_use", json!("refresh_token"), Inactive::RefreshToken),
        ("token_use", json!("id"), Inactive::NotAccessToken),
        ("typ", json!("ID"), Inactive::NotAccessToken),
        ("nonce", json!("n"), Inactive::NotAccessToken),
        ("client_id", json!("other"), Inactive::Client),
        ("client_id", json!(null), Inactive::Client),
        ("tenant", json!("other"), Inactive::RequiredClaim),
        ("sub", json!("a\nb"), Inactive::ImproperName),
        ("sub", json!(["alice"]), Inactive::WrongType),
        ("scope", json!({}), Inactive::WrongType),
        ("cnf", json!("x"), Inactive::WrongType),
    ];
    for (name, value, why) in table {
        assert_eq!(judge(&with(name, value.clone())), Err(why), "{name}: {value}");
    }
}

#[test]
fn an_answer_that_says_something_twice_is_none() {
    let good = answer(|_| ());
    let inner = good.trim_matches(['{', '}']);
    for twice in [r#""active":true"#, r#""\u0061ctive":false"#, r#""sub":"bob""#] {
        let text = format!("{{{inner},{twice}}}");
        assert!(Claims::of_answer(text.as_bytes()).is_none(), "{text}");
    }
}
