//! One token, or one that nobody has, all the way: every step of a request for itself, with what
//! mends it, and at the end the request's own code, which has the last word.

use std::{io, sync::Arc, time::Duration};

use ambient::{Clock, Secret};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use super::{
    super::{
        bound_key,
        discovery::{AuthorizationServer, Way},
        endpoint::NOBODYS,
        introspect::{Answer, Introspector},
        is_shaped,
        jwks::{Jwks, NoKeys},
        token::{Claims, Inactive, Jws, KeySet, Said, Signed, Validated, looks_encrypted},
        validator::{Failure, Validator},
    },
    report::Report,
};
use crate::config::{AuthSettings, ClientAuth};

/// What a request goes through.
pub(super) struct Trial<'a> {
    pub(super) validator: Arc<Validator>,
    pub(super) introspector: Introspector,
    pub(super) jwks: Jwks,
    pub(super) settings: &'a AuthSettings,
    pub(super) clock: &'a Clock,
}

impl Trial<'_> {
    /// Tries what tokens are checked with, and the token.
    pub(super) async fn run(
        &self,
        report: &mut Report<'_>,
        server: &Arc<AuthorizationServer>,
        token: Option<&Secret>,
    ) -> io::Result<()> {
        report.title("Trial")?;
        let keys = match &server.way {
            Way::Jwt { keys } | Way::Both { keys, .. } => self.keys(report, keys).await?,
            Way::Ask { .. } => None,
        };
        if let Way::Ask { endpoint, method, .. } | Way::Both { endpoint, method, .. } = &server.way
        {
            let nobodys = Secret::new(NOBODYS);
            let answer = self.introspector.ask(endpoint, *method, &nobodys).await;
            tried(report, &answer, token.is_some())?;
        }
        let Some(token) = token else { return Ok(()) };
        report.title("Token")?;
        self.looked_at(report, (&server.way, keys.as_deref()), token).await?;
        // Nothing is said of a caller while something is wrong: a forged token names one as well.
        if report.is_good() { self.admitted(report, server, token).await } else { Ok(()) }
    }

    async fn keys(&self, report: &mut Report<'_>, url: &Url) -> io::Result<Option<Arc<KeySet>>> {
        let found = self.jwks.current(url).await;
        let usable = match &found {
            Ok(_) => Ok(()),
            Err(NoKeys { rest: Some(rest), .. }) => Err(too_much(*rest)),
            Err(NoKeys { are_useless: true, .. }) => {
                Err("there is none that can be used; see MCP_AUTH_JWKS_URL".to_owned())
            }
            Err(_) => Err("they cannot be fetched; see MCP_AUTH_JWKS_URL".to_owned()),
        };
        report.step("keys of the issuer", usable)?;
        Ok(found.ok())
    }

    /// The steps in the order of a request.
    async fn looked_at(
        &self,
        report: &mut Report<'_>,
        (way, keys): (&Way, Option<&KeySet>),
        token: &Secret,
    ) -> io::Result<()> {
        if !report.step("shape", self.shaped(token))? {
            return Ok(());
        }
        if looks_encrypted(token.expose()) {
            report.step("readable", Err(Inactive::Encrypted))?;
            return Ok(());
        }
        match way {
            Way::Jwt { .. } => self.signed(report, keys, token),
            Way::Both { endpoint, method, .. } => {
                self.signed(report, keys, token)?;
                if !self.asked(report, endpoint, *method, token).await? {
                    let why = "it does not answer for signed tokens, and both are needed: set \
                               MCP_AUTH_VALIDATION=auto, or jwt";
                    report.step("introspection", Err(why))?;
                }
                Ok(())
            }
            Way::Ask { endpoint, method, fallback } => {
                if !self.before_asking(report, token)?
                    || self.asked(report, endpoint, *method, token).await?
                {
                    return Ok(());
                }
                let Some(keys) = fallback else {
                    let why = "it does not answer for this token, and there are no keys to check \
                               it with; see MCP_AUTH_JWKS_URL";
                    report.step("introspection", Err(why))?;
                    return Ok(());
                };
                report.step("introspection leaves signed tokens to us", Ok::<_, String>(()))?;
                let keys = self.keys(report, keys).await?;
                self.signed(report, keys.as_deref(), token)
            }
        }
    }

    fn shaped(&self, token: &Secret) -> Result<(), String> {
        let (length, longest) = (token.expose().len(), self.settings.max_token);
        if is_shaped(token.expose(), longest) {
            return Ok(());
        }
        Err(if length > longest {
            format!("it has {length} bytes, and no more than MCP_AUTH_MAX_TOKEN={longest} are read")
        } else {
            "it is empty, or has characters that tokens do not have".to_owned()
        })
    }

    /// What a request refuses without a question; false if it does.
    fn before_asking(&self, report: &mut Report<'_>, token: &Secret) -> io::Result<bool> {
        let outcome = self.validator.could_be_good(token).map(drop).map_err(|why| match why {
            // Nothing else is known of a token yet.
            Inactive::NotActive => "it begins like a token of this project's server, and is \
                                    damaged: its last letters do not fit those before"
                .to_owned(),
            why => why.to_string(),
        });
        let could_be_good = outcome.is_ok();
        if let (false, Ok(jws)) = (could_be_good, Jws::parse(token.expose(), &self.settings.policy))
        {
            self.said(report, jws.claims())?;
        }
        report.step("before asking", outcome)
    }

    /// False if the endpoint does not answer for tokens of this kind.
    async fn asked(
        &self,
        report: &mut Report<'_>,
        endpoint: &Url,
        method: ClientAuth,
        token: &Secret,
    ) -> io::Result<bool> {
        match self.introspector.ask(endpoint, method, token).await {
            Answer::Claims(claims) => self.judged(report, &claims, Said::ByServer)?,
            Answer::Unsupported => return Ok(false),
            Answer::Refused => {
                report.step("introspection", Err("the endpoint refuses the question (400)"))?;
            }
            other => {
                report.step("introspection", understood(&other))?;
            }
        }
        Ok(true)
    }

    fn signed(
        &self,
        report: &mut Report<'_>,
        keys: Option<&KeySet>,
        token: &Secret,
    ) -> io::Result<()> {
        for (name, value) in header_of(token.expose()) {
            report.fact(name, value)?;
        }
        let jws = match Jws::parse(token.expose(), &self.settings.policy) {
            Ok(jws) => jws,
            Err(why) => {
                report.step("header", Err(format!("{why}{}", hint(why))))?;
                return Ok(());
            }
        };
        report.step("header", Ok::<_, String>(()))?;
        let signature = match keys.map(|keys| keys.check(&jws)) {
            Some(Ok(Signed::Yes)) => Ok(()),
            Some(Ok(Signed::UnknownKey)) => {
                Err("it names a key that the issuer does not publish".to_owned())
            }
            Some(Err(why)) => Err(why.to_string()),
            None => Err("there are no keys to check it with".to_owned()),
        };
        report.step("signature", signature)?;
        self.judged(report, jws.claims(), Said::ByToken)
    }

    fn judged(&self, report: &mut Report<'_>, claims: &Claims, said: Said) -> io::Result<()> {
        self.said(report, claims)?;
        for (name, outcome) in self.settings.policy.explain(claims, said, self.clock.now()) {
            report.step(name, outcome.map_err(|why| format!("{why}{}", hint(why))))?;
        }
        Ok(())
    }

    /// The claims that decide, as they were said.
    fn said(&self, report: &mut Report<'_>, claims: &Claims) -> io::Result<()> {
        let audience = self.settings.policy.audience_claim.as_deref().unwrap_or("aud");
        for name in ["iss", audience, "exp", "sub", "client_id", "azp", "scope", "scp"] {
            if let Some(value) = claims.get(name) {
                report.fact(name, value)?;
            }
        }
        Ok(())
    }

    /// What a request makes of the token after all that.
    async fn admitted(
        &self,
        report: &mut Report<'_>,
        server: &Arc<AuthorizationServer>,
        token: &Secret,
    ) -> io::Result<()> {
        let why = match self.validator.validate(Some(Arc::clone(server)), token).await {
            Ok(validated) => return self.caller(report, &validated),
            Err(Failure::Inactive(why)) => why.to_string(),
            Err(Failure::Outage(_) | Failure::Refused(_)) => {
                "nobody can say: a request gets 503".to_owned()
            }
        };
        report.step("all together", Err(why))?;
        Ok(())
    }

    fn caller(&self, report: &mut Report<'_>, validated: &Validated) -> io::Result<()> {
        match bound_key(validated.confirmation.as_deref()) {
            Ok(Some(_)) => report.doubt(
                "bound to a key",
                "it is good as `Authorization: DPoP` with a proof (RFC 9449), and never as a \
                 bearer token",
            )?,
            unbound => drop(report.step("works as a bearer token", unbound.map(drop))?),
        }
        let principal = &validated.principal;
        let needed = self.settings.required_scopes.iter();
        let lacks = needed.filter(|scope| !principal.has_scope(scope.as_str()));
        let lacks: Vec<_> = lacks.map(ToString::to_string).collect();
        let enough =
            if lacks.is_empty() { Ok(()) } else { Err(format!("it lacks {}", lacks.join(" "))) };
        report.step("required scopes", enough)?;
        report.fact("user", principal.user.as_deref().unwrap_or("(none: the client itself)"))?;
        report.fact("client", principal.client.as_deref().unwrap_or("(none)"))?;
        let scopes: Vec<_> = principal.scopes.iter().map(String::as_str).collect();
        report.fact("scopes", scopes.join(" "))
    }
}

/// What the question about a token that nobody has came to. An endpoint may refuse garbage and answer
/// for real tokens: then the token that is tried as well says more.
fn tried(report: &mut Report<'_>, answer: &Answer, is_more_tried: bool) -> io::Result<()> {
    const NAME: &str = "introspection with our credentials";
    match answer {
        Answer::Claims(claims) if claims.is_active() => report.doubt(
            NAME,
            "it calls a token active that nobody has; if it does so of every token, everybody is \
             let in",
        ),
        Answer::Refused if is_more_tried => {
            report.doubt(NAME, "it refuses to answer for a token that nobody has (400)")
        }
        Answer::Unsupported => report.doubt(
            NAME,
            "it does not answer for opaque tokens (unsupported_token_type): only signed ones can \
             be good",
        ),
        other => report.step(NAME, understood(other)).map(drop),
    }
}

fn too_much(rest: Duration) -> String {
    format!("it is asked too much (429); wait {} s", rest.as_secs())
}

fn understood(answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::Claims(claims) if matches!(claims.get("active"), Some(Value::Bool(_))) => Ok(()),
        // Without one it would be no answer at all.
        Answer::Claims(_) => Err("`active` in its answer is neither true nor false (RFC 7662 \
                                  section 2.2), so no token is; see MCP_AUTH_INTROSPECTION_URL"
            .to_owned()),
        Answer::Refused => Err("it refuses to answer for a token that nobody has (400), of which \
                                RFC 7662 says that it is not active; see \
                                MCP_AUTH_INTROSPECTION_URL, or try a good token with --token"
            .to_owned()),
        Answer::Unsupported => Err("it does not answer for such tokens".to_owned()),
        Answer::BadCredentials => Err("our credentials are rejected; see MCP_AUTH_CLIENT_ID, \
                                       MCP_AUTH_CLIENT_SECRET and MCP_AUTH_CLIENT_AUTH"
            .to_owned()),
        Answer::TooMany(rest) => Err(too_much(*rest)),
        Answer::Outage(why) => Err(why.clone()),
    }
}

/// What a header is held to, as it is written. Nobody has signed it yet.
fn header_of(token: &str) -> Vec<(&'static str, Value)> {
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header = header.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let of = |name| Some((name, header.as_ref()?.get(name)?.clone()));
    ["typ", "alg", "kid"].into_iter().filter_map(of).collect()
}

/// The setting that mends what is wrong with a token.
const fn hint(why: Inactive) -> &'static str {
    match why {
        Inactive::TokenType => {
            " (see MCP_AUTH_TOKEN_TYPES; other tokens than access tokens are never accepted)"
        }
        Inactive::Algorithm => {
            " (see MCP_AUTH_ALGORITHMS; one with a shared secret is never accepted)"
        }
        Inactive::NotJwt => {
            " (opaque tokens need introspection: see MCP_AUTH_VALIDATION and \
             MCP_AUTH_CLIENT_SECRET)"
        }
        Inactive::Audience => {
            " (clients ask for tokens for the URL that they were given, so BASE_URI has to be the \
             beginning of that; for tokens that name something else see MCP_AUTH_AUDIENCE)"
        }
        _ => "",
    }
}
