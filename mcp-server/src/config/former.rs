//! Settings by names that ours do not share: those of the servers that this one replaces, and those that
//! others like it have. One that would be ignored is refused: an operator who sets it believes that it works.

use ambient::Reader;

/// What they were called, and what to set instead. `REDIS_PORT` is not among them: Kubernetes sets it by
/// itself where there is a service of the name `redis`.
const FORMER: [(&str, &str); 11] = [
    (
        "USE_REDIS",
        "set REDIS_URL, for example to redis://localhost:6379, or leave it out to keep state in memory",
    ),
    ("REDIS_HOST", REDIS),
    ("REDIS_DB", REDIS),
    (
        "REDIS_PASSWORD",
        "set REDIS_PASSWORD_FILE to a file with the password, or REDIS_URL to redis://:password@host",
    ),
    ("CORS_ORIGIN", "set ALLOWED_ORIGINS to the web origins that may call, comma separated"),
    ("SESSION_TIMEOUT", "set SESSION_TTL to seconds; SESSION_TIMEOUT was milliseconds"),
    ("LOG_LEVEL", "set RUST_LOG, for example to info or mcp_server=debug"),
    ("RATE_LIMIT_WINDOW", RATES),
    ("RATE_LIMIT_MAX", RATES),
    ("MCP_AUTH_ISSUER", "set AUTH_SERVER_URL to the issuer of the tokens, byte for byte"),
    ("MCP_PUBLIC_URL", "set BASE_URI to the public URL of this server"),
];

const REDIS: &str = "set REDIS_URL, for example to redis://localhost:6379/0";

const RATES: &str = "set MCP_REQUESTS_PER_SECOND to limit each caller, and limit addresses at the \
                     proxy in front, which sees them";

/// Refuses those that are set.
pub(super) fn refuse(read: &mut Reader<'_>) {
    for (name, instead) in FORMER {
        read.refuse(name, instead);
    }
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::FORMER;
    use crate::Config;

    #[test]
    fn a_setting_of_another_server_is_refused_with_the_name_of_ours() {
        for (name, instead) in FORMER {
            let wrong = Config::from_env(&Env::from([(name, "1")])).0.unwrap_err();
            assert_eq!(wrong.0[0].setting, name);
            assert!(wrong.to_string().contains(instead), "{wrong}");
        }
    }

    #[test]
    fn what_they_are_told_to_set_instead_is_read() {
        let (_, settings) = Config::from_env(&Env::default());
        let ours = ["REDIS_URL", "ALLOWED_ORIGINS", "SESSION_TTL", "RUST_LOG", "AUTH_SERVER_URL"];
        let more = ["BASE_URI", "MCP_REQUESTS_PER_SECOND", "REDIS_PASSWORD_FILE"];
        for ours in ours.into_iter().chain(more) {
            assert!(settings.iter().any(|setting| setting.name == ours), "{ours}");
            assert!(FORMER.iter().any(|(_, instead)| instead.contains(ours)), "{ours}");
        }
    }
}
