//! Requests for one user and nobody else (`OpenID` Connect Core section 3.1.2.1, `id_token_hint`).

use testkit::{
    browser::Browser,
    oauth::{Authorization, Client, query},
};
use url::Url;

use crate::{
    keys::read,
    signer::Signer,
    support::{PASSWORD, World, approve, redemption, sign_in},
};

/// A client, a browser in which its user is logged in, and the identity token that it got for him.
struct Story {
    world: World,
    client: Client,
    browser: Browser,
    hint: String,
}

impl Story {
    async fn of(user: &str) -> Self {
        let world = World::start().await;
        let (client, mut browser) = (world.confidential().await, world.browser());
        let request = world.request(&client).with("scope", "openid");
        let callback = world.go(&mut browser, &request.url(), user).await;
        let hint = identity(&world, &client, &request, &callback).await;
        Self { world, client, browser, hint }
    }

    /// A request for whom the hint means.
    fn request(&self) -> Authorization {
        self.world.request(&self.client).with("scope", "openid").with("id_token_hint", &self.hint)
    }

    /// What comes of a request that allows no page.
    async fn silently(&mut self, request: &Authorization) -> Url {
        let silent = request.clone().with("prompt", "none");
        self.browser.open(&silent.url()).await.callback()
    }
}

/// The identity token for the code of a callback.
async fn identity(world: &World, client: &Client, request: &Authorization, back: &Url) -> String {
    let code = query(back, "code").unwrap();
    let tokens = world.token(&redemption(client, request, &code)).await.expect(200).json();
    tokens["id_token"].as_str().unwrap().to_owned()
}

fn error(callback: &Url) -> Option<String> {
    query(callback, "error")
}

#[tokio::test]
async fn who_is_meant_and_logged_in_need_not_log_in() {
    let mut story = Story::of("alice").await;
    let request = story.request();
    let consent = story.browser.open(&request.url()).await.page().expect(200);
    let callback = approve(&mut story.browser, &consent).await.callback();
    let again = identity(&story.world, &story.client, &request, &callback).await;
    assert_eq!(read(&story.world.http, &again).await.unwrap().1["sub"], "alice");
}

/// The hint has ended as a token, and still says who is meant.
#[tokio::test]
async fn a_hint_that_is_old_is_good() {
    let mut story = Story::of("alice").await;
    story.world.pass(3600);
    let request = story.request();
    let told = error(&story.silently(&request).await);
    assert_eq!(told.as_deref(), Some("consent_required"), "the user is known");
}

#[tokio::test]
async fn somebody_else_is_not_let_in_silently() {
    let mut story = Story::of("alice").await;
    let other = Story { browser: story.world.browser(), ..story };
    story = other;
    let request = story.world.request(&story.client);
    story.world.go(&mut story.browser, &request.url(), "bob").await;
    let request = story.request();
    assert_eq!(error(&story.silently(&request).await).as_deref(), Some("login_required"));
    // Nor by a page that Bob only agrees on: he is asked to log in, as Alice.
    let consent = story.browser.open(&request.url()).await.page().expect(200);
    let login = approve(&mut story.browser, &consent).await.page().expect(200);
    let callback = sign_in(&mut story.browser, &login, "alice", PASSWORD).await.callback();
    let token = identity(&story.world, &story.client, &request, &callback).await;
    assert_eq!(read(&story.world.http, &token).await.unwrap().1["sub"], "alice");
}

#[tokio::test]
async fn somebody_else_who_logs_in_gets_no_code() {
    let story = Story::of("alice").await;
    let (request, mut browser) = (story.request(), story.world.browser());
    let callback = story.world.go(&mut browser, &request.url(), "bob").await;
    assert_eq!(error(&callback).as_deref(), Some("login_required"));
    assert_eq!(query(&callback, "state").as_deref(), Some(&*request.state));
}

#[tokio::test]
async fn a_hint_that_is_none_is_refused() {
    let story = Story::of("alice").await;
    let (_, claims) = read(&story.world.http, &story.hint).await.unwrap();
    let forged = Signer::new("one").sign("JWT", &claims);
    for hint in ["alice", &forged, &story.hint[1..]] {
        let request = story.request().with("id_token_hint", hint);
        let callback = story.world.browser().open(&request.url()).await.callback();
        assert_eq!(error(&callback).as_deref(), Some("invalid_request"), "{hint}");
        let told = query(&callback, "error_description").unwrap();
        assert!(told.starts_with("id_token_hint is no identity token of this server"), "{told}");
    }
}

/// In a request that is handed in ahead, it counts the same.
#[tokio::test]
async fn a_hint_can_be_handed_in() {
    let story = Story::of("alice").await;
    let (world, client) = (&story.world, &story.client);
    let push = async |request: &Authorization| {
        let mut form = request.query.clone();
        form.extend(client.secret.clone().map(|secret| ("client_secret".to_owned(), secret)));
        let form: Vec<_> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        world.http.post_form("/par", &form).await
    };
    let nonsense = story.request().with("id_token_hint", "alice");
    push(&nonsense).await.expect_oauth_error(400, "invalid_request");
    let taken = push(&story.request()).await.expect(201).json();
    let parameters =
        [("client_id", &*client.id), ("request_uri", taken["request_uri"].as_str().unwrap())];
    let url = Url::parse_with_params(&world.at("/authorize"), parameters).unwrap();
    let callback = world.go(&mut world.browser(), url.as_str(), "bob").await;
    assert_eq!(error(&callback).as_deref(), Some("login_required"));
}
