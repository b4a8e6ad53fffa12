//! Records as they were decoded last, for those that are read much more often than they change.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// How many records are remembered. With more, all are forgotten at once: whoever reads so many has
/// each of them decoded, as without this.
const MOST: usize = 1024;

/// What the texts of a [`Table`](super::Table)'s records were decoded to. The store is asked each time
/// all the same; only a text that is the same as the last time is not decoded again. So there is nothing
/// in it that could be out of date. Cheap to clone; clones share everything.
pub struct Decoded<T>(Arc<RwLock<HashMap<String, Known<T>>>>);

struct Known<T> {
    /// A copy: what Redis sends is a part of a larger buffer, which would be kept with it.
    text: Box<[u8]>,
    record: Arc<T>,
}

impl<T> Decoded<T> {
    /// The record that has this text, decoded now or before.
    pub(super) fn of<E>(
        &self,
        id: &str,
        text: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(record) = self.known(id, text) {
            return Ok(record);
        }
        let record = Arc::new(decode(text)?);
        let known = Known { text: text.into(), record: Arc::clone(&record) };
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(id) {
            all.clear();
        }
        all.insert(id.to_owned(), known);
        Ok(record)
    }

    fn known(&self, id: &str, text: &[u8]) -> Option<Arc<T>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(id).filter(|known| *known.text == *text)?;
        Some(Arc::clone(&known.record))
    }

    /// There is no such record any more.
    pub(super) fn forget(&self, id: &str) {
        let is_known = || self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(id);
        if is_known() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }
}

impl<T> Default for Decoded<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Decoded<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Decoded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoded")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &[u8]) -> Result<u8, serde_json::Error> {
        serde_json::from_slice(text)
    }

    #[test]
    fn a_text_is_decoded_once_and_another_text_again() {
        let decoded = Decoded::default();
        let unwanted = |_: &[u8]| -> Result<u8, &str> { Err("decoded again") };
        let first = decoded.of("a", b"1", number).unwrap();
        assert!(Arc::ptr_eq(&decoded.of("a", b"1", unwanted).unwrap(), &first));
        assert_eq!(decoded.of("a", b"2", unwanted), Err("decoded again"));
        assert_eq!(*decoded.of("a", b"2", number).unwrap(), 2);
        assert_eq!(decoded.of("b", b"1", unwanted), Err("decoded again"));
    }

    #[test]
    fn what_is_gone_is_forgotten_and_no_more_is_remembered_than_there_may_be() {
        let decoded = Decoded::default();
        let see = |id: usize| drop(decoded.of(&id.to_string(), b"1", number).unwrap());
        let count = || decoded.0.read().unwrap().len();
        (0..MOST).for_each(see);
        decoded.forget("7");
        decoded.forget("none");
        assert_eq!(count(), MOST - 1);
        see(7);
        see(7);
        assert_eq!(count(), MOST);
        see(MOST);
        assert_eq!(count(), 1);
    }
}
