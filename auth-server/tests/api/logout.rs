//! Applications that log their user out (`OpenID` Connect RP-Initiated Logout 1.0).

use http::Method;
use serde_json::json;
use testkit::{
    browser::{Browser, Page, Visit},
    oauth::{Client, query},
};
use url::Url;

use crate::support::{CALLBACK, World, redemption};

/// An application, its user's browser, and the identity token that it got for him.
struct Story {
    world: World,
    client: Client,
    browser: Browser,
    hint: String,
}

impl Story {
    async fn begin(user: &str) -> Self {
        Self::begin_at(user, CALLBACK).await
    }

    /// The same, with another place to go afterwards.
    async fn begin_at(user: &str, after: &str) -> Self {
        let world = World::with(&[("AUTH_TOKEN_FORMAT", "jwt")]).await;
        let metadata = json!({
            "token_endpoint_auth_method": "none", "post_logout_redirect_uris": [after],
        });
        let client = world.app_with(metadata).await;
        let (browser, hint) = (world.browser(), String::new());
        let mut story = Self { world, client, browser, hint };
        story.hint = story.login(user).await;
        story
    }

    /// Logs in and gives the identity token.
    async fn login(&mut self, user: &str) -> String {
        let request = self.world.request(&self.client).with("scope", "openid");
        let callback = self.world.go(&mut self.browser, &request.url(), user).await;
        let code = query(&callback, "code").unwrap();
        let form = redemption(&self.client, &request, &code);
        let tokens = self.world.token(&form).await.expect(200).json();
        tokens["id_token"].as_str().unwrap().to_owned()
    }

    async fn leave(&mut self, parameters: &[(&str, &str)]) -> Visit {
        let address = format!("{}/logout", self.world.issuer);
        let address = Url::parse_with_params(&address, parameters).unwrap();
        self.browser.open(address.as_str()).await
    }

    async fn is_logged_in(&mut self) -> bool {
        let page = self.leave(&[]).await.page().expect(200);
        page.has_button("Log out")
    }
}

fn asks(page: &Page) -> bool {
    page.has_button("Log out")
}

#[tokio::test]
async fn an_application_logs_its_user_out_and_gets_the_browser_back() {
    let mut story = Story::begin("alice").await;
    let hint = story.hint.clone();
    let wish = [
        ("id_token_hint", &*hint),
        ("post_logout_redirect_uri", CALLBACK),
        ("state", "a state/+=&"),
    ];
    let back = story.leave(&wish).await.callback();
    assert_eq!(query(&back, "state").as_deref(), Some("a state/+=&"));
    assert!(!story.is_logged_in().await);
    let again = story.leave(&wish).await.callback();
    assert!(again.as_str().starts_with(CALLBACK), "who is out already is no mistake: {again}");
}

#[tokio::test]
async fn a_token_that_has_ended_still_says_who_is_meant() {
    let mut story = Story::begin("alice").await;
    story.world.pass(3600);
    let hint = story.hint.clone();
    let page = story.leave(&[("id_token_hint", &hint)]).await.page().expect(200);
    assert!(!asks(&page) && page.text().contains("You are logged out"), "{page}");
    assert!(!story.is_logged_in().await);
}

#[tokio::test]
async fn an_address_that_is_not_registered_leads_nowhere() {
    let mut story = Story::begin("alice").await;
    let hint = story.hint.clone();
    let elsewhere = ["https://evil.example/", "http://127.0.0.1:5999/callback2", "javascript:x"];
    for address in elsewhere {
        let wish = [("id_token_hint", &*hint), ("post_logout_redirect_uri", address)];
        let page = story.leave(&wish).await.page().expect(200);
        assert!(page.text().contains("You are logged out"), "{page}");
    }
}

#[tokio::test]
async fn without_a_good_token_the_user_is_asked_and_nobody_is_redirected() {
    let mut story = Story::begin("alice").await;
    let access = story.world.tokens(&story.client).await.access;
    let last = if story.hint.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{last}", &story.hint[..story.hint.len() - 1]);
    let (hint, id) = (story.hint.clone(), story.client.id.clone());
    let table: [&[(&str, &str)]; 6] = [
        &[],
        &[("id_token_hint", "nonsense")],
        &[("id_token_hint", &access)],
        &[("id_token_hint", &forged)],
        &[("id_token_hint", &hint), ("client_id", "another")],
        &[("client_id", &id)],
    ];
    for wish in table {
        let wish = [wish, &[("post_logout_redirect_uri", CALLBACK)]].concat();
        let page = story.leave(&wish).await.page().expect(200);
        assert!(asks(&page), "{wish:?} {page}");
    }
    let twice = [("id_token_hint", &*hint), ("id_token_hint", &*hint)];
    let _ = story.leave(&twice).await.page().expect(400);
    assert!(story.is_logged_in().await);
}

#[tokio::test]
async fn somebody_else_who_is_logged_in_is_asked() {
    let mut story = Story::begin("alice").await;
    let for_alice = story.hint.clone();
    let page = story.leave(&[]).await.page().expect(200);
    let _ = story.browser.submit(&page, page.form("Log out")).await.page().expect(200);
    story.login("bob").await;
    let wish = [("id_token_hint", &*for_alice), ("post_logout_redirect_uri", CALLBACK)];
    let page = story.leave(&wish).await.page().expect(200);
    assert!(asks(&page) && page.text().contains("Bob Brown"), "{page}");
}

#[tokio::test]
async fn a_browser_in_which_nobody_was_is_not_sent_to_a_strangers_address() {
    let web = "https://app.example/bye";
    let mut story = Story::begin_at("alice", web).await;
    let hint = story.hint.clone();
    let wish = [("id_token_hint", &*hint), ("post_logout_redirect_uri", web), ("state", "s")];
    let mut victim = story.world.browser();
    let address = Url::parse_with_params(&format!("{}/logout", story.world.issuer), &wish).unwrap();
    let page = victim.open(address.as_str()).await.page().expect(200);
    assert!(page.text().contains("You are logged out"), "{page}");
    assert_eq!(page.link("Go on to app.example").as_str(), format!("{web}?state=s"));
    story.browser = story.browser.with_callback(web);
    let _ = story.leave(&wish).await.callback();
}

/// Where the operator has named hosts, an address elsewhere is not registered, and one from before is
/// not gone to.
#[tokio::test]
async fn the_operator_says_where_a_browser_goes_after_a_logout() {
    let (web, hosts) = ("https://evil.example/bye", ("AUTH_REDIRECT_HOSTS", "claude.ai"));
    let story = Story::begin_at("alice", web).await;
    let limited = story.world.another(&[hosts, ("AUTH_TOKEN_FORMAT", "jwt")]).await;
    let metadata = |after: &str| {
        json!({
            "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [CALLBACK, after],
            "token_endpoint_auth_method": "none",
        })
    };
    let refused = limited.post_json("/register", &metadata(web)).await;
    refused.expect_oauth_error(400, "invalid_client_metadata");
    assert!(refused.text().contains("post_logout_redirect_uris, number 2"), "{refused}");
    let _ = limited.post_json("/register", &metadata("https://claude.ai/bye")).await.expect(201);
    let wish = [("id_token_hint", &*story.hint), ("post_logout_redirect_uri", web)];
    let address = Url::parse_with_params("http://x/logout", &wish).unwrap();
    let path = format!("/logout?{}", address.query().unwrap());
    let page = limited.get(&path).await.expect(200);
    assert!(page.header("location").is_none() && !page.text().contains("evil.example"), "{page}");
}

#[tokio::test]
async fn no_program_is_opened_after_a_logout_without_a_click() {
    let app = "app.example:/bye";
    let mut story = Story::begin_at("alice", app).await;
    let hint = story.hint.clone();
    let wish = [("id_token_hint", &*hint), ("post_logout_redirect_uri", app)];
    let address = Url::parse_with_params(&format!("{}/logout", story.world.issuer), &wish).unwrap();
    let page = story.world.browser().open(address.as_str()).await.page().expect(200);
    assert_eq!(page.link("Open app.example:").as_str(), app);
    story.browser = story.browser.with_callback(app);
    let _ = story.leave(&wish).await.callback();
}

/// It comes without our cookies, so it could log nobody out.
#[tokio::test]
async fn a_form_of_another_site_becomes_a_link() {
    let story = Story::begin("alice").await;
    let form = [("id_token_hint", &*story.hint), ("post_logout_redirect_uri", CALLBACK)];
    let request = story.world.http.request(Method::POST, "/logout").form(&form);
    let answer = story.world.http.send(request).await.expect(303);
    let link = Url::parse(answer.header("location").unwrap()).unwrap();
    assert_eq!(link.path(), "/logout");
    assert_eq!(query(&link, "id_token_hint"), Some(story.hint));
    assert_eq!(query(&link, "post_logout_redirect_uri").as_deref(), Some(CALLBACK));
}
