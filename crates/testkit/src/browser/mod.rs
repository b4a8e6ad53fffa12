//! A browser without JavaScript: what a person does to log in and to consent.
//!
//! It is as strict as real browsers are where servers get it wrong: a cookie that breaks the rules
//! of its prefix, a form that its page's policy forbids to send, and a redirect out of such a form
//! all fail the test. It sends `Sec-Fetch-*`, `Origin` and `Referer` as a browser would.

mod cookies;
mod form;
mod page;
mod policy;

use ambient::Clock;
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

pub use self::{
    cookies::{Cookie, Jar},
    form::Form,
    page::Page,
};
use self::{form::Submission, policy::Initiator};
use crate::{
    fail::OrFail as _,
    http::{Answer, Http},
};

/// More redirects than this are a loop.
const MAX_HOPS: usize = 20;

/// A browser with one window. Two browsers are two people.
#[derive(Debug)]
pub struct Browser {
    http: Http,
    /// Its cookies.
    pub jar: Jar,
    callbacks: Vec<(String, u16)>,
}

/// One request of a navigation, and how it was answered.
#[derive(Clone, Debug)]
pub struct Hop {
    /// How it was asked.
    pub method: Method,
    /// Whom.
    pub url: Url,
    /// The answer.
    pub status: StatusCode,
}

/// Where a navigation has ended.
#[derive(Clone, Debug)]
pub enum Visit {
    /// On a page.
    Page(Page),
    /// At a redirect to the client's callback, which was not followed.
    Left {
        /// The callback, with its query.
        callback: Url,
        /// The way there.
        hops: Vec<Hop>,
    },
}

impl Visit {
    /// The page, without which the test fails.
    #[must_use]
    #[track_caller]
    pub fn page(self) -> Page {
        match self {
            Self::Page(page) => page,
            Self::Left { callback, .. } => panic!("a page was expected, not {callback}"),
        }
    }

    /// The callback, without which the test fails.
    #[must_use]
    #[track_caller]
    pub fn callback(self) -> Url {
        match self {
            Self::Page(page) => panic!("the callback was expected, not {page}"),
            Self::Left { callback, .. } => callback,
        }
    }

    /// The way there.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        match self {
            Self::Page(page) => &page.hops,
            Self::Left { hops, .. } => hops,
        }
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

impl Browser {
    /// A browser without cookies. Cookies age on `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { http: connections(), jar: Jar::new(clock), callbacks: Vec::new() }
    }

    /// Closes its connections; the next request makes a new one.
    pub fn reconnect(&mut self) {
        self.http = connections();
    }

    /// Stops at redirects to the host and port of `callback`, where a client listens.
    #[must_use]
    pub fn with_callback(mut self, callback: &str) -> Self {
        let url = Url::parse(callback).or_fail("a callback is a URL");
        self.callbacks.push(place(&url));
        self
    }

    /// Types an address.
    pub async fn open(&mut self, url: &str) -> Visit {
        let url = Url::parse(url).or_fail("an address is a URL");
        self.go(Submission::get(url), Initiator::person()).await
    }

    /// Follows the link with this text.
    pub async fn click(&mut self, page: &Page, text: &str) -> Visit {
        self.go(Submission::get(page.link(text)), Initiator::link(page)).await
    }

    /// Presses the button of a form.
    pub async fn submit(&mut self, page: &Page, form: Form) -> Visit {
        self.go(form.into_submission(), Initiator::form(page)).await
    }

    async fn go(&mut self, mut next: Submission, mut initiator: Initiator) -> Visit {
        let mut hops = Vec::new();
        while hops.len() < MAX_HOPS {
            initiator.permit(&next.url);
            let answer = self.ask(&next, &mut initiator).await;
            hops.push(Hop {
                method: next.method.clone(),
                url: next.url.clone(),
                status: answer.status,
            });
            let Some(target) = redirect(&answer) else {
                return Visit::Page(Page::new(answer, hops));
            };
            if self.callbacks.contains(&place(&target)) {
                initiator.permit(&target);
                return Visit::Left { callback: target, hops };
            }
            next = next.redirected(answer.status, target);
        }
        panic!("redirects go in circles: {hops:#?}");
    }

    async fn ask(&mut self, submission: &Submission, initiator: &mut Initiator) -> Answer {
        let mut headers = HeaderMap::new();
        initiator.describe(submission, &mut headers);
        headers.insert(
            header::ACCEPT,
            const { http::HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8") },
        );
        if let Some(cookies) = self.jar.header(&submission.url) {
            headers.insert(header::COOKIE, cookies.parse().or_fail("a cookie header"));
        }
        let request = self.http.request(submission.method.clone(), submission.url.as_str());
        let request = match &submission.body {
            Some(fields) => request.form(fields),
            None => request,
        };
        let answer = self.http.send(request.headers(headers)).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            self.jar.take(&submission.url, cookie.to_str().or_fail("a cookie is visible ASCII"));
        }
        answer
    }
}

/// Only absolute addresses are asked for, so the base means nothing.
fn connections() -> Http {
    Http::new("http://127.0.0.1")
}

/// Where an answer sends the browser, if it does.
fn redirect(answer: &Answer) -> Option<Url> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.header("location").or_fail(format!("a redirect says where to: {answer}"));
    Some(answer.url.join(location).or_fail(format!("`{location}` is an address")))
}

/// Host and port; for an address of an application, its scheme.
fn place(url: &Url) -> (String, u16) {
    let host = url.host_str().unwrap_or_else(|| url.scheme());
    (host.to_owned(), url.port_or_known_default().unwrap_or_default())
}

#[cfg(test)]
mod tests;
