//! What lists and completions are made with: no questions there, by type; pages and suggestions.

use std::sync::Arc;

use ambient::Clock;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::mcp::Completion;

use crate::{Principal, Refusal, State, ctx::Call};

/// Everything that a list or a completion may reach. Lists must not depend on what a client can do
/// (2026-07-28 server/utilities/caching), so they cannot see it.
pub struct ListCtx<S> {
    pub(crate) app: Arc<S>,
    pub(crate) call: Call,
}

impl<S: Send + Sync> ListCtx<S> {
    /// What the features of this server share.
    #[must_use]
    pub fn app(&self) -> &S {
        &self.app
    }

    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.call.principal
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.call.clock
    }

    /// What is kept beyond this call.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        self.call.state()
    }

    /// The name of the session; none in the modern era, in which a list must not change as a side
    /// effect of other requests (2026-07-28 server/tools). What calls leave behind is listed in a
    /// session only.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.call.lent.session.as_deref()
    }
}

/// What an argument could be, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions(Vec<String>);

/// The most that a client is told (2026-07-28 server/utilities/completion).
const MOST: usize = 100;

impl Suggestions {
    /// Those of `values` that begin with what has been typed, whatever the case of its letters.
    pub fn starting_with<T: Into<String>>(
        typed: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let typed = typed.to_lowercase();
        let fits = |value: &String| value.to_lowercase().starts_with(&typed);
        Self(values.into_iter().map(Into::into).filter(fits).collect())
    }

    pub(crate) fn into_completion(mut self) -> Completion {
        let total = self.0.len();
        self.0.truncate(MOST);
        Completion { values: self.0, total: Some(total), has_more: Some(total > MOST) }
    }
}

/// How many resources a page holds, as in the original server.
pub(crate) const PAGE: usize = 10;

/// How many tools or prompts a page holds: all, as a rule, for there are clients that read one page
/// (decision 0051).
pub(crate) const LONG_PAGE: usize = 200;

/// One page of a list and where the next begins. Cursors are the original's: base64 of an index.
pub(crate) fn page<T>(
    items: impl ExactSizeIterator<Item = T>,
    size: usize,
    cursor: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    let start = match cursor {
        None => 0,
        Some(cursor) => index(cursor, size, items.len())
            .ok_or_else(|| Refusal::InvalidParams("Unknown cursor".to_owned()))?,
    };
    let next = (start + size < items.len()).then(|| cursor_to(start + size));
    Ok((items.skip(start).take(size).collect(), next))
}

fn cursor_to(index: usize) -> String {
    STANDARD.encode(index.to_string())
}

/// Only a cursor that was given out leads somewhere: a number can be written in many ways.
fn index(cursor: &str, size: usize, length: usize) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    let index: usize = text.parse().ok()?;
    let is_given_out = index.is_multiple_of(size) && (1..length).contains(&index);
    (is_given_out && cursor_to(index) == cursor).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let items: Vec<usize> = (0..25).collect();
        let (first, next) = page(items.clone().into_iter(), PAGE, None).unwrap();
        assert_eq!((first.len(), next.as_deref()), (10, Some("MTA=")));
        let (second, next) = page(items.clone().into_iter(), PAGE, next.as_deref()).unwrap();
        assert_eq!((second[0], next.as_deref()), (10, Some("MjA=")));
        let (last, next) = page(items.into_iter(), PAGE, next.as_deref()).unwrap();
        assert_eq!((last.len(), next), (5, None));
    }

    #[test]
    fn a_cursor_that_was_not_given_out_is_refused() {
        let items: Vec<usize> = (0..25).collect();
        for cursor in ["", "x", "MA==", "LTEw", "MzA=", "NQ==", "MTA", "KzEw", "MDEw"] {
            assert!(page(items.clone().into_iter(), PAGE, Some(cursor)).is_err(), "{cursor}");
        }
    }

    #[test]
    fn suggestions_begin_with_what_was_typed_and_are_a_hundred_at_the_most() {
        let found = Suggestions::starting_with("CA", ["casual", "formal", "Cat"]);
        assert_eq!(found.into_completion().values, ["casual", "Cat"]);
        let many = Suggestions::starting_with("", (0..150).map(|n| n.to_string()));
        let many = many.into_completion();
        assert_eq!((many.values.len(), many.total, many.has_more), (100, Some(150), Some(true)));
    }

    proptest::proptest! {
        #[test]
        fn every_list_is_read_whole_and_once(length in 0_usize..300, size in 1_usize..300) {
            let items: Vec<usize> = (0..length).collect();
            let (mut read, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let (some, next) = page(items.iter().copied(), size, cursor.as_deref()).unwrap();
                read.extend(some);
                let Some(next) = next else { break };
                cursor = Some(next);
            }
            assert_eq!(read, items);
        }
    }

    #[test]
    fn any_cursor_leads_to_a_page_or_nowhere() {
        let target = bolero::check!().with_iterations(1000).with_type::<(String, u64)>();
        target.for_each(|(cursor, number)| {
            let items: Vec<usize> = (0..25).collect();
            let numbers = [*number, number % 32].map(|number| STANDARD.encode(number.to_string()));
            for cursor in numbers.iter().chain([cursor]) {
                match page(items.clone().into_iter(), PAGE, Some(cursor)) {
                    Ok((found, _)) => {
                        assert!(matches!(&**cursor, "MTA=" | "MjA="), "{cursor}");
                        assert_eq!(STANDARD.encode(found[0].to_string()), *cursor);
                    }
                    Err(refused) => {
                        assert_eq!(refused, Refusal::InvalidParams("Unknown cursor".to_owned()));
                    }
                }
            }
        });
    }
}
