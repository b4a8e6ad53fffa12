//! A page, and what a person finds on it.

use std::fmt;

use http::{HeaderMap, StatusCode};
use scraper::{ElementRef, Html, Selector};
use url::Url;

use super::{Form, Hop, form};
use crate::{
    fail::OrFail as _,
    http::{Answer, header},
};

/// A page that has been loaded.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its address.
    pub url: Url,
    /// The status it came with.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its source.
    pub html: String,
    /// The way there; the last hop is the page itself.
    pub hops: Vec<Hop>,
}

impl Page {
    pub(super) fn new(answer: Answer, hops: Vec<Hop>) -> Self {
        let html = answer.text().to_owned();
        Self { url: answer.url, status: answer.status, headers: answer.headers, html, hops }
    }

    /// Fails the test unless this is the status.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The one header field of this name, if it is there.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// What can be read on the page, with single spaces.
    #[must_use]
    pub fn text(&self) -> String {
        let document = Html::parse_document(&self.html);
        document.select(&css("body")).map(text).collect()
    }

    /// The title of the window.
    #[must_use]
    pub fn title(&self) -> String {
        let document = Html::parse_document(&self.html);
        document.select(&css("title")).map(text).collect()
    }

    /// Where the link with this text leads.
    #[must_use]
    #[track_caller]
    pub fn link(&self, label: &str) -> Url {
        let document = Html::parse_document(&self.html);
        let links = css("a[href]");
        let link = document.select(&links).find(|link| text(*link) == label);
        let link = link.or_fail(format!("there is a link `{label}` on {self}"));
        let target = link.attr("href").unwrap_or_default();
        self.url.join(target).or_fail(format!("`{target}` is an address"))
    }

    /// Whether there is a button with this text.
    #[must_use]
    pub fn has_button(&self, label: &str) -> bool {
        let document = Html::parse_document(&self.html);
        form::buttons(&document).any(|button| form::label(button) == label)
    }

    /// The form that the button with this text submits, as the page has filled it in.
    #[must_use]
    #[track_caller]
    pub fn form(&self, button: &str) -> Form {
        let document = Html::parse_document(&self.html);
        let pressed = form::buttons(&document).find(|found| form::label(*found) == button);
        let pressed = pressed.or_fail(format!("there is a button `{button}` on {self}"));
        form::read(&self.url, &document, pressed)
    }

    /// The text of every element that fits a CSS selector.
    #[must_use]
    #[track_caller]
    pub fn select(&self, selector: &str) -> Vec<String> {
        Html::parse_document(&self.html).select(&css(selector)).map(text).collect()
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}\n{}", self.status, self.url, self.html)
    }
}

#[track_caller]
pub(super) fn css(selector: &str) -> Selector {
    Selector::parse(selector).or_fail(format!("`{selector}` is a CSS selector"))
}

/// The text below an element, with single spaces.
pub(super) fn text(element: ElementRef<'_>) -> String {
    let words = element.text().flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ")
}
