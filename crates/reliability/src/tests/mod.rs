//! The tests, by the numbers of the design.

mod bounds;
mod carried;
mod codes;
mod crowds;
mod failovers;
mod floods;
mod histories;
mod issuers;
mod locked;
mod outages;
mod readers;
mod restarts;
mod soak;
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
        name: "T2b",
        about: "Redis dies with all it knows while crowds redeem",
        run: |size| Box::pin(codes::killed_redis(size)),
    },
    Test {
        name: "T2c",
        about: "a failover loses writes that were waited for",
        run: |size| Box::pin(codes::with_waiting(size)),
    },
    Test {
        name: "T2d",
        about: "a failover loses writes that nobody waited for",
        run: |size| Box::pin(codes::without_waiting(size)),
    },
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
        name: "T12",
        about: "Sentinel promotes the replica of a primary that dies",
        run: |size| Box::pin(failovers::sentinel(size)),
    },
    Test {
        name: "T12s",
        about: "the same, and everybody speaks TLS",
        run: |size| Box::pin(failovers::sentinel_tls(size)),
    },
    Test {
        name: "T13",
        about: "slots of a cluster move, and a master dies",
        run: |size| Box::pin(failovers::cluster(size)),
    },
    Test {
        name: "T14a",
        about: "the authorization server is away, silent, or comes and goes",
        run: |size| Box::pin(issuers::closed(size)),
    },
    Test {
        name: "T14b",
        about: "tokens that were checked are good for a while without it",
        run: |size| Box::pin(issuers::stale(size)),
    },
    Test {
        name: "T15",
        about: "clients do not read what they have asked for",
        run: |size| Box::pin(readers::slow(size)),
    },
    Test {
        name: "T16",
        about: "sessions are opened and left",
        run: |size| Box::pin(bounds::churn(size)),
    },
    Test {
        name: "T17",
        about: "everybody who may not come in comes at once",
        run: |size| Box::pin(floods::all(size, floods::Pace::Steady)),
    },
    Test {
        name: "T17b",
        about: "the same, as fast as they are answered",
        run: |size| Box::pin(floods::all(size, floods::Pace::Unchecked)),
    },
    Test {
        name: "T20a",
        about: "sessions are used and ended while instances are killed",
        run: |size| Box::pin(histories::kills(size)),
    },
    Test {
        name: "T20b",
        about: "sessions are used and ended while a primary dies",
        run: |size| Box::pin(histories::failover(size)),
    },
    Test {
        name: "T25",
        about: "everything at once, and now and then something breaks",
        run: |size| Box::pin(soak::mixed(size)),
    },
    Test {
        name: "TLS",
        about: "Redis behind TLS with a password, both from files",
        run: |size| Box::pin(locked::tls(size)),
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
