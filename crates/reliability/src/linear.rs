//! Whether what many clients saw at the same time could have happened one after the other: the
//! search of Wing and Gong, with the states that were seen before remembered.
//!
//! A request without an answer may have had its effect at any time from its beginning on, or never.

use std::{collections::HashSet, fmt::Debug, hash::Hash, time::Duration};

/// One request of a recorded run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<O> {
    /// What was asked and answered.
    pub what: O,
    /// When it began, since the run did.
    pub began: Duration,
    /// When its answer had come.
    pub ended: Duration,
}

/// What is asked of something, and what may be answered.
pub trait Model {
    /// What it is.
    type State: Clone + Eq + Hash;
    /// A request and its answer.
    type Operation: Copy + Debug;

    /// What it is at the beginning.
    fn initial() -> Self::State;

    /// What it is afterwards; none if nothing that is `state` answers like this.
    fn apply(state: &Self::State, operation: Self::Operation) -> Option<Self::State>;

    /// Whether it is not known what became of the request: then it need not have happened, and its
    /// moment may be later than what the client took for its end.
    fn is_open(operation: Self::Operation) -> bool;
}

/// More operations on one thing than this are not looked at.
pub const MOST: usize = 128;

/// Whether there is an order in which the operations make sense.
///
/// # Panics
/// When there are more than [`MOST`].
#[must_use]
pub fn is_linear<M: Model>(operations: &[Operation<M::Operation>]) -> bool {
    assert!(operations.len() <= MOST, "a run has at most {MOST} operations on one thing");
    let closed = operations.iter().enumerate().filter(|(_, one)| !M::is_open(one.what));
    let search =
        Search::<M> { operations, needed: closed.fold(0, |set, (index, _)| set | 1 << index) };
    let mut open = vec![(0_u128, M::initial())];
    let mut seen = HashSet::new();
    while let Some((done, state)) = open.pop() {
        if done & search.needed == search.needed {
            return true;
        }
        if seen.insert((done, state.clone())) {
            search.follow(done, &state, &mut open);
        }
    }
    false
}

struct Search<'a, M: Model> {
    operations: &'a [Operation<M::Operation>],
    /// Those that certainly happened.
    needed: u128,
}

impl<M: Model> Search<'_, M> {
    /// What can come next: whatever began before the first of those that are left had ended.
    fn follow(&self, done: u128, state: &M::State, open: &mut Vec<(u128, M::State)>) {
        let left = |index: &usize| done & (1 << index) == 0;
        let needed = |index: &usize| left(index) && self.needed & (1 << index) != 0;
        let ends = (0..self.operations.len()).filter(needed);
        let first_end = ends.map(|index| self.operations[index].ended).min();
        let begun =
            |index: &usize| first_end.is_none_or(|end| self.operations[*index].began <= end);
        let mut ways = Vec::new();
        for index in (0..self.operations.len()).filter(left).filter(begun) {
            let Some(next) = M::apply(state, self.operations[index].what) else {
                continue;
            };
            if next != *state {
                ways.push((done | 1 << index, next));
            } else if self.needed & (1 << index) != 0 {
                // It changes nothing and can come now: no other order is better.
                return open.push((done | 1 << index, next));
            }
        }
        open.extend(ways);
    }
}

/// A thing that one client gets: an authorization code.
#[derive(Debug)]
pub struct Code;

/// What came of redeeming it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redeemed {
    /// There were tokens.
    Won,
    /// It was redeemed already.
    Lost,
    /// There was no answer, or one that says that it could not be done.
    Unknown,
}

impl Model for Code {
    type State = bool;
    type Operation = Redeemed;

    fn initial() -> bool {
        false
    }

    fn apply(is_redeemed: &bool, operation: Redeemed) -> Option<bool> {
        match operation {
            Redeemed::Won => (!is_redeemed).then_some(true),
            Redeemed::Lost => is_redeemed.then_some(true),
            Redeemed::Unknown => Some(true),
        }
    }

    fn is_open(operation: Redeemed) -> bool {
        operation == Redeemed::Unknown
    }
}

/// A session, from its opening on.
#[derive(Debug)]
pub struct Session;

/// What was asked of it, and what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// A call had its result.
    Used,
    /// It was ended. Of several who end it at once each may be told so.
    Ended,
    /// There was no such session any more.
    Gone,
    /// Whether it was ended is not known.
    PerhapsEnded,
    /// A call of which nothing is known, which changes nothing.
    PerhapsUsed,
}

impl Model for Session {
    type State = bool;
    type Operation = Asked;

    fn initial() -> bool {
        true
    }

    fn apply(is_there: &bool, operation: Asked) -> Option<bool> {
        match operation {
            Asked::Used => is_there.then_some(true),
            Asked::Ended | Asked::PerhapsEnded => Some(false),
            Asked::Gone => (!is_there).then_some(false),
            Asked::PerhapsUsed => Some(*is_there),
        }
    }

    fn is_open(operation: Asked) -> bool {
        matches!(operation, Asked::PerhapsEnded | Asked::PerhapsUsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<O: Copy>(operations: &[(O, u64, u64)]) -> Vec<Operation<O>> {
        let operation = |&(what, began, ended): &(O, u64, u64)| {
            let (began, ended) = (Duration::from_millis(began), Duration::from_millis(ended));
            Operation { what, began, ended }
        };
        operations.iter().map(operation).collect()
    }

    fn code(operations: &[(Redeemed, u64, u64)]) -> bool {
        is_linear::<Code>(&run(operations))
    }

    #[test]
    fn a_code_has_one_winner_and_the_others_come_after_it() {
        use Redeemed::{Lost, Unknown, Won};
        assert!(code(&[(Won, 0, 9), (Lost, 1, 2), (Lost, 10, 11)]));
        assert!(!code(&[(Won, 0, 1), (Won, 2, 3)]), "two winners");
        assert!(!code(&[(Lost, 0, 1), (Won, 2, 3)]), "lost before anybody has won");
        assert!(!code(&[(Lost, 0, 1)]), "lost to nobody");
        assert!(code(&[(Unknown, 0, 1), (Lost, 2, 3)]), "the unanswered request had won");
        assert!(code(&[(Unknown, 0, 1), (Won, 2, 3)]), "the unanswered request was not done");
        assert!(!code(&[(Unknown, 4, 5), (Lost, 0, 1)]), "nor was it done before it began");
    }

    #[test]
    fn a_session_is_gone_after_its_end_and_not_before() {
        use Asked::{Ended, Gone, PerhapsEnded, Used};
        let session = |operations| is_linear::<Session>(&run(operations));
        assert!(session(&[(Used, 0, 1), (Ended, 2, 5), (Used, 3, 4), (Gone, 6, 7)]));
        assert!(!session(&[(Ended, 0, 1), (Used, 2, 3)]), "used after its end");
        assert!(!session(&[(Gone, 0, 1), (Used, 2, 3)]), "gone and there again");
        assert!(session(&[(PerhapsEnded, 0, 1), (Used, 2, 3), (Gone, 4, 5)]), "ended late");
        assert!(!session(&[(PerhapsEnded, 4, 5), (Gone, 0, 1)]), "gone before anybody ended it");
    }

    #[test]
    fn a_crowd_is_looked_at_quickly() {
        let mut crowd = vec![(Redeemed::Lost, 0, 100); 64];
        crowd.extend([(Redeemed::Unknown, 0, 100); 32]);
        crowd.push((Redeemed::Won, 50, 100));
        assert!(code(&crowd));
        crowd.push((Redeemed::Won, 50, 100));
        assert!(!code(&crowd));
    }
}
