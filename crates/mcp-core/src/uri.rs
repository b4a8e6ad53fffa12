//! Templates of addresses (RFC 6570, level 1): `notes://{owner}/{id}`.
//!
//! A variable matches one or more characters other than `/`, percent-decoded. That is all that
//! resources here need, and what every client can fill in.

use std::borrow::Cow;

/// A template, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UriTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MalformedTemplate {
    #[error(
        "it does not begin with a scheme: a letter, more of them, digits, `+`, `-`, `.`, and `:`"
    )]
    Scheme,
    #[error("a brace is not closed, or not opened")]
    Brace,
    #[error("a variable has no name of letters, digits and `_`")]
    Name,
    #[error("two variables have nothing between them, so nobody can tell where one ends")]
    Adjacent,
}

impl UriTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, MalformedTemplate> {
        if !text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) {
            return Err(MalformedTemplate::Scheme);
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some((literal, tail)) = rest.split_once('{') else {
                parts.push(Part::Literal(literal_of(rest)?));
                break;
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal_of(literal)?));
            } else if matches!(parts.last(), Some(Part::Variable(_))) {
                return Err(MalformedTemplate::Adjacent);
            }
            let (name, tail) = tail.split_once('}').ok_or(MalformedTemplate::Brace)?;
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(allowed) {
                return Err(MalformedTemplate::Name);
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = tail;
        }
        Ok(Self { parts })
    }

    /// Whether it is an address and no template.
    pub(crate) fn is_plain(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Variable(_)))
    }

    /// Whether it has a variable of this name.
    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Variable(variable) if variable == name))
    }

    /// The values of the variables, if an address is one of this template.
    pub(crate) fn matches(&self, uri: &str) -> Option<Vec<(String, String)>> {
        let mut values = Vec::new();
        let mut rest = uri;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Variable(name) => {
                    let end = match parts.peek() {
                        Some(Part::Literal(next)) => rest.find(next.as_str())?,
                        _ => rest.len(),
                    };
                    let (value, tail) = rest.split_at(end);
                    if value.is_empty() || value.contains('/') {
                        return None;
                    }
                    values.push((name.clone(), percent_decoded(value)?.into_owned()));
                    rest = tail;
                }
            }
        }
        rest.is_empty().then_some(values)
    }
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

fn literal_of(text: &str) -> Result<String, MalformedTemplate> {
    if text.contains('}') { Err(MalformedTemplate::Brace) } else { Ok(text.to_owned()) }
}

fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(template: &str, uri: &str) -> Option<Vec<String>> {
        let values = UriTemplate::parse(template).unwrap().matches(uri)?;
        Some(values.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn variables_are_what_stands_in_their_place() {
        assert_eq!(matched("a://{x}/b/{y}", "a://1/b/two%20words").unwrap(), ["1", "two words"]);
        assert_eq!(matched("a://{x}/data", "a://1/data").unwrap(), ["1"]);
        assert_eq!(matched("a://plain", "a://plain").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn other_addresses_do_not_match() {
        for uri in ["a://", "a:///b", "a://1/2/b", "a://1/c", "a://1/b/", "b://1/b", "a://%ff/b"] {
            assert_eq!(matched("a://{x}/b", uri), None, "{uri}");
        }
    }

    #[test]
    fn an_address_begins_with_a_scheme() {
        for text in ["a:", "a://x", "com.example+x-1://y", "A://{x}", "urn:isbn:5"] {
            assert!(UriTemplate::parse(text).is_ok(), "{text}");
        }
        for text in ["", "x", "/a/b", "://x", "1a://x", "a_b://x", "{x}://y", "ä://x", "a b:c"] {
            assert_eq!(UriTemplate::parse(text), Err(MalformedTemplate::Scheme), "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["a://{x", "a://x}", "a://{}", "a://{x}{y}", "a://{+x}", "a://{x*}"] {
            assert!(UriTemplate::parse(text).is_err(), "{text}");
        }
    }

    /// What templates are made of.
    const OF_TEMPLATES: &[&str] = &["a", "://", "/", "{x}", "{y}", "{", "}", "b", "ä", "{+z}"];

    /// What addresses are made of.
    const OF_ADDRESSES: &[&str] = &["a", "://", "/", "b", "ä", "%20", "%ff", "%", "two words"];

    fn of_pieces(pieces: &[&str], choices: &[u8]) -> String {
        choices.iter().take(24).map(|choice| pieces[usize::from(*choice) % pieces.len()]).collect()
    }

    /// What an address gives for the variables of a template makes an address that gives the same.
    fn is_matched_or_not(template: &str, uri: &str) {
        let Ok(parsed) = UriTemplate::parse(template) else { return };
        let Some(values) = parsed.matches(uri) else { return };
        let mut filled = template.to_owned();
        for (name, value) in &values {
            assert!(parsed.has_variable(name));
            let all = percent_encoding::NON_ALPHANUMERIC;
            let value = percent_encoding::utf8_percent_encode(value, all).to_string();
            filled = filled.replacen(&format!("{{{name}}}"), &value, 1);
        }
        assert_eq!(parsed.matches(&filled), Some(values), "{template} {uri}");
    }

    #[test]
    fn any_text_is_a_template_or_none_and_any_address_fits_or_not() {
        type Tried = (Vec<u8>, Vec<u8>, String, String);
        bolero::check!().with_iterations(4000).with_type::<Tried>().for_each(|tried| {
            let (template, uri, text, other) = tried;
            let uri = of_pieces(OF_ADDRESSES, uri);
            is_matched_or_not(&of_pieces(OF_TEMPLATES, template), &uri);
            is_matched_or_not("a://{x}/{y}", &format!("a://{uri}"));
            is_matched_or_not(text, other);
            is_matched_or_not("a://{x}", &format!("a://{text}"));
        });
    }

    proptest::proptest! {
        #[test]
        fn what_is_filled_in_is_found(owner in ".{1,20}", id in "[0-9]{1,9}") {
            let template = UriTemplate::parse("notes://{owner}/x/{id}").unwrap();
            let all = percent_encoding::NON_ALPHANUMERIC;
            let filled = percent_encoding::utf8_percent_encode(&owner, all);
            let found = template.matches(&format!("notes://{filled}/x/{id}"));
            assert_eq!(found, Some(vec![("owner".to_owned(), owner), ("id".to_owned(), id)]));
        }
    }
}
