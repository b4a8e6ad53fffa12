//! What is told when, on a clock that a test moves.

use futures_util::FutureExt as _;
use schemars::JsonSchema;
use serde_json::json;
use shared::mcp::Revision;

use super::*;
use crate::{Catalog, Tool, ToolError, testing::Asker};

struct Drum;

impl Rhythm for Drum {
    const NAME: &'static str = "drum";
    const EVERY: Duration = Duration::from_secs(10);
    const LASTS: Duration = Duration::from_mins(1);

    fn beat(watched: &BTreeSet<String>, _: &Entropy) -> Vec<Told> {
        watched.iter().cloned().map(Told::Updated).collect()
    }
}

/// Switches the drum.
#[derive(serde::Deserialize, JsonSchema)]
struct Toggle {}

impl Tool<()> for Toggle {
    const NAME: &'static str = "toggle";
    type Output = String;
    async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
        Ok(ctx.rhythm::<Drum>().toggle().await?.to_string())
    }
}

fn catalog() -> Catalog<()> {
    Catalog::new().tool::<Toggle>().rhythm::<Drum>()
}

/// Somebody with a stream, and a clock that stands still.
struct Scene {
    asker: Asker,
    clock: Clock,
    beats: Beats,
}

impl Scene {
    fn new(revision: Revision) -> Self {
        Self::of(Asker::new(revision, catalog(), ()))
    }

    fn of(asker: Asker) -> Self {
        let clock = asker.clock().clone();
        let beats = asker.beats();
        Self { asker, clock, beats }
    }

    async fn toggle(&mut self) -> bool {
        let result = self.asker.call("toggle", json!({})).await;
        self.beats.heard(Some(&Change::Rhythm(self.beats.state().owner())));
        result["content"][0]["text"] == "true"
    }

    /// How often something is told in so many seconds, second by second.
    fn told_in(&mut self, seconds: u64) -> usize {
        let mut count = 0;
        for _ in 0..seconds {
            while self.beats.next().now_or_never().is_some() {
                count += 1;
            }
            self.clock.advance(Duration::from_secs(1));
        }
        count
    }
}

const BOTH: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

#[tokio::test]
async fn nothing_is_told_that_nobody_has_switched_on() {
    for revision in BOTH {
        assert_eq!(Scene::new(revision).told_in(100), 0);
    }
}

#[tokio::test]
async fn it_is_told_at_once_and_then_in_its_rhythm_until_it_is_switched_off() {
    for revision in BOTH {
        let mut scene = Scene::new(revision);
        assert!(scene.toggle().await);
        assert_eq!(scene.told_in(1), 1);
        assert_eq!(scene.told_in(9), 0);
        assert_eq!(scene.told_in(20), 2);
        assert!(!scene.toggle().await);
        assert_eq!(scene.told_in(30), 0);
    }
}

#[tokio::test]
async fn it_ends_by_itself() {
    let mut scene = Scene::new(BOTH[0]);
    scene.toggle().await;
    // At 0, 10, … 50 seconds.
    assert_eq!(scene.told_in(200), 6);
    assert!(scene.toggle().await, "it was off");
}

#[tokio::test]
async fn another_stream_goes_on_in_the_same_rhythm() {
    let mut scene = Scene::new(BOTH[0]);
    scene.toggle().await;
    assert_eq!(scene.told_in(13), 2);
    let mut again = Scene::of(scene.asker.clone());
    // The second is at 20 seconds, for both.
    assert_eq!(again.told_in(7), 0);
    assert_eq!(again.told_in(1), 1);
}

#[tokio::test]
async fn a_stream_that_was_held_up_is_told_once() {
    let mut scene = Scene::new(BOTH[0]);
    scene.toggle().await;
    assert_eq!(scene.told_in(1), 1);
    scene.clock.advance(Duration::from_secs(35));
    assert_eq!(scene.told_in(1), 1);
}

#[tokio::test]
async fn nobody_hears_the_drum_of_another() {
    for revision in BOTH {
        let mut scene = Scene::new(revision);
        let mut bob = Scene::of(scene.asker.user("bob"));
        let mut other = Scene::of(scene.asker.session("other"));
        scene.toggle().await;
        bob.beats.heard(None);
        other.beats.heard(None);
        assert_eq!(bob.told_in(30), 0);
        // Without sessions, both are the same caller.
        let is_heard = scene.asker.session_id().is_none();
        assert_eq!(other.told_in(11) > 0, is_heard);
    }
}

#[tokio::test]
async fn only_changes_of_its_owner_make_a_stream_look_again() {
    let mut scene = Scene::new(BOTH[1]);
    assert_eq!(scene.told_in(1), 0);
    scene.asker.call("toggle", json!({})).await;
    scene.beats.heard(Some(&Change::Rhythm("somebody".to_owned())));
    scene.beats.heard(Some(&Change::Tools));
    assert_eq!(scene.told_in(30), 0);
    scene.beats.heard(None);
    assert!(scene.told_in(11) > 0);
}

#[tokio::test]
async fn what_is_told_is_what_the_stream_watches() {
    let scene = Scene::new(BOTH[0]);
    let watched = BTreeSet::from(["a://1".to_owned(), "a://2".to_owned()]);
    let expected = [Told::Updated("a://1".to_owned()), Told::Updated("a://2".to_owned())];
    assert_eq!(scene.beats.told(Due(0), &watched), expected);
}
