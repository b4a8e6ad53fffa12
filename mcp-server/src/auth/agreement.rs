//! What two say of one token: itself and its authorization server. What only one of them says
//! counts, and what they say differently makes nobody a caller.

use std::sync::Arc;

use mcp_core::Principal;

use super::token::{Claims, Inactive, Validated};

/// What both ways say together: the server knows the present, the token what was signed. They must
/// speak of one caller.
pub(super) fn both(signed: &Validated, asked: &Validated) -> Result<Validated, Inactive> {
    let (token, answer) = (&signed.principal, &asked.principal);
    if token.issuer != answer.issuer {
        return Err(Inactive::Disagreement);
    }
    let expires_at = signed.expires_at.min(asked.expires_at);
    let principal = Principal {
        user: agreed(token.user.as_ref(), answer.user.as_ref())?,
        client: agreed(token.client.as_ref(), answer.client.as_ref())?,
        expires_at: Some(expires_at),
        ..Principal::clone(answer)
    };
    let confirmation = agreed(signed.confirmation.as_ref(), asked.confirmation.as_ref())?;
    Ok(Validated::new(Arc::new(principal), expires_at, confirmation))
}

/// A token that says that it is bound to a key is, although the server that was asked leaves it
/// out. Nobody has looked at its signature, but nobody gains anything by adding that.
pub(super) fn bound(asked: Validated, own: Option<&Claims>) -> Result<Validated, Inactive> {
    let own = own.map(Claims::confirmation).transpose()?.flatten();
    let confirmation = agreed(own.as_ref(), asked.confirmation.as_ref())?;
    Ok(Validated { confirmation, ..asked })
}

fn agreed<T: Clone + PartialEq>(
    token: Option<&T>,
    answer: Option<&T>,
) -> Result<Option<T>, Inactive> {
    match (token, answer) {
        (Some(token), Some(answer)) if token != answer => Err(Inactive::Disagreement),
        _ => Ok(answer.or(token).cloned()),
    }
}

#[cfg(test)]
mod tests {
    use ambient::Timestamp;
    use serde_json::json;

    use super::*;

    fn named(user: Option<&str>, client: Option<&str>, until: u64) -> Validated {
        let [user, client] = [user, client].map(|name| name.map(str::to_owned));
        let principal = Principal { user, client, ..Principal::default() };
        Validated::new(Arc::new(principal), Timestamp::from_secs(until), None)
    }

    #[test]
    fn a_user_whom_the_answer_leaves_out_does_not_become_the_client() {
        let signed = named(Some("alice"), Some("c"), 2000);
        let found = both(&signed, &named(None, Some("c"), 1000)).unwrap();
        assert_eq!(found.principal.user.as_deref(), Some("alice"));
        assert_eq!(found.principal.expires_at, Some(Timestamp::from_secs(1000)));
        assert_eq!(found.expires_at, Timestamp::from_secs(1000));
    }

    #[test]
    fn two_callers_are_none() {
        let signed = named(Some("alice"), Some("c"), 1000);
        for other in [named(Some("bob"), Some("c"), 1000), named(Some("alice"), Some("d"), 1000)] {
            assert_eq!(both(&signed, &other), Err(Inactive::Disagreement));
        }
        let elsewhere = Principal { issuer: "other".to_owned(), ..(*signed.principal).clone() };
        let elsewhere = Validated { principal: Arc::new(elsewhere), ..signed.clone() };
        assert_eq!(both(&signed, &elsewhere), Err(Inactive::Disagreement));
    }

    #[test]
    fn a_binding_counts_whoever_tells_it_and_two_of_them_are_none() {
        let own = |cnf| Claims::of_token(json!({ "cnf": cnf }).to_string().as_bytes());
        let asked = |jkt: Option<&str>| Validated {
            confirmation: jkt.map(|jkt| Arc::new(json!({ "jkt": jkt }))),
            ..named(Some("alice"), None, 1000)
        };
        let (one, key) = (own(json!({ "jkt": "a" })), json!({ "jkt": "a" }));
        for (answer, own) in [(Some("a"), None), (Some("a"), one.as_ref()), (None, one.as_ref())] {
            assert_eq!(bound(asked(answer), own).unwrap().confirmation.as_deref(), Some(&key));
        }
        assert_eq!(bound(asked(Some("b")), one.as_ref()), Err(Inactive::Disagreement));
        assert_eq!(bound(asked(None), own(json!("a")).as_ref()), Err(Inactive::WrongType));
    }
}
