//! Names that are nearly those of settings. A name that is spelt wrong would silently change nothing.

/// How far two names may be apart to be taken for one, by the shorter of them. Of short names every
/// other one is near.
const fn reach(length: usize) -> usize {
    match length {
        0..5 => 0,
        5..8 => 1,
        _ => 2,
    }
}

/// Which of the `known` names is meant by one that is none of them, if it is nearly one.
pub(crate) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let near = known.into_iter().filter(|known| {
        let shorter = known.len().min(name.len());
        // Counting what differs takes time, and lengths alone say much.
        known.len().abs_diff(name.len()) <= reach(shorter) && distance(known) <= reach(shorter)
    });
    near.min_by_key(|known| distance(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] =
        ["PORT", "HOST", "SESSION_TTL", "MCP_STATE_KEY", "MCP_AUTH_CLIENT_SECRET"];

    #[test]
    fn what_is_meant_is_the_nearest() {
        for (name, right) in [
            ("SESION_TTL", Some("SESSION_TTL")),
            ("SESSOIN_TTL", Some("SESSION_TTL")),
            ("MCP_STATE_KEYS", Some("MCP_STATE_KEY")),
            ("MCP_STATEKEY", Some("MCP_STATE_KEY")),
        ] {
            assert_eq!(meant(name, KNOWN), right, "{name}");
        }
    }

    #[test]
    fn what_is_somebody_elses_is_not_taken_for_ours() {
        // A short name; variables of Kubernetes, of a client that starts us, of another setting.
        for name in ["POST", "MCP_SERVER_PORT", "MCP_TIMEOUT", "MCP_AUTH_CLIENT_SECRET_FILE", ""] {
            assert_eq!(meant(name, KNOWN), None, "{name}");
        }
    }
}
