//! The identity providers as the operator names them:
//!
//! ```text
//! AUTH_UPSTREAMS=google,corp
//! AUTH_UPSTREAM_GOOGLE_ISSUER=https://accounts.google.com
//! AUTH_UPSTREAM_GOOGLE_CLIENT_ID=…
//! ```

use ambient::{
    Reader, Secret,
    values::{BaseUrl, List, Switch},
};
use shared::oauth::ScopeSet;

use super::admission::{Admission, RequiredClaims};

const NAMES: &str = "AUTH_UPSTREAMS";
const MOCK: &str = "AUTH_MOCK_IDP";
const ISSUER: &str = "AUTH_UPSTREAM_<NAME>_ISSUER";
const CLIENT_ID: &str = "AUTH_UPSTREAM_<NAME>_CLIENT_ID";
const SCOPES: &str = "AUTH_UPSTREAM_<NAME>_SCOPES";
const DOMAINS: &str = "AUTH_UPSTREAM_<NAME>_ALLOWED_DOMAINS";

/// What the mock is called.
pub(super) const MOCK_NAME: &str = "mock";

/// More would not fit on a page.
const MAX_PROVIDERS: usize = 20;

/// Where people can log in.
#[derive(Clone, Debug, Default)]
pub struct UpstreamSettings {
    pub(crate) providers: Vec<Provider>,
    /// Whether the mock is among the choices.
    pub mock: bool,
}

/// A provider that speaks `OpenID` Connect.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// Its name in settings and addresses.
    pub(crate) name: String,
    /// Its name for people.
    pub(crate) label: String,
    /// Its identifier, byte for byte.
    pub(crate) issuer: String,
    /// What it knows us as.
    pub(crate) client_id: String,
    /// What we show it; nothing if we are a public client there.
    pub(crate) client_secret: Option<Secret>,
    /// What we ask it for.
    pub(crate) scopes: String,
    /// Which of its users are let in.
    pub(crate) admission: Admission,
}

impl UpstreamSettings {
    /// Reads them. The mock lets everybody in, so it is there by itself only where nobody else can
    /// come: at an issuer on this machine that has no other provider.
    pub(crate) fn read(read: &mut Reader<'_>, issuer: &BaseUrl) -> Self {
        let meaning = "Names of the identity providers that users log in at, comma separated.";
        let names: List = read.setting(NAMES, meaning).optional().unwrap_or_default();
        let mut providers: Vec<Provider> = Vec::new();
        for name in &names.0 {
            let is_new = providers.iter().all(|other| other.name != *name);
            if is_name(name) && is_new && providers.len() < MAX_PROVIDERS {
                providers.extend(provider(read, name));
            } else {
                read.mistake(
                    NAMES,
                    format!(
                        "`{name}` cannot be used: a name has up to 32 of a-z, 0-9 and -, begins \
                         with a letter, is not `{MOCK_NAME}` and is there once"
                    ),
                );
            }
        }
        if names.0.is_empty() {
            document(read);
        }
        read.refuse_unknown("AUTH_UPSTREAM_");
        let meaning = "1 to offer the mock login, whose passwords are public, anywhere.";
        let default = Switch(issuer.is_loopback() && names.0.is_empty());
        let mock = read.setting(MOCK, meaning).or(default).0;
        if !mock && names.0.is_empty() {
            read.mistake(
                MOCK,
                "is off, and there is no other login; name an identity provider in \
                 AUTH_UPSTREAMS. The mock login lets everybody in, so it has to be switched on by \
                 1 for a server that is not on localhost",
            );
        }
        Self { providers, mock }
    }
}

fn provider(read: &mut Reader<'_>, name: &str) -> Option<Provider> {
    let Values { issuer, client_id, client_secret, scopes, label, admission } =
        values(read, Some(name));
    let variable =
        |pattern: &str| pattern.replace("<NAME>", &name.to_ascii_uppercase().replace('-', "_"));
    if issuer.as_ref().is_none_or(|issuer| !issuer.is_https() && !issuer.is_loopback()) {
        let problem = "is needed: the https URL that the provider calls itself, byte for byte";
        read.mistake(&variable(ISSUER), problem);
    }
    if client_id.is_none() {
        read.mistake(&variable(CLIENT_ID), "is needed: what the provider knows this server as");
    }
    if !scopes.contains("openid") {
        read.mistake(&variable(SCOPES), "lacks `openid`, without which nobody says who logs in");
    }
    let is_domain = |text: &String| text.contains('.') && !text.contains(['@', '/', '*', ' ']);
    if !admission.domains.iter().all(is_domain) {
        let problem = "has something that is not a domain such as `example.com`";
        read.mistake(&variable(DOMAINS), problem);
    }
    if !admission.domains.is_empty() && !scopes.contains("email") {
        let problem = "lacks `email`, and ALLOWED_DOMAINS of this provider looks at the address";
        read.mistake(&variable(SCOPES), problem);
    }
    Some(Provider {
        name: name.to_owned(),
        label: label.unwrap_or_else(|| name.to_owned()),
        issuer: issuer?.as_written().to_owned(),
        client_id: client_id?,
        client_secret,
        scopes: scopes.to_string(),
        admission,
    })
}

/// Tells that there could be settings, where there are none.
fn document(read: &mut Reader<'_>) {
    values(read, None);
}

struct Values {
    issuer: Option<BaseUrl>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    scopes: ScopeSet,
    label: Option<String>,
    admission: Admission,
}

fn values(read: &mut Reader<'_>, name: Option<&str>) -> Values {
    let issuer = "Issuer of this provider: where its openid-configuration is, byte for byte.";
    let client_id = "Client id of this server at the provider. \
                     The redirect URI there is AUTH_SERVER_URL/upstream/name/callback.";
    let secret = "Client secret of this server at the provider; a public client when not set.";
    Values {
        issuer: read.setting_of(ISSUER, name, issuer).optional(),
        client_id: read.setting_of(CLIENT_ID, name, client_id).optional(),
        client_secret: read.secret_or_file_of(
            name,
            ("AUTH_UPSTREAM_<NAME>_CLIENT_SECRET", secret),
            ("AUTH_UPSTREAM_<NAME>_CLIENT_SECRET_FILE", "File that holds that client secret."),
        ),
        scopes: read
            .setting_of(SCOPES, name, "Scopes that are asked for, between spaces.")
            .or("openid profile email".parse().unwrap_or_default()),
        label: read
            .setting_of("AUTH_UPSTREAM_<NAME>_NAME", name, "What people know the provider as.")
            .optional(),
        admission: admission(read, name),
    }
}

fn admission(read: &mut Reader<'_>, name: Option<&str>) -> Admission {
    let meaning = "Domains whose people are let in, by verified address (Google: by `hd`), comma \
                   separated; everybody of the provider when not set.";
    let domains: List = read.setting_of(DOMAINS, name, meaning).optional().unwrap_or_default();
    let meaning = "What the identity token must say as well, NAME=VALUE comma separated; in a list \
                   it has to be among others.";
    let pattern = "AUTH_UPSTREAM_<NAME>_REQUIRED_CLAIMS";
    let claims: Option<RequiredClaims> = read.setting_of(pattern, name, meaning).optional();
    let domains = domains.0.into_iter().map(|domain| domain.to_ascii_lowercase()).collect();
    Admission { domains, claims: claims.unwrap_or_default() }
}

fn is_name(name: &str) -> bool {
    let is_of = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    begins && name.len() <= 32 && name.bytes().all(is_of) && name != MOCK_NAME
}

#[cfg(test)]
mod tests {
    use ambient::{Env, Mistakes};

    use super::*;

    const CORP: [(&str, &str); 3] = [
        ("AUTH_UPSTREAMS", "corp"),
        ("AUTH_UPSTREAM_CORP_ISSUER", "https://id.corp.example/"),
        ("AUTH_UPSTREAM_CORP_CLIENT_ID", "mcp"),
    ];

    fn read(pairs: &[(&str, &str)], issuer: &str) -> Result<UpstreamSettings, Mistakes> {
        let env = pairs.iter().fold(Env::default(), |env, (name, value)| env.with(name, value));
        env.read(|read| UpstreamSettings::read(read, &issuer.parse().unwrap())).0
    }

    fn mistakes(pairs: &[(&str, &str)]) -> Vec<String> {
        let mistakes = read(pairs, "https://auth.example").unwrap_err();
        mistakes.0.into_iter().map(|mistake| mistake.setting).collect()
    }

    #[test]
    fn a_provider_has_an_issuer_byte_for_byte_and_a_client_id() {
        let settings = read(&CORP, "https://auth.example").unwrap();
        let [corp] = &*settings.providers else { panic!("one provider") };
        assert_eq!((&*corp.issuer, &*corp.label), ("https://id.corp.example/", "corp"));
        assert_eq!(corp.scopes, "email openid profile");
        assert!(!settings.mock && corp.client_secret.is_none());
        let missing = ["AUTH_UPSTREAM_CORP_ISSUER", "AUTH_UPSTREAM_CORP_CLIENT_ID"];
        assert_eq!(mistakes(&CORP[..1]), missing);
    }

    #[test]
    fn the_secret_of_each_provider_may_be_in_a_file_of_its_own() {
        const FILE: &str = "AUTH_UPSTREAM_CORP_CLIENT_SECRET_FILE";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "hunter2\n").unwrap();
        let path = file.to_str().unwrap();
        let two = [
            ("AUTH_UPSTREAMS", "corp,other-id"),
            ("AUTH_UPSTREAM_OTHER_ID_ISSUER", "https://id.other.example"),
            ("AUTH_UPSTREAM_OTHER_ID_CLIENT_ID", "mcp"),
            ("AUTH_UPSTREAM_OTHER_ID_CLIENT_SECRET_FILE", path),
            ("AUTH_UPSTREAM_CORP_CLIENT_SECRET", "direct"),
        ];
        let settings = read(&[&CORP[1..], &two].concat(), "https://auth.example").unwrap();
        let secrets = settings.providers.iter().map(|one| one.client_secret.as_ref().unwrap());
        assert_eq!(secrets.map(Secret::expose).collect::<Vec<_>>(), ["direct", "hunter2"]);
        let direct = ("AUTH_UPSTREAM_CORP_CLIENT_SECRET", "direct");
        for wrong in [&[direct, (FILE, path)][..], &[(FILE, "/nowhere/at/all")]] {
            assert_eq!(mistakes(&[&CORP[..], wrong].concat()), [FILE]);
        }
    }

    #[test]
    fn the_mock_is_there_by_itself_only_at_home_and_alone() {
        let at_home = "http://localhost:3001";
        assert!(read(&[], at_home).unwrap().mock);
        assert!(!read(&CORP, at_home).unwrap().mock);
        assert_eq!(mistakes(&[]), ["AUTH_MOCK_IDP"]);
        let both = [&CORP[..], &[("AUTH_MOCK_IDP", "1")]].concat();
        assert!(read(&both, "https://auth.example").unwrap().mock);
    }

    #[test]
    fn names_and_settings_that_mean_nothing_are_mistakes() {
        for name in ["mock", "Corp", "1a", "a_b", "a b"] {
            assert_eq!(mistakes(&[("AUTH_UPSTREAMS", name)]), ["AUTH_UPSTREAMS"], "{name}");
        }
        let with = |name, value| mistakes(&[&CORP[..], &[(name, value)]].concat());
        assert_eq!(with("AUTH_UPSTREAM_CORP_SCOPE", "openid"), ["AUTH_UPSTREAM_CORP_SCOPE"]);
        assert_eq!(with("AUTH_UPSTREAM_CORP_SCOPES", "email"), ["AUTH_UPSTREAM_CORP_SCOPES"]);
        for wrong in ["@corp.example", "*.corp.example", "corp", "https://corp.example"] {
            let name = "AUTH_UPSTREAM_CORP_ALLOWED_DOMAINS";
            assert_eq!(with(name, wrong), [name], "{wrong}");
        }
        let claims = "AUTH_UPSTREAM_CORP_REQUIRED_CLAIMS";
        assert_eq!(with(claims, "staff"), [claims]);
        let blind = [("AUTH_UPSTREAM_CORP_ALLOWED_DOMAINS", "corp.example")];
        let blind = [&CORP[..], &blind, &[("AUTH_UPSTREAM_CORP_SCOPES", "openid")]].concat();
        assert_eq!(mistakes(&blind), ["AUTH_UPSTREAM_CORP_SCOPES"]);
        let plain = with("AUTH_UPSTREAM_CORP_ISSUER", "http://id.corp.example");
        assert_eq!(plain, ["AUTH_UPSTREAM_CORP_ISSUER"]);
    }
}
