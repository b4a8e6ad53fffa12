//! Clients that all want the same authorization code at once, and what became of each request.

use std::time::Duration;

use ambient::{Clock, Stopwatch};
use chassis::client::{Timeouts, http_client};
use e2e::{CALLBACK, walk};
use futures_util::future::join_all;
use serde_json::Value;
use testkit::{
    browser::Browser,
    oauth::{Client, OAuth},
};

use crate::{
    linear::{Code, Operation, Redeemed, is_linear},
    report::Report,
    site::{Site, USERS},
};

/// How long a request may take before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that anybody may be let in by.
pub struct Crowd {
    oauth: OAuth,
    client: Client,
    watch: Stopwatch,
    http: reqwest::Client,
}

/// A form for the token endpoint.
pub type Form = Vec<(&'static str, String)>;

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it means for a code, and when.
    pub operation: Operation<Redeemed>,
    /// The status; zero when there was no answer.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// What came of all requests for one code.
pub type Outcomes = Vec<Outcome>;

impl Crowd {
    /// Registers a client.
    ///
    /// # Panics
    /// When that fails.
    pub async fn at(site: &Site) -> Self {
        let oauth = OAuth::discover(&site.endpoint()).await;
        let client = oauth.public_client(CALLBACK).await;
        let timeouts = Timeouts { connect: PATIENCE, total: PATIENCE };
        let http = http_client("reliability", timeouts).expect("a client can be made");
        Self { oauth, client, watch: Clock::system().stopwatch(), http }
    }

    /// Lets people in, all users at a time, and gives the forms that redeem their codes. One account
    /// has one login at a time, so that guesses cannot be made at once.
    pub async fn codes(&self, count: usize) -> Vec<Form> {
        let mut forms = Vec::new();
        while forms.len() < count {
            let some = USERS.iter().take(count - forms.len()).map(|user| self.code(user));
            forms.extend(join_all(some).await);
        }
        forms
    }

    async fn code(&self, user: &str) -> Form {
        let request = self.oauth.authorization(&self.client);
        let mut browser = Browser::default().with_callback(CALLBACK);
        let callback = walk(&mut browser, &request.url(), user).await;
        let code = self.oauth.code(&request, &callback);
        self.oauth.redemption(&self.client, &request, &code)
    }

    /// Sends the same form so many times at once.
    pub async fn rush(&self, form: &Form, times: usize) -> Outcomes {
        join_all((0..times).map(|_| self.redeem(form))).await
    }

    /// Sends a form once.
    pub async fn redeem(&self, form: &Form) -> Outcome {
        let began = self.watch.elapsed();
        let request = self.http.post(self.oauth.endpoint("token_endpoint")).form(form);
        let (status, body) = match request.send().await {
            Ok(answer) => (answer.status().as_u16(), answer.json().await.unwrap_or_default()),
            Err(_) => (0, Value::Null),
        };
        let what = match status {
            200 => Redeemed::Won,
            400 if body["error"] == "invalid_grant" => Redeemed::Lost,
            _ => Redeemed::Unknown,
        };
        let operation = Operation { what, began, ended: self.watch.elapsed() };
        Outcome { operation, status, body }
    }
}

/// How many of the requests for a code ended like this.
#[must_use]
pub fn count(outcomes: &Outcomes, what: Redeemed) -> usize {
    outcomes.iter().filter(|one| one.operation.what == what).count()
}

/// Writes down what came of codes, and what of it may never be: a code that was good twice, an
/// answer that is none of those of the protocol, a history that cannot have happened.
pub fn verdict(report: &mut Report, codes: &[Outcomes]) {
    let total = |what| codes.iter().map(|one| count(one, what)).sum::<usize>();
    let [won, lost, unknown] = [Redeemed::Won, Redeemed::Lost, Redeemed::Unknown].map(total);
    report.figure("codes", codes.len());
    report.figure(
        "requests that won, lost, had no answer or 503",
        format!("{won}, {lost}, {unknown}"),
    );
    report.none("codes that were good more than once", doubles(codes));
    report.none("answers that are none of 200, 400, 503", strange(codes));
    report.none("histories that cannot have happened", impossible(codes));
}

/// Codes that were good more than once.
#[must_use]
pub fn doubles(codes: &[Outcomes]) -> usize {
    codes.iter().filter(|one| count(one, Redeemed::Won) > 1).count()
}

/// Codes whose requests could not have come one after the other.
#[must_use]
pub fn impossible(codes: &[Outcomes]) -> usize {
    let history =
        |outcomes: &Outcomes| outcomes.iter().map(|one| one.operation).collect::<Vec<_>>();
    codes.iter().filter(|one| !is_linear::<Code>(&history(one))).count()
}

/// Answers that nobody should get, whatever breaks. No answer at all is none.
#[must_use]
pub fn strange(codes: &[Outcomes]) -> usize {
    let usual = |one: &&Outcome| {
        matches!(one.status, 0 | 200 | 503) || one.operation.what == Redeemed::Lost
    };
    codes.iter().flatten().filter(|one| !usual(one)).count()
}
