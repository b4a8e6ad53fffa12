//! What an error of the client means to the caller of a store.
//!
//! The text of such an error may quote arguments of the command, so none of it is passed on but
//! what the operating system says about a connection, and the code that a reply begins with.

use std::time::Duration;

use fred::error::{Error, ErrorKind};

use crate::error::{Action, StoreError};

pub(super) fn not_connected(action: Action) -> StoreError {
    action.unavailable("not connected to Redis; check that the server at REDIS_URL is up")
}

pub(super) fn timed_out(action: Action, timeout: Duration) -> StoreError {
    action.unavailable(format!(
        "Redis did not answer within {} ms; check its load and the network to REDIS_URL",
        timeout.as_millis()
    ))
}

pub(super) fn explain(action: Action, error: &Error, timeout: Duration) -> StoreError {
    match error.kind() {
        ErrorKind::Timeout => timed_out(action, timeout),
        ErrorKind::Auth => {
            action.refused("Redis refuses the user or the password; check those in REDIS_URL")
        }
        ErrorKind::IO => action.unavailable(format!(
            "no connection to Redis ({}); check that the server at REDIS_URL is up",
            quoted(error.details())
        )),
        ErrorKind::Tls => action.refused(
            "no TLS connection to Redis; check its certificate, and that REDIS_URL begins with \
             rediss:// only if the server speaks TLS",
        ),
        ErrorKind::Config | ErrorKind::Url => {
            action.refused("the server at REDIS_URL is not of the kind that the URL says")
        }
        ErrorKind::Routing => action.unavailable(
            "Redis has not done it: the cluster is moving these keys to another node, and is slow \
             at it",
        ),
        ErrorKind::Parse => action.corrupt("another type of value than expected"),
        _ => by_code(action, error),
    }
}

/// The client prints errors of the system for programmers: `Os { code: 111, …, message: "…" }`.
fn quoted(details: &str) -> &str {
    details.rsplit('"').nth(1).unwrap_or(details)
}

/// A reply of Redis begins with a code in capitals; an error of the client itself does not.
fn by_code(action: Action, error: &Error) -> StoreError {
    let code = error.details().split_whitespace().next().unwrap_or("");
    match code {
        "LOADING" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY"
        | "NOREPLICAS" | "UNBLOCKED" => action.unavailable(format!(
            "Redis is not ready ({code}); it may be starting or failing over"
        )),
        "OOM" => action.refused("Redis has no memory left (OOM); raise its maxmemory"),
        "MISCONF" => action.refused("Redis cannot save to its disk (MISCONF); look at its log"),
        "NOPERM" => action.refused("the user in REDIS_URL may not do this (NOPERM); check its ACL"),
        "NOPROTO" => action.refused(TOO_OLD),
        "WRONGTYPE" => action.corrupt("another type of key (WRONGTYPE)"),
        "ERR" if error.details().contains("unknown command") => action.refused(TOO_OLD),
        "ERR" => action.refused("Redis refuses the command (ERR); check that it is 6.2 or newer"),
        _ => not_connected(action),
    }
}

const TOO_OLD: &str = "Redis does not know a command that is needed; use Redis 6.2 or newer";

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: Action = Action::new("take", "auth:pending:");

    fn explained(kind: ErrorKind, details: &'static str) -> StoreError {
        explain(ACTION, &Error::new(kind, details), Duration::from_millis(500))
    }

    #[test]
    fn what_redis_quotes_is_not_passed_on() {
        let details = "ERR unknown command 'GETDEL', with args beginning with: 'secret'";
        let error = explained(ErrorKind::Unknown, details);
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
        let text = error.to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("Redis 6.2"), "{text}");
    }

    #[test]
    fn a_failover_and_a_lost_connection_are_outages() {
        for details in ["READONLY You can't write", "LOADING Redis is loading", "Failed to route"] {
            let error = explained(ErrorKind::Unknown, details);
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
        let error = explained(ErrorKind::Canceled, "Canceled.");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn what_somebody_must_mend_is_a_refusal_and_says_what() {
        for (details, hint) in [("OOM command", "maxmemory"), ("NOPERM this user", "ACL")] {
            let error = explained(ErrorKind::Unknown, details);
            assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
            assert!(error.to_string().contains(hint), "{error}");
        }
        let error = explained(ErrorKind::Auth, "WRONGPASS invalid");
        assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    }

    #[test]
    fn a_lost_connection_is_told_in_the_words_of_the_system() {
        let details = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        let text = explained(ErrorKind::IO, details).to_string();
        assert!(text.contains("no connection to Redis (Connection refused); check"), "{text}");
        let text = explained(ErrorKind::IO, "Connection closed.").to_string();
        assert!(text.contains("(Connection closed.)"), "{text}");
    }

    #[test]
    fn a_timeout_names_its_length_and_the_setting() {
        let text = explained(ErrorKind::Timeout, "Request timed out.").to_string();
        assert!(text.contains("500 ms") && text.contains("REDIS_URL"), "{text}");
        assert!(text.starts_with("cannot take `auth:pending:`"), "{text}");
    }
}
