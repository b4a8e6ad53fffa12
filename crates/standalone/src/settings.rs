//! What both servers are told. Each is told where the other is, whatever ports were chosen.

use ambient::{Entropy, Env, Mistakes, values::BaseUrl};

const ISSUER: &str = "AUTH_SERVER_URL";

/// The settings of both servers, and every mistake in them.
pub(crate) fn of_both(
    env: Env,
    entropy: &Entropy,
) -> Result<(auth_server::Config, mcp_server::Config), Mistakes> {
    refuse_foreign(&env)?;
    let env = with_secret(env, entropy);
    let env = match mcp_server::Config::from_env(&env).0 {
        Ok(mcp) => shown(env, &mcp).with("BASE_URI", mcp.base.as_str()),
        Err(_) => env,
    };
    let auth = auth_server::Config::from_env(&env).0;
    let env = match &auth {
        Ok(auth) => env.with(ISSUER, auth.issuer.as_str()),
        Err(_) => env,
    };
    Mistakes::of_both(auth, mcp_server::Config::from_env(&env).0)
}

/// The secret between the two, unless there is one. Where nobody else reaches them it is the one that
/// commands of the servers know as well, so that `mcp-server doctor` is let in beside this process;
/// elsewhere it is made up.
fn with_secret(env: Env, entropy: &Entropy) -> Env {
    let given = ["MCP_AUTH_CLIENT_SECRET", "MCP_AUTH_CLIENT_SECRET_FILE"];
    if given.iter().any(|name| is_set(&env, name)) || is_private(&env) {
        return env;
    }
    env.with("MCP_AUTH_CLIENT_SECRET", &entropy.hex::<32>())
}

/// Whether both servers can be reached from this machine only.
fn is_private(env: &Env) -> bool {
    let issuer = env.read(|read| read.setting(ISSUER, "").optional::<BaseUrl>()).0;
    let issuer_is_near = issuer.is_ok_and(|url| url.is_none_or(|url| url.is_loopback()));
    let mcp = mcp_server::Config::from_env(env).0;
    issuer_is_near && mcp.is_ok_and(|mcp| mcp.is_private())
}

/// Refuses an issuer that is not the authorization server which starts here: two would claim one name.
/// What hands on to here from another place leads to a port that somebody has chosen for that.
fn refuse_foreign(env: &Env) -> Result<(), Mistakes> {
    if is_set(env, "AUTH_SERVER_PORT") {
        return Ok(());
    }
    let own = BaseUrl::localhost(auth_server::Config::PORT);
    let refused = env.read(|read| {
        let issuer = read.setting(ISSUER, "").optional::<BaseUrl>();
        let is_foreign = |url: BaseUrl| {
            !url.is_loopback() || url.has_path() || url.is_https() || url.port() != own.port()
        };
        if issuer.is_some_and(is_foreign) {
            read.mistake(
                ISSUER,
                "names another authorization server than the one that this program starts beside \
                 the MCP server; to use that one, start the MCP server alone: `cargo run -p \
                 mcp-server`. If the URL leads here, through a proxy, set AUTH_SERVER_PORT to the \
                 port that it leads to",
            );
        }
    });
    refused.0
}

/// Who runs this develops: messages are shown on their way, unless others reach it or a setting says
/// otherwise.
fn shown(env: Env, mcp: &mcp_server::Config) -> Env {
    if mcp.is_private() && !is_set(&env, "MCP_FLOW") { env.with("MCP_FLOW", "1") } else { env }
}

fn is_set(env: &Env, name: &'static str) -> bool {
    env.read(|read| read.setting(name, "").optional::<String>()).0 != Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(
        set: [(&str, &str); N],
    ) -> Result<(auth_server::Config, mcp_server::Config), Mistakes> {
        of_both(Env::from(set), &Entropy::seeded(1))
    }

    /// The secret that each of the two has.
    fn secrets<const N: usize>(set: [(&str, &str); N]) -> (String, String) {
        let (auth, mcp) = settings(set).unwrap();
        let mcp_server::AuthConfig::Required(checked) = mcp.auth else { panic!("it is checked") };
        let shown = |secret: Option<ambient::Secret>| secret.unwrap().expose().to_owned();
        (shown(auth.resource_server.secret), shown(checked.credentials.secret))
    }

    #[test]
    fn other_ports_are_told_to_the_other_server() {
        let (auth, mcp) = settings([("PORT", "4000"), ("AUTH_SERVER_PORT", "4001")]).unwrap();
        assert_eq!(mcp.resource(), "http://localhost:4000/mcp");
        assert_eq!(auth.mcp_base, "http://localhost:4000");
        assert_eq!(auth.issuer.as_str(), "http://localhost:4001");
        let mcp_server::AuthConfig::Required(checked) = mcp.auth else { panic!("it is checked") };
        assert_eq!(checked.issuer, "http://localhost:4001");
    }

    #[test]
    fn what_is_wrong_for_both_is_told_once() {
        let wrong = [("HOST", "x"), ("PORT", "x"), ("AUTH_SERVER_PORT", "x")];
        let Mistakes(wrong) = settings(wrong).unwrap_err();
        let names: Vec<_> = wrong.iter().map(|mistake| mistake.setting.as_str()).collect();
        assert_eq!(names, ["HOST", "AUTH_SERVER_PORT", "PORT"]);
    }

    #[test]
    fn an_issuer_of_another_place_is_not_started_here_and_the_way_to_use_it_is_said() {
        for issuer in [
            "https://t.auth0.com/",
            "http://localhost:9000",
            "http://localhost:3001/realms/mcp",
            "https://auth.example.com:3001",
        ] {
            let secret = ("MCP_AUTH_CLIENT_SECRET", "a-secret-that-is-long-enough-for-others");
            let Mistakes(wrong) = settings([("AUTH_SERVER_URL", issuer), secret]).unwrap_err();
            let [wrong] = &wrong[..] else { panic!("{wrong:?}") };
            assert_eq!(wrong.setting, "AUTH_SERVER_URL");
            assert!(wrong.problem.contains("`cargo run -p mcp-server`"), "{wrong}");
        }
        for issuer in ["http://localhost:3001", "http://127.0.0.1:3001/"] {
            assert!(settings([("AUTH_SERVER_URL", issuer)]).is_ok(), "{issuer}");
        }
        // Behind a proxy.
        let port = ("AUTH_SERVER_PORT", "3001");
        let secret = ("MCP_AUTH_CLIENT_SECRET", "a-secret-that-is-long-enough-for-others");
        let public = ("AUTH_SERVER_URL", "https://auth.example.com");
        let (auth, _) = settings([public, port, secret, ("AUTH_MOCK_IDP", "1")]).unwrap();
        assert_eq!(auth.issuer.as_str(), "https://auth.example.com");
    }

    #[test]
    fn the_secret_is_the_one_that_is_set_and_that_of_developers_where_nobody_else_comes() {
        let both = |secret: &str| (secret.to_owned(), secret.to_owned());
        assert_eq!(secrets([("MCP_AUTH_CLIENT_SECRET", "chosen")]), both("chosen"));
        let alone = mcp_server::Config::from_env(&Env::default()).0.unwrap();
        let mcp_server::AuthConfig::Required(alone) = alone.auth else { panic!("it is checked") };
        let development = alone.credentials.secret.unwrap().expose().to_owned();
        assert_eq!(secrets([]), both(&development), "a doctor beside it has this one");
        let (auth, mcp) = secrets([("HOST", "0.0.0.0")]);
        assert!(auth == mcp && auth.len() == 64, "others reach it: {auth}");
    }
}
