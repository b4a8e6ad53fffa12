//! Which variables of the environment may be seen, and which of their values may not.

use std::collections::BTreeMap;

use ambient::{
    Reader,
    values::{List, has_user},
};

/// Words in the name of a variable whose value is nobody's business.
const SECRET_NAMES: [&str; 14] = [
    "SECRET",
    "TOKEN",
    "PASS",
    "PWD",
    "CONNECTION",
    "KEY",
    "CREDENTIAL",
    "AUTH",
    "COOKIE",
    "SESSION",
    "PRIVATE",
    "SALT",
    "DSN",
    "SIGNATURE",
];

/// What secrets begin with.
const SECRET_STARTS: [&str; 9] =
    ["sk-", "ghp_", "gho_", "github_pat_", "xox", "AKIA", "eyJ", "-----BEGIN", "Bearer "];

/// From which length on a text of letters and digits alone looks made up by a machine.
const LONG: usize = 20;

const MASK: &str = "[masked]";

/// The variables that may be seen, masked where they must be. Nothing else of the environment is
/// kept.
#[derive(Clone, Debug, Default)]
pub(in crate::features) struct Shown(pub(super) BTreeMap<String, String>);

impl Shown {
    /// Reads the variables with the prefixes that are set; some must be if they are to be shown.
    pub(in crate::features) fn read(read: &mut Reader<'_>, is_offered: bool) -> Self {
        const MEANING: &str = "Prefixes of the variables that print-env shows, comma separated.";
        let prefixes = read.setting("PRINT_ENV_PREFIXES", MEANING).or(List(Vec::new())).0;
        if !is_offered {
            return Self::default();
        }
        if prefixes.is_empty() {
            let problem = "names nothing that the toolset `diagnostics` could show; \
                           set it to prefixes such as APP_, or do not name the toolset";
            read.mistake("PRINT_ENV_PREFIXES", problem);
        }
        let all = prefixes.iter().flat_map(|prefix| read.beginning_with(prefix));
        Self(all.map(|(name, value)| masked(name, value.expose())).collect())
    }
}

fn masked(name: String, value: &str) -> (String, String) {
    let value = if is_secret(&name, value) { MASK } else { value };
    let value = value.to_owned();
    (name, value)
}

/// Whether a value looks like one that must not be seen. It errs on the side of hiding.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    let looks_made_up = value.len() >= LONG
        && value.bytes().all(is_word)
        && value.bytes().any(|byte| byte.is_ascii_digit());
    is_secret_name(&name)
        || SECRET_STARTS.iter().any(|start| value.trim_start().starts_with(start))
        || looks_made_up
        || has_user(value)
        || names_a_secret(value)
}

fn is_secret_name(name: &str) -> bool {
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// Whether a part of a value is named like a secret, as in `Password=x;`, `?token=x` or
/// `"api_key": "x"`.
fn names_a_secret(value: &str) -> bool {
    let is_of_name = |char: char| char.is_alphanumeric() || "_-. ".contains(char);
    value.match_indices(['=', ':']).any(|(end, _)| {
        let name = value[..end].trim_end_matches(['"', '\'', ' ']).to_uppercase();
        let name = name.rsplit(|char| !is_of_name(char)).next().unwrap_or_default().trim();
        is_secret_name(name) || name == "SIG"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_one() {
        for (name, value) in [
            ("DEMO_PASSWORD", "x"),
            ("demo_api_key", "x"),
            ("DEMO_URL", "redis://user:hunter2@localhost"),
            ("DEMO_X", "eyJhbGciOi"),
            ("DEMO_PWD", "x"),
            ("DEMO_CONNECTION_STRING", "x"),
            ("DEMO_DB", "Server=db;Database=a;User Id=u;Password=x;"),
            ("DEMO_DB", "Server=db;Uid=u; Pwd = x"),
            ("DEMO_DB", "AccountName=a;Account Key=x=="),
            ("DEMO_DB", "host=db user=u password=x"),
            ("DEMO_URL", "user:x@db.example/a"),
            ("DEMO_URL", "tcp user:x@db.example and user@b"),
            ("DEMO_URL", "https://x@example.com"),
            ("DEMO_URL", "https://example.com/a?user=u&password=x"),
            ("DEMO_URL", "https://example.com/a?sig=x"),
            ("DEMO_URL", "https://example.com/#access_token=x"),
            ("DEMO_JSON", r#"{ "a": 1, "apiKey" : "x" }"#),
            ("DEMO_HEADER", "Authorization: Basic eDp5"),
            ("DEMO_X", "0123456789abcdef0123"),
            ("DEMO_X", "  -----BEGIN CERTIFICATE"),
        ] {
            assert!(is_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("DEMO_VAR", "demo"),
            ("DEMO_URL", "https://example.com/a-long-path-without-a-user"),
            ("DEMO_TEXT", "a sentence of some length, with 3 words more"),
            ("DEMO_MAIL", "somebody@example.com"),
            ("DEMO_URL", "https://example.com:8443/a?page=2&size=10"),
            ("DEMO_LIST", "a=1;b=2"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
    }
}
