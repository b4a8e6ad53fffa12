//! The consent page: who asks, for what, and who will get the answer.
//!
//! It leads with what is checked: the host that vouches for the client by a document, or else where
//! the answer goes. The client's name comes after that, because anybody can choose it.

use askama::Template;

use crate::domain::{
    AuthorizationRequest, ClientUrl, Destination, EMAIL, Handle, OPENID, PROFILE, RedirectUri,
    Transaction, User, user_tag,
};

/// The page that asks the user.
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage {
    transaction: String,
    token: String,
    /// What the client calls itself, without invisible characters.
    client_name: Option<String>,
    client_id: String,
    /// The host that the client's document is on.
    host: Option<String>,
    destination: Destination,
    redirect_uri: String,
    scopes: Vec<ScopeLine>,
    resource: String,
    /// Who is logged in, and the mark of it.
    user: Option<(String, String)>,
    /// Whether the user wants to be somebody else.
    other: bool,
}

/// Whom a page is shown to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Viewer<'a> {
    /// Nobody is logged in.
    Nobody,
    /// Somebody is logged in.
    User(&'a User),
    /// Whoever is logged in wants to be somebody else.
    Other,
}

/// A scope and what it means.
struct ScopeLine {
    name: String,
    meaning: &'static str,
}

impl ConsentPage {
    /// The page for a transaction; `token` shows that its form comes from it.
    pub(crate) fn new(
        transaction: &Transaction,
        handle: &Handle,
        token: String,
        viewer: Viewer<'_>,
    ) -> Self {
        let request = &transaction.request;
        let line = |name: String| ScopeLine { meaning: meaning(&name), name };
        Self {
            transaction: handle.expose().to_owned(),
            token,
            client_name: transaction.client.name.as_deref().map(visible),
            client_id: request.client_id.clone(),
            host: ClientUrl::host_of(&request.client_id),
            destination: destination(request),
            redirect_uri: request.redirect_uri.clone(),
            scopes: request.scope.iter().map(|scope| line(scope.to_string())).collect(),
            resource: request.resource.clone(),
            user: match viewer {
                Viewer::User(user) => Some((user.name.clone(), user_tag(handle, user))),
                Viewer::Nobody | Viewer::Other => None,
            },
            other: matches!(viewer, Viewer::Other),
        }
    }
}

fn destination(request: &AuthorizationRequest) -> Destination {
    match &request.user_code {
        Some(code) => Destination::Device(code.clone()),
        None => RedirectUri::destination(&request.redirect_uri),
    }
}

fn meaning(scope: &str) -> &'static str {
    match scope {
        "mcp" => "Use the tools, resources and prompts of this server in your name",
        OPENID => "Learn under which identifier you are known here",
        PROFILE => "Learn your name",
        EMAIL => "Learn your e-mail address",
        _ => "",
    }
}

/// Without the characters that turn the direction of text, which could make a name say something
/// else than it does.
pub(crate) fn visible(name: &str) -> String {
    let turns = |c| matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    name.chars().filter(|c| !turns(*c)).collect()
}

/// A page with the same text everywhere.
#[cfg(test)]
pub(super) fn sample(text: &str) -> ConsentPage {
    ConsentPage {
        transaction: text.to_owned(),
        token: text.to_owned(),
        client_name: Some(text.to_owned()),
        client_id: text.to_owned(),
        host: None,
        destination: Destination::Host(text.to_owned()),
        redirect_uri: text.to_owned(),
        scopes: vec![ScopeLine { name: text.to_owned(), meaning: meaning("mcp") }],
        resource: text.to_owned(),
        user: Some((text.to_owned(), text.to_owned())),
        other: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_the_text_around() {
        assert_eq!(visible("Good\u{202E}edoC"), "GoodedoC");
    }

    #[test]
    fn the_host_of_a_document_comes_before_the_name() {
        let host = Some("claude.ai".to_owned());
        let page = ConsentPage { host, destination: Destination::ThisComputer, ..sample("Evil") };
        let html = page.render().unwrap();
        assert!(html.find("claude.ai</span> wants access").unwrap() < html.find("Evil").unwrap());
        assert!(html.contains("Any program on this computer"), "{html}");
    }

    #[test]
    fn a_program_on_this_computer_gets_a_warning() {
        let page = |destination| ConsentPage { destination, ..sample("x") }.render().unwrap();
        let warning = "Any program on this computer";
        assert!(page(Destination::ThisComputer).contains(warning));
        assert!(!page(Destination::Host("a.example".into())).contains(warning));
        assert!(page(Destination::App("cursor".into())).contains("cursor:"));
    }

    #[test]
    fn a_device_is_named_by_its_code_and_no_address_is_shown() {
        let destination = Destination::Device("BCDF-GHJK".into());
        let html = ConsentPage { destination, ..sample("x") }.render().unwrap();
        assert!(html.contains("BCDF-GHJK") && !html.contains("The answer goes to"), "{html}");
        assert!(html.contains("only if you have just started this yourself"), "{html}");
    }
}
