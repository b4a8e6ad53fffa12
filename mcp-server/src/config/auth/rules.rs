//! What a token must say, as an operator sets it.

use std::{collections::BTreeSet, time::Duration};

use ambient::{
    Reader,
    values::{BaseUrl, Seconds, shown},
};
use jsonwebtoken::Algorithm;

use super::super::{
    profile::Profile,
    values::{Pairs, Words},
};
use crate::auth::{Policy, folded, is_of_another_kind, media_type};

/// What may be allowed. Symmetric algorithms cannot: whoever checks such a token can make one.
const ALGORITHMS: &str = "ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512";

/// The furthest that clocks may differ.
const MAX_SKEW: u64 = 120;

pub(super) fn read(
    read: &mut Reader<'_>,
    issuer: &str,
    profile: &Profile,
    resources: &[String],
) -> Policy {
    let required_claims = required_claims(read, profile);
    let issuers = issuers(read, issuer, &required_claims);
    let (audiences, audience_claim) = audience(read, resources);
    let token_types = token_types(read, profile);
    let scope_claims = read
        .setting(
            "MCP_AUTH_SCOPE_CLAIMS",
            "Claims that hold scopes, between spaces; all are read. Dots lead into objects.",
        )
        .or(Words::of(profile.scope_claims));
    Policy {
        issuers,
        audiences,
        audience_claim,
        algorithms: algorithms(read),
        token_types,
        scope_claims: scope_claims.0,
        scope_prefix: read
            .setting("MCP_AUTH_SCOPE_PREFIX", "What is taken away at the begin of a scope.")
            .optional(),
        scope_map: read
            .setting("MCP_AUTH_SCOPE_MAP", "Scopes with other names there: theirs=ours pairs.")
            .or(Pairs::default())
            .into_map(),
        user_claims: words(
            read,
            ("MCP_AUTH_USER_CLAIM", "Claims that name the user, between spaces; the first counts."),
            profile.user_claim,
        ),
        username_claims: words(
            read,
            ("MCP_AUTH_USERNAME_CLAIMS", "Claims with a name for people; the first counts."),
            "preferred_username username name email upn unique_name",
        ),
        client_claims: words(
            read,
            ("MCP_AUTH_CLIENT_CLAIMS", "Claims that name the client; the first counts."),
            "client_id azp cid appid",
        ),
        allowed_clients: allowed_clients(read),
        required_claims,
        skew: skew(read),
        max_lifetime: read
            .setting(
                "MCP_AUTH_MAX_TOKEN_LIFETIME",
                "Seconds that a signed token may live from now; one that lives longer is refused. A \
                 server that is asked about tokens says itself how long they live.",
            )
            .within(Seconds(1)..=Seconds::MAX, Seconds(7 * 24 * 3600))
            .into(),
    }
}

fn words(
    read: &mut Reader<'_>,
    (name, meaning): (&'static str, &'static str),
    usual: &str,
) -> Vec<String> {
    read.setting(name, meaning).or(Words::of(usual)).0
}

fn token_types(read: &mut Reader<'_>, profile: &Profile) -> Vec<String> {
    const NAME: &str = "MCP_AUTH_TOKEN_TYPES";
    let meaning = "Header types of JWTs that are accepted, between spaces; - is none at all.";
    let types = read.setting(NAME, meaning).or(Words::of(profile.token_types));
    let types: Vec<_> = types.0.iter().map(|typ| media_type(typ)).collect();
    if let Some(other) = types.iter().find(|typ| is_of_another_kind(typ)) {
        read.mistake(NAME, format!("has `{other}`, and such tokens are never access tokens"));
    }
    types
}

fn allowed_clients(read: &mut Reader<'_>) -> BTreeSet<String> {
    let clients = read
        .setting("MCP_AUTH_ALLOWED_CLIENTS", "Client ids that may call; any when not set.")
        .or(Words::default());
    clients.0.into_iter().collect()
}

fn skew(read: &mut Reader<'_>) -> Duration {
    let skew = read
        .setting("MCP_AUTH_CLOCK_SKEW", "Seconds that clocks may differ, 0 to 120.")
        .or(Seconds(30));
    if skew.0 > MAX_SKEW {
        read.mistake("MCP_AUTH_CLOCK_SKEW", "is more than 120; set the clocks");
    }
    skew.into()
}

fn required_claims(read: &mut Reader<'_>, profile: &Profile) -> Vec<(String, String)> {
    const NAME: &str = "MCP_AUTH_REQUIRED_CLAIMS";
    let usual = profile.required_claims.parse::<Pairs>().unwrap_or_default();
    let pairs = read.setting(NAME, "Claims that a token must have: name=value pairs.").or(usual).0;
    if let Some(claim) = profile.must_pin.filter(|pin| pairs.iter().all(|(name, _)| name != pin)) {
        let why = "otherwise users of other customers of this provider are let in";
        read.mistake(NAME, format!("must have `{claim}=` and your own value: {why}"));
    }
    pairs
}

/// All issuers that are accepted, byte for byte. A placeholder stands for a pinned claim.
fn issuers(
    read: &mut Reader<'_>,
    issuer: &str,
    required_claims: &[(String, String)],
) -> Vec<String> {
    const NAME: &str = "MCP_AUTH_ACCEPTED_ISSUERS";
    const TENANT: &str = "{tid}";
    let more = read
        .setting(
            NAME,
            "Further issuers with the same keys, byte for byte; {tid} stands for the tenant that \
             MCP_AUTH_REQUIRED_CLAIMS pins.",
        )
        .or(Words::default());
    let tenant = required_claims.iter().find(|(name, _)| name == "tid").map(|(_, value)| value);
    let mut issuers = vec![issuer.to_owned()];
    for other in more.0 {
        match tenant {
            Some(tenant) => issuers.push(other.replace(TENANT, tenant)),
            None if other.contains(TENANT) => {
                read.mistake(NAME, "has {tid}; pin it: MCP_AUTH_REQUIRED_CLAIMS=tid=…");
            }
            None => issuers.push(other),
        }
    }
    if let Some(wrong) = issuers.iter().find(|issuer| issuer.parse::<BaseUrl>().is_err()) {
        let wrong = shown(wrong);
        read.mistake(NAME, format!("has `{wrong}`, which is no issuer: those are URLs"));
    }
    issuers
}

fn audience(read: &mut Reader<'_>, resources: &[String]) -> (Vec<String>, Option<String>) {
    let set = read
        .setting(
            "MCP_AUTH_AUDIENCE",
            "Audiences that are accepted; BASE_URI/mcp and BASE_URI/sse when not set.",
        )
        .optional::<Words>();
    let claim = read
        .setting(
            "MCP_AUTH_AUDIENCE_CLAIM",
            "Claim that names the audience; none trusts the authorization server with that.",
        )
        .or("aud".to_owned());
    if set.is_none() && claim != "aud" && claim != "none" {
        let why = format!("is needed: it says what `{claim}`, of MCP_AUTH_AUDIENCE_CLAIM, must be");
        read.mistake("MCP_AUTH_AUDIENCE", why);
    }
    let accepted = match set {
        Some(Words(accepted)) => accepted,
        // All that the metadata of ours says, because a provider may take it as it is asked for.
        None => resources.to_vec(),
    };
    let claim = (claim != "none").then_some(claim);
    (accepted.iter().map(|audience| folded(audience)).collect(), claim)
}

fn algorithms(read: &mut Reader<'_>) -> Vec<(String, Algorithm)> {
    const NAME: &str = "MCP_AUTH_ALGORITHMS";
    let names = read
        .setting(NAME, "Signature algorithms of JWTs that are accepted, between spaces.")
        .or(Words::of(ALGORITHMS));
    let mut algorithms = Vec::new();
    for name in names.0 {
        let known = ALGORITHMS.split(' ').any(|known| known == name);
        match name.parse() {
            Ok(algorithm) if known => algorithms.push((name, algorithm)),
            _ => read.mistake(
                NAME,
                format!("has `{name}`, which is not allowed; choose among {ALGORITHMS}"),
            ),
        }
    }
    algorithms
}
