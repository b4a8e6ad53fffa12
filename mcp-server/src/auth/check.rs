//! `mcp-server check-auth`: what is set, what the authorization server says, and what comes of a
//! token, rule by rule. It runs the same code as a request does, and shows no secret.

use std::{
    fmt::Display,
    io::{self, Write},
    sync::Arc,
};

use ambient::{Clock, Entropy, Secret};
use chassis::telemetry::Asking;
use url::Url;

use super::{
    discovery::{self, AuthorizationServer, Way},
    doubts,
    introspect::{Answer, Introspector},
    jwks::Jwks,
    outbound::Outbound,
    token::{Claims, Jws, KeySet, Said, Signed, looks_encrypted},
};
use crate::config::{AuthSettings, ClientAuth};

/// Writes what it finds and remembers whether any of it was bad.
struct Report<'w> {
    out: &'w mut (dyn Write + Send),
    good: bool,
}

impl Report<'_> {
    fn title(&mut self, title: &str) -> io::Result<()> {
        writeln!(self.out, "\n{title}")
    }

    fn fact(&mut self, name: &str, value: impl Display) -> io::Result<()> {
        writeln!(self.out, "        {name}: {value}")
    }

    fn step<E: Display>(&mut self, name: &str, outcome: Result<(), E>) -> io::Result<()> {
        match outcome {
            Ok(()) => writeln!(self.out, "  ok    {name}"),
            Err(why) => {
                self.good = false;
                writeln!(self.out, "  FAIL  {name}: {why}")
            }
        }
    }

    /// Something that may be right, and probably is not.
    fn doubt(&mut self, name: &str, why: &str) -> io::Result<()> {
        writeln!(self.out, "  hm    {name}: {why}")
    }
}

/// Checks the provider, and the token if there is one; true if all is good.
pub(crate) async fn check(
    settings: &AuthSettings,
    clock: &Clock,
    entropy: &Entropy,
    token: Option<Secret>,
    out: &mut (dyn Write + Send),
) -> io::Result<bool> {
    let mut report = Report { out, good: true };
    let outbound = match Outbound::new(settings, clock.clone(), Asking::default()) {
        Ok(outbound) => outbound,
        Err(error) => {
            report.step("HTTP client", Err(error))?;
            return Ok(false);
        }
    };
    report.title("Authorization server")?;
    let server = match discovery::fetch(&outbound, settings).await {
        Ok(server) => server,
        Err(error) => {
            report.step("metadata", Err(causes(&error)))?;
            return Ok(false);
        }
    };
    described(&mut report, settings, &server)?;
    for (name, why) in server.document.iter().flat_map(|document| doubts::of(settings, document)) {
        report.doubt(name, &why)?;
    }
    let trial = Trial {
        introspector: Introspector {
            outbound: outbound.clone(),
            credentials: settings.credentials.clone(),
            issuer: settings.issuer.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        },
        jwks: Jwks::new(outbound, clock.clone(), settings.jwks),
        settings,
        clock,
    };
    trial.run(&mut report, &server.way, token).await?;
    Ok(report.good)
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn described(
    report: &mut Report<'_>,
    settings: &AuthSettings,
    server: &AuthorizationServer,
) -> io::Result<()> {
    report.step("metadata", Ok::<_, String>(()))?;
    match &server.document {
        None => report.fact("metadata", "is not read (MCP_AUTH_DISCOVERY=off)")?,
        Some(document) => {
            let names = [
                "issuer",
                "introspection_endpoint",
                "introspection_endpoint_auth_methods_supported",
                "jwks_uri",
                "code_challenge_methods_supported",
                "client_id_metadata_document_supported",
                "registration_endpoint",
            ];
            for name in names {
                let value = document.get(name).map_or("(absent)".to_owned(), ToString::to_string);
                report.fact(name, value)?;
            }
        }
    }
    let way = match &server.way {
        Way::Ask { endpoint, method, .. } => format!("introspection at {endpoint}, {method}"),
        Way::Jwt { keys } => format!("signatures, with the keys at {keys}"),
        Way::Both { endpoint, method, keys } => {
            format!(
                "signatures, with the keys at {keys}, then introspection at {endpoint}, {method}"
            )
        }
    };
    report.fact("tokens are checked by", way)?;
    let policy = &settings.policy;
    let audience = policy.audience_claim.as_deref().unwrap_or("none: the server is trusted");
    report.fact("accepted issuers", policy.issuers.join(" "))?;
    report.fact("audience claim", audience)?;
    report.fact("accepted audiences", policy.audiences.join(" "))
}

/// One token, or one that nobody has, all the way.
struct Trial<'a> {
    introspector: Introspector,
    jwks: Jwks,
    settings: &'a AuthSettings,
    clock: &'a Clock,
}

impl Trial<'_> {
    async fn run(
        &self,
        report: &mut Report<'_>,
        way: &Way,
        token: Option<Secret>,
    ) -> io::Result<()> {
        report.title("Trial")?;
        let keys = match way {
            Way::Jwt { keys } | Way::Both { keys, .. } => self.keys(report, keys).await?,
            Way::Ask { fallback, .. } => match fallback {
                Some(keys) if token.is_some() => self.keys(report, keys).await?,
                _ => None,
            },
        };
        let asks = match way {
            Way::Ask { endpoint, method, .. } | Way::Both { endpoint, method, .. } => {
                Some((endpoint, *method))
            }
            Way::Jwt { .. } => None,
        };
        if let Some((endpoint, method)) = asks {
            let nobodys = Secret::new("trial-by-mcp-server");
            let answer = self.introspector.ask(endpoint, method, &nobodys).await;
            report.step("introspection with our credentials", understood(&answer))?;
        }
        let Some(token) = token else {
            return writeln!(report.out, "\nVerdict: {}", verdict(report.good));
        };
        report.title("Token")?;
        if looks_encrypted(token.expose()) {
            report.step("readable", Err("it is encrypted for somebody else"))?;
        }
        let by_signature = match way {
            Way::Jwt { .. } | Way::Both { .. } => true,
            Way::Ask { endpoint, method, .. } => {
                !self.asked(report, endpoint, *method, &token).await?
            }
        };
        if by_signature {
            self.signed(report, keys.as_deref(), &token)?;
        }
        if let Way::Both { endpoint, method, .. } = way {
            self.asked(report, endpoint, *method, &token).await?;
        }
        writeln!(report.out, "\nVerdict: {}", verdict(report.good))
    }

    async fn keys(&self, report: &mut Report<'_>, url: &Url) -> io::Result<Option<Arc<KeySet>>> {
        let found = self.jwks.current(url).await;
        let usable = match &found {
            Ok(keys) if keys.len() > 0 => Ok(()),
            Ok(_) => Err("there is none that can be used; see MCP_AUTH_ALGORITHMS"),
            Err(_) => Err("they cannot be fetched; see MCP_AUTH_JWKS_URL"),
        };
        report.step("keys of the issuer", usable)?;
        Ok(found.ok())
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
            Answer::Unsupported => {
                writeln!(report.out, "  ok    introspection leaves signed tokens to us")?;
                return Ok(false);
            }
            Answer::Refused => {
                report.step("introspection", Err("the endpoint refuses the question (400)"))?;
            }
            other => report.step("introspection", understood(&other))?,
        }
        Ok(true)
    }

    fn signed(
        &self,
        report: &mut Report<'_>,
        keys: Option<&KeySet>,
        token: &Secret,
    ) -> io::Result<()> {
        let jws = match Jws::parse(token.expose(), &self.settings.policy) {
            Ok(jws) => jws,
            Err(why) => {
                let hint = "opaque tokens need introspection: see MCP_AUTH_VALIDATION and \
                            MCP_AUTH_CLIENT_SECRET";
                return report.step("header", Err(format!("{why} ({hint})")));
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
        let policy = &self.settings.policy;
        let audience = policy.audience_claim.as_deref().unwrap_or("aud");
        for name in ["iss", audience, "exp", "sub", "client_id", "azp", "scope", "scp"] {
            if let Some(value) = claims.get(name) {
                report.fact(name, value)?;
            }
        }
        for (name, outcome) in policy.explain(claims, said, self.clock.now()) {
            report.step(name, outcome)?;
        }
        let Ok(validated) = policy.judge(claims, said, self.clock.now()) else { return Ok(()) };
        let principal = &validated.principal;
        let bound = validated.confirmation.map_or(Ok(()), |_| Err("it is bound to a key"));
        report.step("works as a bearer token", bound)?;
        let lacks =
            self.settings.required_scopes.iter().filter(|s| !principal.has_scope(s.as_str()));
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

fn understood(answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::Claims(_) | Answer::Refused | Answer::Unsupported => Ok(()),
        Answer::BadCredentials => Err("our credentials are rejected; see MCP_AUTH_CLIENT_ID, \
                                       MCP_AUTH_CLIENT_SECRET and MCP_AUTH_CLIENT_AUTH"
            .to_owned()),
        Answer::TooMany(rest) => Err(format!("it is asked too much; wait {} s", rest.as_secs())),
        Answer::Outage(why) => Err(why.clone()),
    }
}

const fn verdict(good: bool) -> &'static str {
    if good { "good" } else { "not good; mend what says FAIL" }
}
