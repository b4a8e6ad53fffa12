//! How many files the process may have open. A connection is one, and many systems start a process
//! with a soft limit of 1024, which it may raise itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::findings::files_for;

/// Raises the soft limit to the hard one, and says so if there is no room for so many connections then.
pub(crate) fn make_room(connections: usize) {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, ..before };
    if before.current != before.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let limit = getrlimit(Resource::Nofile).current;
    if let Some(limit) = short(limit, connections) {
        tracing::warn!(
            limit,
            connections,
            "fewer files may be open than connections are allowed: the others wait; raise `ulimit -Hn`"
        );
    }
}

/// The hard limit of this process, if there is one: what it may raise its limit to.
#[must_use]
pub fn most_open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// The limit, where it leaves no room for so many connections.
fn short(limit: Option<u64>, connections: usize) -> Option<u64> {
    limit.filter(|limit| *limit < files_for(connections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_limit_is_raised_to_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let lower = before.maximum.map_or(1024, |maximum| maximum / 2);
        setrlimit(Resource::Nofile, Rlimit { current: Some(lower), ..before }).unwrap();
        make_room(1);
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }

    #[test]
    fn a_limit_is_short_that_leaves_no_room_for_the_connections() {
        assert_eq!(short(Some(1024), 16_384), Some(1024));
        assert_eq!(short(Some(16_384), 16_384), Some(16_384));
        assert_eq!(short(Some(20_000), 16_384), None);
        assert_eq!(short(None, usize::MAX), None);
    }
}
