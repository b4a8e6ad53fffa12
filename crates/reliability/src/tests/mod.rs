//! The tests, by the numbers of the design.

mod crowds;
mod outages;
mod restarts;
mod streams;

use futures_util::future::LocalBoxFuture;

use crate::report::{Report, Size};

/// One test.
pub struct Test {
    /// Its number.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Does it.
    pub run: fn(Size) -> LocalBoxFuture<'static, Report>,
}

/// All of them.
pub const TESTS: &[Test] = &[
    Test {
        name: "T7",
        about: "three instances are restarted one by one under load",
        run: |size| Box::pin(restarts::rolling(size)),
    },
    Test {
        name: "T8",
        about: "three instances are killed one by one under load",
        run: |size| Box::pin(restarts::killed(size)),
    },
    Test {
        name: "T9",
        about: "idle streams on one instance, and its end",
        run: |size| Box::pin(streams::idle(size)),
    },
    Test {
        name: "T10",
        about: "Redis does not answer for ten seconds",
        run: |size| Box::pin(outages::black_hole(size)),
    },
    Test {
        name: "T11a",
        about: "Redis is restarted and empty",
        run: |size| Box::pin(outages::empty(size)),
    },
    Test {
        name: "T11b",
        about: "Redis is restarted with its data",
        run: |size| Box::pin(outages::with_data(size)),
    },
    Test {
        name: "C1",
        about: "crowds redeem codes at two instances of the authorization server",
        run: |size| Box::pin(crowds::codes(size, false)),
    },
    Test {
        name: "C2",
        about: "crowds redeem refresh tokens there",
        run: |size| Box::pin(crowds::refreshes(size, false)),
    },
    Test {
        name: "C3",
        about: "C1 while an instance is killed every two seconds",
        run: |size| Box::pin(crowds::codes(size, true)),
    },
    Test {
        name: "C4",
        about: "C2 while an instance is killed every two seconds",
        run: |size| Box::pin(crowds::refreshes(size, true)),
    },
];
