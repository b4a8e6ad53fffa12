//! Crowds that redeem the same code or refresh token at once, at two instances of the authorization
//! server; then the same while an instance is killed every two seconds.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use ambient::Clock;
use futures_util::{
    StreamExt as _,
    future::{join, join_all},
    stream,
};
use testkit::http::{Answer, Http};

use crate::{
    issuer::{Issuer, Visitor},
    redis::Redis,
    report::{Report, Size},
};

/// How many redeem one code, and one refresh token.
const REDEEMERS: usize = 64;
const REFRESHERS: usize = 32;

/// How many crowds are on their way at once.
const AT_ONCE: usize = 4;

/// Codes live for a minute, so they are made and spent in portions.
const PORTION: usize = 50;

/// How often a caller comes back that was told to, or got no answer.
const TRIES: usize = 40;

/// How long it waits before that.
const PAUSE: Duration = Duration::from_millis(250);

type Form = Vec<(&'static str, String)>;

/// What a caller was told in the end, and what it took.
#[derive(Default)]
struct Told {
    /// The last answer; none if there never was one.
    answer: Option<Answer>,
    /// Requests to which there was no answer: what they did is not known.
    lost: usize,
    /// Answers that it may come back later.
    later: usize,
    /// The same without a time.
    rude: usize,
}

/// What crowds have seen, all together.
#[derive(Default)]
struct Sum {
    good: usize,
    refused: usize,
    /// Neither tokens, nor `invalid_grant`, nor "later".
    strange: usize,
    lost: usize,
    later: usize,
    rude: usize,
}

/// The code is spent once, whoever comes with it.
pub(super) async fn codes(scale: Size, kills: bool) -> Report {
    let (redis, mut report) = (Redis::start(false).await, Report::default());
    let mut issuer = Issuer::start(&redis.url(), Duration::from_mins(1)).await;
    let mut visitor = Visitor::new(&issuer).await;
    let (all, instances) = (scale.pick(20, 1000), issuer.each());
    let (mut sum, mut killed, mut twice, mut never, mut left) = (Sum::default(), 0, 0, 0, 0);
    for portion in portions(all) {
        visitor.reconnect();
        let mut forms = Vec::new();
        for _ in 0..portion {
            forms.push(visitor.let_in().await);
        }
        let (crowds, count) =
            attacked(&mut issuer, kills, crowds(&instances, &forms, REDEEMERS)).await;
        killed += count;
        for crowd in crowds {
            let good: Vec<_> = crowd.iter().filter_map(Told::access).collect();
            twice += usize::from(good.len() > 1);
            // Somebody may have had it, and the answer went down with an instance, or Redis did not
            // say in time what it had done.
            let is_lost = crowd.iter().any(|told| told.lost + told.later > 0);
            never += usize::from(good.is_empty() && !is_lost);
            for access in good {
                left += usize::from(issuer.is_active(&access).await);
            }
            sum.add(&crowd);
        }
    }
    sum.report(&mut report, (all, REDEEMERS, killed));
    report.none("codes that were good twice", twice);
    report.none("codes that were good for nobody", never);
    report.none("tokens that outlived a replay", left);
    silence(&issuer, &mut report);
    report
}

/// All who redeem a refresh token at once hold one pair that works; who comes late ends it.
pub(super) async fn refreshes(scale: Size, kills: bool) -> Report {
    let grace = Duration::from_secs(scale.pick(30, 60));
    let (redis, mut report) = (Redis::start(false).await, Report::default());
    let mut issuer = Issuer::start(&redis.url(), grace).await;
    let mut visitor = Visitor::new(&issuer).await;
    let (all, instances) = (scale.pick(20, 500), issuer.each());
    let mut spent = Vec::new();
    let (mut sum, mut killed, mut several, mut broken) = (Sum::default(), 0, 0, 0);
    for portion in portions(all) {
        visitor.reconnect();
        let mut forms = Vec::new();
        for _ in 0..portion {
            let form = visitor.let_in().await;
            let tokens = redeem(&instances, 0, &form).await.answer.expect("tokens").expect(200);
            forms.push(visitor.refreshing(text(&tokens, "refresh_token").as_str()));
        }
        let (crowds, count) =
            attacked(&mut issuer, kills, crowds(&instances, &forms, REFRESHERS)).await;
        killed += count;
        for (crowd, form) in crowds.into_iter().zip(forms) {
            let pairs: Vec<_> = crowd.iter().filter_map(Told::pair).collect();
            several += usize::from(pairs.iter().any(|pair| *pair != pairs[0]));
            let access = pairs.first().map(|(access, _)| access.clone()).unwrap_or_default();
            broken += usize::from(!issuer.is_active(&access).await);
            spent.push((form, access));
            sum.add(&crowd);
        }
    }
    sum.report(&mut report, (all, REFRESHERS, killed));
    report.none("callers without a pair", all * REFRESHERS - sum.good);
    report.none("families with several pairs", several);
    report.none("pairs that do not work", broken);
    Clock::system().sleep(grace + Duration::from_secs(1)).await;
    report.none("families that outlived a late comer", late(&issuer, &spent).await);
    silence(&issuer, &mut report);
    report
}

/// Comes back with every spent token; how many of them that did not end.
async fn late(issuer: &Issuer, spent: &[(Form, String)]) -> usize {
    let (instances, mut alive) = (issuer.each(), 0);
    for (form, access) in spent {
        let told = redeem(&instances, 1, form).await;
        let is_refused = told.answer.is_some_and(|answer| is_refusal(&answer));
        alive += usize::from(!is_refused || issuer.is_active(access).await);
    }
    alive
}

/// Nothing in the log but what this test does itself.
fn silence(issuer: &Issuer, report: &mut Report) {
    let logs = issuer.logs();
    report.none("panics", logs.matches("panicked").count());
    report.figure("warnings and errors in the log", logs.lines().count());
    // What an operator would look at first.
    logs.lines().take(3).for_each(|line| report.figure("for example", line));
}

fn portions(all: usize) -> impl Iterator<Item = usize> {
    (0..all).step_by(PORTION).map(move |from| PORTION.min(all - from))
}

/// Runs `work` while instances are killed, if they are to be. How often that was.
async fn attacked<T>(
    issuer: &mut Issuer,
    kills: bool,
    work: impl Future<Output = T>,
) -> (T, usize) {
    if !kills {
        return (work.await, 0);
    }
    let is_over = AtomicBool::new(false);
    let work = async {
        let done = work.await;
        is_over.store(true, Ordering::SeqCst);
        done
    };
    join(work, issuer.under_fire(&is_over)).await
}

/// A crowd for each form, half of it at each instance.
async fn crowds(instances: &[Http; 2], forms: &[Form], size: usize) -> Vec<Vec<Told>> {
    let crowd = |form| join_all((0..size).map(move |number| redeem(instances, number, form)));
    stream::iter(forms).map(crowd).buffered(AT_ONCE).collect().await
}

/// One caller, who begins at one instance and goes to the other when there is no answer.
async fn redeem(instances: &[Http; 2], number: usize, form: &Form) -> Told {
    let mut told = Told::default();
    for attempt in 0..TRIES {
        let http = &instances[(number + attempt) % 2];
        let request = http.request(http::Method::POST, "/token").form(form);
        match http.try_send(request).await {
            Ok(answer) if answer.status == 503 => {
                told.later += 1;
                told.rude += usize::from(answer.header("retry-after").is_none());
            }
            Ok(answer) => return Told { answer: Some(answer), ..told },
            Err(_) => told.lost += 1,
        }
        Clock::system().sleep(PAUSE).await;
    }
    told
}

fn is_refusal(answer: &Answer) -> bool {
    answer.status == 400 && answer.json()["error"] == "invalid_grant"
}

fn text(answer: &Answer, name: &str) -> String {
    answer.json()[name].as_str().unwrap_or_default().to_owned()
}

impl Told {
    fn good(&self) -> Option<&Answer> {
        self.answer.as_ref().filter(|answer| answer.status == 200)
    }

    fn access(&self) -> Option<String> {
        self.good().map(|answer| text(answer, "access_token"))
    }

    fn pair(&self) -> Option<(String, String)> {
        self.good().map(|answer| (text(answer, "access_token"), text(answer, "refresh_token")))
    }
}

impl Sum {
    fn add(&mut self, crowd: &[Told]) {
        for told in crowd {
            match &told.answer {
                Some(answer) if answer.status == 200 => self.good += 1,
                Some(answer) if is_refusal(answer) => self.refused += 1,
                _ => self.strange += 1,
            }
            self.lost += told.lost;
            self.later += told.later;
            self.rude += told.rude;
        }
    }

    fn report(&self, report: &mut Report, (all, size, killed): (usize, usize, usize)) {
        report.figure("crowds, and how many in each", format!("{all} × {size}"));
        report.figure("instances killed meanwhile", killed);
        report.figure("tokens", self.good);
        report.figure("invalid_grant", self.refused);
        report.none("any other answer, or none in the end", self.strange);
        report.figure("answers that were lost with an instance", self.lost);
        report.figure("503", self.later);
        report.none("503 without Retry-After", self.rude);
    }
}
