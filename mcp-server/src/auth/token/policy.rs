//! What a token must say to be good here, rule by rule, and whom it makes of its bearer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ambient::Timestamp;
use jsonwebtoken::Algorithm;
use mcp_core::Principal;
use serde_json::Value;
use url::Url;

use super::{Claims, Inactive, Validated};

/// Where claims come from: a token says less of itself than an authorization server does of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// By the token, whose signature is good.
    ByToken,
    /// By the authorization server, which was asked.
    ByServer,
}

/// What an operator accepts. Every list is compared byte by byte.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The issuer itself first.
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    /// Which claim names the audience; none where the authorization server is trusted with that.
    pub(crate) audience_claim: Option<String>,
    pub(crate) algorithms: Vec<(String, Algorithm)>,
    /// Lower case, without `application/`; `-` is a header without a type.
    pub(crate) token_types: Vec<String>,
    pub(crate) scope_claims: Vec<String>,
    pub(crate) scope_prefix: Option<String>,
    pub(crate) scope_map: BTreeMap<String, String>,
    pub(crate) user_claims: Vec<String>,
    pub(crate) username_claims: Vec<String>,
    pub(crate) client_claims: Vec<String>,
    pub(crate) allowed_clients: BTreeSet<String>,
    pub(crate) required_claims: Vec<(String, String)>,
    pub(crate) skew: Duration,
    pub(crate) max_lifetime: Duration,
}

/// The longest life of a token of which nobody says when it ends.
const UNSAID_LIFE: Duration = Duration::from_mins(1);

/// How providers whose clients have subjects of their own mark their tokens: Auth0, Entra ID.
const CLIENTS_OWN: [(&str, &str); 2] = [("gty", "client-credentials"), ("idtyp", "app")];

/// How Auth0 makes the subject of a client of its id, also where it marks nothing (RFC 9068).
const CLIENTS_SUBJECT: &str = "@clients";

/// The claims that name somebody at every server (RFC 7519, RFC 7662), whatever an operator takes for
/// the user's name.
const SOMEBODY: [&str; 2] = ["sub", "username"];

/// What is judged, for the rules.
struct Case<'a> {
    claims: &'a Claims,
    said: Said,
    now: Timestamp,
}

type Rule = fn(&Policy, &Case<'_>) -> Result<(), Inactive>;

/// Every rule with its name for operators, in the order in which they are held.
const RULES: [(&str, Rule); 7] = [
    ("active", |_, case| is_active(case)),
    ("issuer", Policy::is_from_an_issuer),
    ("audience", Policy::is_for_us),
    ("times", Policy::is_in_time),
    ("kind of token", |_, case| is_access_token(case)),
    ("required claims", Policy::has_required_claims),
    ("client", Policy::is_from_a_client),
];

impl Policy {
    /// The caller that these claims make, or the first rule that they break.
    pub(crate) fn judge(
        &self,
        claims: &Claims,
        said: Said,
        now: Timestamp,
    ) -> Result<Validated, Inactive> {
        let case = Case { claims, said, now };
        RULES.iter().try_for_each(|(_, rule)| rule(self, &case))?;
        self.validated(&case)
    }

    /// The same rule by rule, all of them, for operators who want to know why.
    pub(crate) fn explain(
        &self,
        claims: &Claims,
        said: Said,
        now: Timestamp,
    ) -> Vec<(&'static str, Result<(), Inactive>)> {
        let case = Case { claims, said, now };
        let rules = RULES.iter().map(|(name, rule)| (*name, rule(self, &case)));
        rules.chain([("caller", self.validated(&case).map(drop))]).collect()
    }

    /// What may refuse a token before anybody is asked, and never accepts one: it is from somebody
    /// else, long past, or no access token by its own marks.
    pub(crate) fn could_be_good(&self, claims: &Claims, now: Timestamp) -> Result<(), Inactive> {
        let case = Case { claims, said: Said::ByToken, now };
        if claims.has("iss") {
            self.is_from_an_issuer(&case)?;
        }
        match claims.time("exp")? {
            Some(exp) if exp + self.skew <= now => Err(Inactive::Expired),
            _ => is_access_token(&case),
        }
    }

    /// The algorithm of this name, if it is accepted.
    pub(super) fn algorithm(&self, name: &str) -> Option<Algorithm> {
        self.algorithms.iter().find(|(accepted, _)| accepted == name).map(|(_, a)| *a)
    }

    fn is_from_an_issuer(&self, case: &Case<'_>) -> Result<(), Inactive> {
        match (case.claims.text("iss")?, case.said) {
            (Some(issuer), _) if self.issuers.iter().any(|accepted| accepted == issuer) => Ok(()),
            // Whoever was asked has vouched for it.
            (None, Said::ByServer) => Ok(()),
            _ => Err(Inactive::Issuer),
        }
    }

    /// RFC 8707 section 2: a token for somebody else must not work here.
    fn is_for_us(&self, case: &Case<'_>) -> Result<(), Inactive> {
        let Some(claim) = &self.audience_claim else { return Ok(()) };
        let named = case.claims.one_or_many(claim)?;
        let ours = named.iter().any(|value| {
            let value = folded(value);
            self.audiences.contains(&value)
        });
        if ours { Ok(()) } else { Err(Inactive::Audience) }
    }

    fn is_in_time(&self, case: &Case<'_>) -> Result<(), Inactive> {
        let exp = case.claims.time("exp")?;
        if exp.is_none() && case.said == Said::ByToken {
            return Err(Inactive::NoExpiry);
        }
        let exp = exp.unwrap_or(case.now + UNSAID_LIFE);
        if case.now >= exp + self.grace(case.said) {
            return Err(Inactive::Expired);
        }
        if case.said == Said::ByToken && exp > case.now + self.max_lifetime {
            return Err(Inactive::LivesTooLong);
        }
        for name in ["nbf", "iat"] {
            if case.claims.time(name)?.is_some_and(|at| at > case.now + self.skew) {
                return Err(Inactive::NotYet);
            }
        }
        Ok(())
    }

    /// How long after its end a token is good, because clocks differ. A server that is asked looks
    /// at its own clock.
    const fn grace(&self, said: Said) -> Duration {
        match said {
            Said::ByToken => self.skew,
            Said::ByServer => Duration::ZERO,
        }
    }

    fn has_required_claims(&self, case: &Case<'_>) -> Result<(), Inactive> {
        let all = self.required_claims.iter().all(|(name, value)| case.claims.is(name, value));
        if all { Ok(()) } else { Err(Inactive::RequiredClaim) }
    }

    fn is_from_a_client(&self, case: &Case<'_>) -> Result<(), Inactive> {
        if self.allowed_clients.is_empty() {
            return Ok(());
        }
        match first(case.claims, &self.client_claims)? {
            Some(client) if self.allowed_clients.contains(client) => Ok(()),
            _ => Err(Inactive::Client),
        }
    }

    fn validated(&self, case: &Case<'_>) -> Result<Validated, Inactive> {
        let exp = case.claims.time("exp")?;
        let expires_at = exp.map_or(case.now + UNSAID_LIFE, |exp| exp + self.grace(case.said));
        let confirmation = case.claims.confirmation()?;
        let principal = Principal { expires_at: Some(expires_at), ..self.principal(case)? };
        Ok(Validated::new(Arc::new(principal), expires_at, confirmation))
    }

    /// A token without a user belongs to a client, and a client is never mixed up with a user.
    fn principal(&self, case: &Case<'_>) -> Result<Principal, Inactive> {
        let claims = case.claims;
        let client = first(claims, &self.client_claims)?;
        let user = self.user(claims, client)?;
        if user.is_none() && client.is_none() {
            return Err(Inactive::Nobody);
        }
        let username = first(claims, &self.username_claims)?.filter(|name| is_name(name));
        let issuer = claims.text("iss")?.or(self.issuers.first().map(String::as_str));
        Ok(Principal {
            issuer: issuer.unwrap_or_default().to_owned(),
            user: user.map(name).transpose()?,
            client: client.map(name).transpose()?,
            username: username.map(str::to_owned),
            scopes: self.scopes(claims)?,
            expires_at: None,
        })
    }

    /// The user, unless the client acts for itself. A token that names somebody in other claims than
    /// those that are looked at is nobody's: as its client's, all users of that client would be one.
    fn user<'c>(
        &self,
        claims: &'c Claims,
        client: Option<&str>,
    ) -> Result<Option<&'c str>, Inactive> {
        let user = first(claims, &self.user_claims)?;
        if acts_for_itself(claims, client)? {
            return Ok(None);
        }
        for name in SOMEBODY.iter().filter(|_| user.is_none()) {
            if claims.text(name)?.is_some_and(|somebody| client != Some(somebody)) {
                return Err(Inactive::UserClaim);
            }
        }
        Ok(user.filter(|user| client != Some(user)))
    }

    /// All that is granted, in our words. What nobody here asks for has no power.
    fn scopes(&self, claims: &Claims) -> Result<BTreeSet<String>, Inactive> {
        let mut scopes = BTreeSet::new();
        for claim in &self.scope_claims {
            for word in claims.words(claim)? {
                scopes.insert(self.our_scope(word).to_owned());
            }
        }
        Ok(scopes)
    }

    /// What we call a scope of the authorization server.
    pub(crate) fn our_scope<'a>(&'a self, theirs: &'a str) -> &'a str {
        let stripped = self.scope_prefix.as_deref().and_then(|p| theirs.strip_prefix(p));
        let word = stripped.unwrap_or(theirs);
        self.scope_map.get(word).map_or(word, String::as_str)
    }
}

/// Nothing but `true` is active (RFC 7662 section 2.2).
fn is_active(case: &Case<'_>) -> Result<(), Inactive> {
    match (case.said, case.claims.get("active")) {
        (Said::ByToken, _) | (Said::ByServer, Some(Value::Bool(true))) => Ok(()),
        (Said::ByServer, _) => Err(Inactive::NotActive),
    }
}

/// ID tokens, logout tokens and refresh tokens come from the same issuer, under the same keys.
fn is_access_token(case: &Case<'_>) -> Result<(), Inactive> {
    let lower = |name| Ok::<_, Inactive>(case.claims.text(name)?.map(str::to_ascii_lowercase));
    let (kind, used_as) = (lower("token_type")?, lower("token_use")?);
    if [&kind, &used_as].into_iter().flatten().any(|word| word.contains("refresh")) {
        return Err(Inactive::RefreshToken);
    }
    if used_as.is_some_and(|word| word != "access" && word != "access_token") {
        return Err(Inactive::NotAccessToken);
    }
    let others = ["id", "refresh", "logout", "offline", "serialized-id"];
    if lower("typ")?.is_some_and(|typ| others.contains(&typ.as_str())) {
        return Err(Inactive::NotAccessToken);
    }
    let marks = ["nonce", "at_hash", "c_hash", "events"];
    if marks.iter().any(|mark| case.claims.has(mark)) {
        return Err(Inactive::NotAccessToken);
    }
    Ok(())
}

/// Whether a client has the token for itself: it is its own subject then, or is marked.
fn acts_for_itself(claims: &Claims, client: Option<&str>) -> Result<bool, Inactive> {
    let is_own = |subject: &str| {
        let id = subject.strip_suffix(CLIENTS_SUBJECT).unwrap_or(subject);
        client.is_some_and(|client| client == subject || client == id)
    };
    let is_own = claims.text("sub")?.is_some_and(is_own);
    Ok(is_own || CLIENTS_OWN.iter().any(|(name, value)| claims.is(name, value)))
}

/// The first of these claims that is there. It must be a text, as must those before it.
fn first<'c>(claims: &'c Claims, names: &[String]) -> Result<Option<&'c str>, Inactive> {
    for name in names {
        if let Some(text) = claims.text(name)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// Names go into keys, logs and pages.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn name(text: &str) -> Result<String, Inactive> {
    if is_name(text) { Ok(text.to_owned()) } else { Err(Inactive::ImproperName) }
}

/// An audience as it is compared: scheme and host of a URL have no case, everything else has
/// (RFC 3986 section 6.2.2.1).
pub(crate) fn folded(audience: &str) -> String {
    let Some((scheme, rest)) = audience.split_once("://") else { return audience.to_owned() };
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return audience.to_owned();
    }
    if Url::parse(audience).is_err() {
        return audience.to_owned();
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}
