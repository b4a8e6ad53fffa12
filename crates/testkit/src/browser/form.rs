//! Forms: found by their button, filled in, submitted.

use http::{Method, StatusCode};
use scraper::{ElementRef, Html};
use url::Url;

use super::page::{css, text};
use crate::{fail::OrFail as _, secrets};

/// A form as the page has filled it in, waiting for the person.
#[derive(Clone, Debug)]
pub struct Form {
    action: Url,
    method: Method,
    fields: Vec<Field>,
    button: Option<(String, String)>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    value: String,
    kind: Kind,
    /// Whether it is sent.
    on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Hidden,
    Checkbox,
    /// A radio button, or an option of a list: one of several.
    Choice,
}

impl Form {
    /// Where it is sent.
    #[must_use]
    pub const fn action(&self) -> &Url {
        &self.action
    }

    /// What it would send for a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.sent().find(|(sent, _)| *sent == name).map(|(_, value)| value)
    }

    /// The values that can be chosen for a name.
    #[must_use]
    pub fn choices(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|field| field.name == name);
        named.filter(|field| field.kind == Kind::Choice).map(|field| field.value.as_str()).collect()
    }

    /// Types into a field.
    #[must_use]
    #[track_caller]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        let field = self.field(name, |field| field.kind == Kind::Text);
        if name.contains("password") {
            secrets::note(value);
        }
        value.clone_into(&mut field.value);
        self
    }

    /// Ticks a box.
    #[must_use]
    #[track_caller]
    pub fn tick(mut self, name: &str) -> Self {
        self.field(name, |field| field.kind == Kind::Checkbox).on = true;
        self
    }

    /// Chooses one of several.
    #[must_use]
    #[track_caller]
    pub fn choose(mut self, name: &str, value: &str) -> Self {
        self.field(name, |field| field.kind == Kind::Choice && field.value == value);
        for field in self.fields.iter_mut().filter(|field| field.name == name) {
            field.on = field.value == value;
        }
        self
    }

    /// Changes or adds any field, also one that no person can change: what an attacker does.
    #[must_use]
    pub fn tamper(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|field| field.name != name);
        let (name, value) = (name.to_owned(), value.to_owned());
        self.fields.push(Field { name, value, kind: Kind::Hidden, on: true });
        self
    }

    fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter().filter(|field| field.on);
        let fields = fields.map(|field| (field.name.as_str(), field.value.as_str()));
        fields.chain(self.button.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    #[track_caller]
    fn field(&mut self, name: &str, fits: impl Fn(&Field) -> bool) -> &mut Field {
        let message = format!("the form has such a field `{name}`: {:#?}", self.fields);
        let mut fields = self.fields.iter_mut();
        fields.find(|field| field.name == name && fits(field)).or_fail(message)
    }

    pub(super) fn into_submission(self) -> Submission {
        let fields: Vec<(String, String)> =
            self.sent().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if self.method == Method::POST {
            return Submission { method: self.method, url: self.action, body: Some(fields) };
        }
        let mut url = self.action;
        url.query_pairs_mut().clear().extend_pairs(fields);
        Submission::get(url)
    }
}

/// A request that a navigation makes.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Vec<(String, String)>>,
}

impl Submission {
    pub(super) const fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None }
    }

    /// What a browser asks next: only 307 and 308 keep a method other than `GET`.
    pub(super) fn redirected(self, status: StatusCode, target: Url) -> Self {
        match status.as_u16() {
            307 | 308 => Self { url: target, ..self },
            _ => Self::get(target),
        }
    }
}

/// Everything that submits a form.
pub(super) fn buttons(document: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    let selector = css("button:not([type]), button[type=submit], input[type=submit]");
    document.select(&selector).collect::<Vec<_>>().into_iter()
}

/// What a person reads on a button.
pub(super) fn label(button: ElementRef<'_>) -> String {
    match button.value().name() {
        "input" => button.attr("value").unwrap_or("Submit").to_owned(),
        _ => text(button),
    }
}

/// The form around a button, or the one it names.
#[track_caller]
pub(super) fn read(page: &Url, document: &Html, button: ElementRef<'_>) -> Form {
    let named = button.attr("form").and_then(|id| document.select(&css(&format!("#{id}"))).next());
    let around = || {
        let mut above = button.ancestors().filter_map(ElementRef::wrap);
        above.find(|element| element.value().name() == "form")
    };
    let form = named.or_else(around).or_fail("a button belongs to a form");
    let attribute = |name, own| button.attr(own).or_else(|| form.attr(name));
    let action = attribute("action", "formaction").unwrap_or_default();
    let method = attribute("method", "formmethod").unwrap_or("get");
    let pressed = button
        .attr("name")
        .map(|name| (name.to_owned(), button.attr("value").unwrap_or_default().to_owned()));
    Form {
        action: page.join(action).or_fail(format!("`{action}` is an address")),
        method: if method.eq_ignore_ascii_case("post") { Method::POST } else { Method::GET },
        fields: fields(form),
        button: pressed,
    }
}

fn fields(form: ElementRef<'_>) -> Vec<Field> {
    let selector = css("input[name]:not([disabled]), textarea[name], select[name] option");
    form.select(&selector).filter_map(field).collect()
}

fn field(element: ElementRef<'_>) -> Option<Field> {
    let own = |name| element.attr(name);
    if element.value().name() == "option" {
        return option(element);
    }
    let checked = own("checked").is_some();
    let (kind, on) = match own("type").unwrap_or("text") {
        "submit" | "button" | "reset" | "image" => return None,
        "hidden" => (Kind::Hidden, true),
        "checkbox" => (Kind::Checkbox, checked),
        "radio" => (Kind::Choice, checked),
        _ => (Kind::Text, true),
    };
    let value = match (element.value().name(), kind) {
        ("textarea", _) => element.text().collect(),
        (_, Kind::Checkbox | Kind::Choice) => own("value").unwrap_or("on").to_owned(),
        _ => own("value").unwrap_or_default().to_owned(),
    };
    Some(Field { name: own("name")?.to_owned(), value, kind, on })
}

/// An option of a list: the list has the name. Without a choice the first one is sent.
fn option(element: ElementRef<'_>) -> Option<Field> {
    let mut above = element.ancestors().filter_map(ElementRef::wrap);
    let list = above.find(|element| element.value().name() == "select")?;
    let selected = list.select(&css("option[selected]")).next();
    let first = list.select(&css("option")).next();
    let value = element.attr("value").map_or_else(|| text(element), ToOwned::to_owned);
    let on = selected.or(first) == Some(element);
    Some(Field { name: list.attr("name")?.to_owned(), value, kind: Kind::Choice, on })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<form id="login" action="/in?step=2" method="post">
        <input type="hidden" name="csrf" value="t"><input name="user">
        <label><input type="checkbox" name="keep" value="yes"></label>
        <input type="radio" name="r" value="1" checked><input type="radio" name="r" value="2">
        <select name="s"><option value="a">A</option><option>B</option></select>
        <textarea name="note">n</textarea><input name="off" disabled value="x">
        <button name="go" value="in">Log <b>in</b></button>
        <button name="go" value="no" formaction="/out">Cancel</button></form>
        <input type="submit" value="Later" form="login">"#;

    fn form(button: &str) -> Form {
        let document = Html::parse_document(PAGE);
        let pressed = buttons(&document).find(|found| label(*found) == button).unwrap();
        read(&Url::parse("http://localhost/page").unwrap(), &document, pressed)
    }

    fn body(form: Form) -> String {
        let fields = form.into_submission().body.unwrap();
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(" ")
    }

    #[test]
    fn a_form_is_sent_as_the_page_has_filled_it_in() {
        let form = form("Log in");
        assert_eq!(form.action().as_str(), "http://localhost/in?step=2");
        assert_eq!(body(form), "csrf=t user= r=1 s=a note=n go=in");
    }

    #[test]
    fn a_person_fills_ticks_and_chooses() {
        let form = form("Log in").fill("user", "u").tick("keep").choose("r", "2");
        assert_eq!(form.choices("s"), ["a", "B"]);
        let form = form.choose("s", "B");
        assert_eq!(body(form), "csrf=t user=u keep=yes r=2 s=B note=n go=in");
    }

    #[test]
    fn the_pressed_button_decides() {
        assert_eq!(form("Cancel").action().path(), "/out");
        assert_eq!(form("Cancel").value("go"), Some("no"));
        assert_eq!(form("Later").value("go"), None);
    }

    #[test]
    #[should_panic(expected = "such a field `csrf`")]
    fn a_person_cannot_type_into_what_is_hidden() {
        let _ = form("Log in").fill("csrf", "x");
    }

    #[test]
    fn an_attacker_can() {
        assert_eq!(form("Log in").tamper("csrf", "x").value("csrf"), Some("x"));
    }

    #[test]
    fn a_form_without_a_method_is_a_query() {
        let document = Html::parse_document(r#"<form><input name="q" value="1"><button>Go"#);
        let pressed = buttons(&document).next().unwrap();
        let form = read(&Url::parse("http://localhost/p?x=1").unwrap(), &document, pressed);
        assert_eq!(form.into_submission().url.as_str(), "http://localhost/p?q=1");
    }
}
