//! An authorization server below a path of its host: who starts from the MCP server's endpoint finds
//! it there, and nothing that is said between the two servers or to a client names another place.

use e2e::{Backend, Setup, World};
use serde_json::{Value, json};
use testkit::{
    http::Http,
    process::{Program, free_port},
};

const PATH: &str = "/auth";

async fn start() -> World {
    Setup::new(Backend::Memory).issuer_path(PATH).start().await
}

#[tokio::test]
async fn a_client_finds_its_way_and_its_token_works_until_it_is_revoked() {
    let world = start().await;
    assert!(world.issuer().ends_with(PATH));
    let alice = world.login("alice").await;
    assert_eq!(alice.oauth.issuer, world.issuer());
    let inserted = format!("/.well-known/oauth-authorization-server{PATH}");
    let metadata = world.auth_http().get(&inserted).await.expect(200).json();
    assert_eq!(alice.oauth.metadata, metadata);
    for (name, value) in metadata.as_object().expect("an object") {
        let is_below = value.as_str().is_some_and(|url| url.starts_with(&world.issuer()));
        assert!(!name.ends_with("_endpoint") || is_below, "{name}: {value}");
    }
    let told = world.introspect(alice.access()).await;
    assert_eq!((&told["iss"], &told["aud"]), (&json!(world.issuer()), &json!(world.endpoint())));
    crate::support::works(&world, alice.access()).await;
    let session = world.session(alice.access()).open().await;
    let _ = session.call("ping", json!({})).await.expect(200);
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    crate::support::works(&world, &fresh.access).await;
    alice.oauth.revoke(&alice.client, fresh.refresh.as_deref().expect("a refresh token")).await;
    assert!(!world.is_active(&fresh.access).await);
}

#[tokio::test]
async fn signed_tokens_name_it_and_are_believed_by_their_signature_alone() {
    let setup = Setup::new(Backend::Memory).issuer_path(PATH);
    let setup = setup.setting("AUTH_TOKEN_FORMAT", "jwt").setting("MCP_AUTH_VALIDATION", "jwt");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    crate::support::works(&world, alice.access()).await;
}

#[tokio::test]
async fn the_mcp_server_names_it_wherever_it_names_its_authorization_server() {
    let world = start().await;
    let http = world.mcp_http();
    let described = http.get("/.well-known/oauth-protected-resource/mcp").await.expect(200).json();
    assert_eq!(described["authorization_servers"], json!([world.issuer()]));
    // What clients of 2025-03-26 look for at the MCP server is the document of the issuer.
    let repeated = http.get("/.well-known/oauth-authorization-server").await.expect(200).json();
    assert_eq!(repeated["issuer"], world.issuer());
    assert_eq!(http.get("/health").await.json()["authServerUrl"], world.issuer());
    let page = http.get("/").await.expect(200);
    assert!(page.text().contains(&world.issuer()), "{page}");
    let playground = http.get("/playground").await.expect(200);
    let policy = playground.header("content-security-policy").expect("a policy");
    let origin = world.issuer();
    let origin = origin.strip_suffix(PATH).expect("a path");
    assert!(policy.contains(origin), "the page in a browser may ask it: {policy}");
}

/// Both programs, as an operator starts them behind a gateway that hands paths on.
struct Place {
    issuer: String,
    auth: u16,
    mcp: u16,
}

impl Place {
    fn program(&self, name: &str) -> Program {
        Program::built(name)
            .setting("AUTH_SERVER_PORT", self.auth)
            .setting("AUTH_SERVER_URL", &self.issuer)
            .setting("PORT", self.mcp)
            .setting("BASE_URI", format!("http://localhost:{}", self.mcp))
    }

    async fn said(&self, program: &str, words: &[&str]) -> (bool, String) {
        let program =
            words.iter().fold(self.program(program), |program, word| program.argument(*word));
        let (status, said) = program.run().await;
        (status.success(), said)
    }
}

#[tokio::test]
async fn the_commands_of_both_programs_see_that_it_is_well_and_that_it_is_not() {
    let (auth, mcp) = (free_port(), free_port());
    let place = Place { issuer: format!("http://localhost:{auth}{PATH}"), auth, mcp };
    let root = format!("http://localhost:{auth}");
    let _running = place.program("auth-server").start_ready(&format!("{root}/readyz")).await;
    let (_, said) = place.said("auth-server", &["doctor"]).await;
    assert!(said.contains("ok    issuer: ") && !said.contains("BAD"), "{said}");
    let (is_good, said) = place.said("mcp-server", &["check-auth"]).await;
    assert!(is_good && said.contains(&place.issuer), "{said}");
    let version: Value = Http::new(&root).get("/version").await.expect(200).json();
    assert_eq!(version["issuer"], place.issuer);
    // What an operator sees whose gateway takes the path away, or does not know it.
    let elsewhere = Place { issuer: format!("{root}/other"), ..place };
    let (is_good, said) = elsewhere.said("auth-server", &["doctor"]).await;
    assert!(!is_good && said.contains("BAD   issuer: "), "{said}");
    assert!(said.contains("hand on /other/*"), "{said}");
    let (is_good, said) = elsewhere.said("mcp-server", &["check-auth"]).await;
    assert!(!is_good && said.contains("/other"), "{said}");
}
