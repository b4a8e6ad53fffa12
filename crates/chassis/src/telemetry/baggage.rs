//! W3C Baggage: what a caller wants to go along with its trace. It goes back to that caller with what
//! a call asks and tells, and nowhere else; nobody here reads it, acts on it or writes it to a log.

use std::sync::Arc;

use opentelemetry::Context;

/// The name of the member of `_meta`. A header of that name may be somebody else's, on the way.
pub const NAME: &str = "baggage";

/// The most that is carried, in bytes and in members: what everybody must be able to carry (W3C Baggage,
/// section 3.3.2), and no more.
const MAX_BYTES: usize = 8192;
const MAX_MEMBERS: usize = 64;

/// As its sender wrote it: it is well-formed and not too long.
#[derive(Clone)]
struct Baggage(Arc<str>);

/// The same context, with this baggage instead of any that it has. Text that is no baggage is dropped
/// as a whole.
#[must_use]
pub fn carried(context: Context, text: Option<&str>) -> Context {
    match text.filter(|text| is_well_formed(text)) {
        Some(text) => context.with_value(Baggage(text.into())),
        None => context,
    }
}

/// The baggage of what is being recorded now.
#[must_use]
pub fn current() -> Option<Arc<str>> {
    Context::map_current(|context| context.get::<Baggage>().map(|Baggage(text)| Arc::clone(text)))
}

/// W3C Baggage, section 3.3.1.
fn is_well_formed(text: &str) -> bool {
    text.len() <= MAX_BYTES
        && text.split(',').count() <= MAX_MEMBERS
        && text.split(',').all(is_member)
}

/// `key=value`, and properties behind semicolons: keys with or without values.
fn is_member(member: &str) -> bool {
    let mut parts = member.split(';');
    let is_pair = |part: &str| {
        part.split_once('=').is_some_and(|(key, value)| {
            is_key(key.trim_matches(is_space)) && is_value(value.trim_matches(is_space))
        })
    };
    parts.next().is_some_and(is_pair)
        && parts.all(|property| is_pair(property) || is_key(property.trim_matches(is_space)))
}

const fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

/// A token (RFC 9110 section 5.6.2).
fn is_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_value(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Arc<str>> {
        let _entered = carried(Context::new(), Some(text)).attach();
        current()
    }

    #[test]
    fn what_the_specification_calls_baggage_is_carried_as_it_was_written() {
        for text in [
            "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue",
            "userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false",
            "empty=,a=b=c",
        ] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_baggage_is_dropped_as_a_whole() {
        let many = vec!["a=b"; MAX_MEMBERS + 1].join(",");
        let long = format!("a={}", "x".repeat(MAX_BYTES));
        for text in [
            "",
            "a",
            "=b",
            "a=b,",
            ",",
            "a=b,,c=d",
            "a b=c",
            "a=\"b\"",
            "a=ü",
            "a=b\r\nx: y",
            "a=b c",
            "a=b;;c",
            "a=\\",
            &many,
            &long,
        ] {
            assert_eq!(read(text), None, "{text:.40}");
        }
        assert!(read(&many[4..]).is_some(), "64 members");
        assert!(read(&long[..MAX_BYTES]).is_some(), "8 KiB");
    }
}
