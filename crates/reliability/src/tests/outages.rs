//! Redis goes away and comes back.

use std::time::Duration;

use ambient::Clock;
use reqwest::Response;

use super::carried::{Carried, Kept};
use crate::{
    client::{Caller, Link},
    events::Reader,
    probe::{Probe, only_outages, recovery, statuses},
    redis::Redis,
    report::{Report, Size},
    site::{Plan, Site},
};

/// A refusal may take that long.
const REFUSAL: Duration = Duration::from_secs(1);
/// And recovery that long.
const RECOVERY: Duration = Duration::from_secs(2);

/// A site with sessions, some of which have a stream open.
pub(super) struct Scene {
    pub(super) site: Site,
    pub(super) callers: Vec<Caller>,
    pub(super) links: Vec<Link>,
    streams: Vec<Response>,
    rate: u32,
}

impl Scene {
    pub(super) async fn start(plan: Plan, scale: Size) -> Self {
        let site = plan.start().await;
        let callers = site.everybody().await;
        let (mut links, mut streams) = (Vec::new(), Vec::new());
        for caller in callers.iter().cycle().take(scale.pick(9, 60)) {
            let link = caller.open().await.expect("a session can be opened");
            streams.push(link.listen(None).await.expect("a stream can be opened"));
            links.push(link);
        }
        Self { site, callers, links, streams, rate: scale.pick(20, 200) }
    }

    pub(super) fn probe(&self) -> Probe {
        Probe::begin(self.links.clone(), self.rate)
    }

    /// How many streams have ended; waits for each a moment.
    async fn ended(&mut self) -> usize {
        let (clock, mut ended) = (Clock::system(), 0);
        for stream in &mut self.streams {
            let mut reader = Reader::default();
            let end = async {
                while let Ok(Some(bytes)) = stream.chunk().await {
                    reader.take(&bytes);
                }
            };
            ended += usize::from(clock.timeout(Duration::from_millis(50), end).await.is_ok());
        }
        ended
    }
}

async fn pause(seconds: u64) {
    Clock::system().sleep(Duration::from_secs(seconds)).await;
}

/// T10: Redis takes everything and answers nothing.
pub(super) async fn black_hole(scale: Size) -> Report {
    let redis = Redis::start(false).await;
    let mut scene = Scene::start(Plan::new(2, &redis.url()), scale).await;
    let mut report = Report::default();
    let probe = scene.probe();
    let carried = Carried::begin(&scene.links);
    pause(1).await;
    redis.freeze();
    let frozen = probe.elapsed();
    pause(10).await;
    redis.thaw();
    let thawed = probe.elapsed();
    pause(scale.pick(6, 4)).await;
    let noted = probe.end().await;
    statuses(&mut report, "before", &noted, Duration::ZERO, frozen);
    statuses(&mut report, "while Redis is silent", &noted, frozen, thawed);
    statuses(&mut report, "after", &noted, thawed, Duration::MAX);
    only_outages(&mut report, &noted, scale.at_most(REFUSAL));
    report.within("recovery", recovery(&noted, thawed), scale.at_most(RECOVERY));
    carried.end(&mut report, Kept::All).await;
    report.none("streams that ended", scene.ended().await);
    report
}

/// T11: Redis ends, and comes back without what it knew.
pub(super) async fn empty(scale: Size) -> Report {
    let mut redis = Redis::start(false).await;
    let mut scene = Scene::start(Plan::new(2, &redis.url()), scale).await;
    let mut report = Report::default();
    let probe = scene.probe();
    pause(1).await;
    redis.kill().await;
    let killed = probe.elapsed();
    pause(3).await;
    redis.again().await;
    let back = probe.elapsed();
    pause(scale.pick(8, 4)).await;
    let noted = probe.end().await;
    statuses(&mut report, "while Redis is away", &noted, killed, back);
    statuses(&mut report, "after", &noted, back, Duration::MAX);
    let wrong = |code| ![200, 401, 404, 503].contains(&code);
    let wrong = noted.iter().filter(|one| wrong(one.answer.code())).count();
    report.none("answers that are none of 200, 401, 404, 503", wrong);
    // The data of both servers is gone: the token is not known either, and people log in again.
    report.figure("an old session says", scene.links[0].echo("x").await.code());
    scene.callers = scene.site.everybody().await;
    let held = scene.links[0].held_by(&scene.callers[0]).echo("x").await;
    report.equal("an old session with a new token says", held.code(), 404);
    let opened = scene.callers[0].open().await;
    let works = match opened {
        Ok(link) => link.echo("x").await.code(),
        Err(answer) => answer.code(),
    };
    report.equal("a new session says", works, 200);
    report
}

/// T11: Redis ends, and comes back with what it knew.
pub(super) async fn with_data(scale: Size) -> Report {
    let mut redis = Redis::start(true).await;
    let mut scene = Scene::start(Plan::new(2, &redis.url()), scale).await;
    let mut report = Report::default();
    let probe = scene.probe();
    let carried = Carried::begin(&scene.links);
    pause(1).await;
    redis.kill().await;
    let killed = probe.elapsed();
    pause(3).await;
    redis.again().await;
    let back = probe.elapsed();
    pause(scale.pick(6, 4)).await;
    let noted = probe.end().await;
    statuses(&mut report, "while Redis is away", &noted, killed, back);
    statuses(&mut report, "after", &noted, back, Duration::MAX);
    only_outages(&mut report, &noted, scale.at_most(REFUSAL));
    report.within("recovery", recovery(&noted, back), scale.at_most(RECOVERY));
    carried.end(&mut report, Kept::All).await;
    report.none("streams that ended", scene.ended().await);
    report
}
