//! Memory and Redis answer alike, whatever is done in whatever order: sequences that nobody has
//! thought of, on both at once.

use proptest::{prelude::*, test_runner::TestRunner};
use store::{Bounds, Count, EventId, Room, Store, StoreError};

use crate::{Note, World, world::LONG};

/// How many sequences are tried, and how long they are at most.
const CASES: u32 = 64;
const STEPS: usize = 60;
/// What proptest tries where nobody has chosen.
const OF_PROPTEST: u32 = 256;
/// Few names, so that steps meet.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// One step. The first number of each is a name.
#[derive(Clone, Debug)]
enum Step {
    Put(usize, u64),
    Get(usize),
    GetAndKeep(usize),
    Claim(usize, u64),
    Take(usize),
    Remove(usize),
    Update(usize, u64),
    CountWindow(usize),
    AppendRing(usize, u64, u16),
    Ring(usize),
    Add(usize, usize, u64),
    AtLeast(usize, usize, u64),
    Counts(usize),
    Enter(usize, usize),
    /// With how many there is no room any more.
    StayIfRoom(usize, usize, u32),
    EnterIfRoom(usize, usize, u32),
    Vouch(usize, usize),
    Lapsed(usize),
    Leave(usize, usize),
    Present(usize),
    Members(usize),
    Append(usize, u64),
    /// After the last event, or after one that the log has lost.
    AppendAfter(usize, u64, bool),
    /// Reads after the event that was appended so many ago.
    Read(usize, usize),
    KeepLog(usize),
    RemoveLog(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        (name(), 0..9_u64).prop_map(|(name, count)| Step::Put(name, count)),
        name().prop_map(Step::Get),
        name().prop_map(Step::GetAndKeep),
        (name(), 0..9_u64).prop_map(|(name, count)| Step::Claim(name, count)),
        name().prop_map(Step::Take),
        name().prop_map(Step::Remove),
        (name(), 0..9_u64).prop_map(|(name, by)| Step::Update(name, by)),
        name().prop_map(Step::CountWindow),
        (name(), 0..9_u64, 1..4_u16)
            .prop_map(|(name, entry, most)| Step::AppendRing(name, entry, most)),
        name().prop_map(Step::Ring),
        (name(), name(), 0..9_u64).prop_map(|(name, counter, by)| Step::Add(name, counter, by)),
        (name(), name(), 0..9_u64)
            .prop_map(|(name, counter, least)| Step::AtLeast(name, counter, least)),
        name().prop_map(Step::Counts),
        (name(), name()).prop_map(|(name, member)| Step::Enter(name, member)),
        (name(), name(), 0..4_u32)
            .prop_map(|(name, member, most)| Step::StayIfRoom(name, member, most)),
        (name(), name(), 0..4_u32)
            .prop_map(|(name, member, most)| Step::EnterIfRoom(name, member, most)),
        (name(), name()).prop_map(|(name, member)| Step::Vouch(name, member)),
        name().prop_map(Step::Lapsed),
        (name(), name()).prop_map(|(name, member)| Step::Leave(name, member)),
        name().prop_map(Step::Present),
        name().prop_map(Step::Members),
        (name(), 0..9_u64).prop_map(|(name, event)| Step::Append(name, event)),
        (name(), 0..9_u64, any::<bool>())
            .prop_map(|(name, event, is_lost)| Step::AppendAfter(name, event, is_lost)),
        (name(), 0..5_usize).prop_map(|(name, ago)| Step::Read(name, ago)),
        name().prop_map(Step::KeepLog),
        name().prop_map(Step::RemoveLog),
    ]
}

/// A store, and the ids that it has given to the events of each log.
struct Side {
    store: Store,
    ids: [Vec<EventId>; NAMES.len()],
}

impl Side {
    const fn new(store: Store) -> Self {
        Self { store, ids: [Vec::new(), Vec::new(), Vec::new()] }
    }

    /// What a step is answered with, in words that do not differ by backend.
    async fn answer(&mut self, step: &Step) -> Result<String, StoreError> {
        match step {
            Step::Put(..)
            | Step::Get(_)
            | Step::GetAndKeep(_)
            | Step::Claim(..)
            | Step::Take(_)
            | Step::Remove(_)
            | Step::Update(..) => self.table(step).await,
            Step::Append(..)
            | Step::AppendAfter(..)
            | Step::Read(..)
            | Step::KeepLog(_)
            | Step::RemoveLog(_) => self.log(step).await,
            Step::Enter(..)
            | Step::StayIfRoom(..)
            | Step::EnterIfRoom(..)
            | Step::Vouch(..)
            | Step::Lapsed(_)
            | Step::Leave(..)
            | Step::Present(_)
            | Step::Members(_) => self.roster(step).await,
            _ => self.counts(step).await,
        }
    }

    async fn table(&self, step: &Step) -> Result<String, StoreError> {
        let notes = self.store.table::<Note>();
        Ok(match *step {
            Step::Put(name, count) => {
                format!("{:?}", notes.put(NAMES[name], &Note { count }, LONG).await?)
            }
            Step::Get(name) => format!("{:?}", notes.get(NAMES[name]).await?),
            Step::GetAndKeep(name) => format!("{:?}", notes.get_and_keep(NAMES[name], LONG).await?),
            Step::Claim(name, count) => {
                format!("{:?}", notes.claim(NAMES[name], &Note { count }, LONG).await?)
            }
            Step::Take(name) => format!("{:?}", notes.take(NAMES[name]).await?),
            Step::Remove(name) => format!("{:?}", notes.remove(NAMES[name]).await?),
            Step::Update(name, by) => {
                // Some changes are refused.
                let change = |note: Note| match note.count {
                    5.. => Err(note.count),
                    count => Ok(Note { count: count + by }),
                };
                format!("{:?}", notes.update(NAMES[name], change).await)
            }
            _ => unreachable!("{step:?} is of another kind"),
        })
    }

    async fn counts(&self, step: &Step) -> Result<String, StoreError> {
        let (tally, ring) = (self.store.tally(), self.store.ring());
        // Each kind of thing has names of its own.
        let (of_tally, of_ring) =
            (|name: usize| format!("tally:{name}"), |name: usize| format!("ring:{name}"));
        Ok(match *step {
            Step::CountWindow(name) => {
                self.store.counter("count:").add(NAMES[name], LONG).await?.value.to_string()
            }
            Step::AppendRing(name, entry, most) => {
                let entries = vec![entry.to_string(), "x".to_owned()];
                format!("{:?}", ring.append(&of_ring(name), entries, most, LONG).await?)
            }
            Step::Ring(name) => format!("{:?}", ring.entries(&of_ring(name)).await?),
            Step::Add(name, counter, by) => {
                let counts = [(NAMES[counter], Count::Add(by))];
                format!("{:?}", tally.count(&of_tally(name), &counts, LONG).await?)
            }
            Step::AtLeast(name, counter, least) => {
                let counts = [(NAMES[counter], Count::AtLeast(least))];
                format!("{:?}", tally.count(&of_tally(name), &counts, LONG).await?)
            }
            Step::Counts(name) => {
                let mut counts = tally.counts(&of_tally(name)).await?;
                // Nothing is nothing, whether it was written down or not.
                counts.retain(|_, count| *count > 0);
                format!("{counts:?}")
            }
            _ => unreachable!("{step:?} is of another kind"),
        })
    }

    async fn roster(&self, step: &Step) -> Result<String, StoreError> {
        let roster = self.store.roster();
        let of = |name: usize| format!("roster:{name}");
        Ok(match *step {
            Step::Enter(name, member) => {
                // Longer than with a bound, as an earlier version does.
                format!("{:?}", roster.enter(&of(name), NAMES[member], LONG * 2).await?)
            }
            Step::StayIfRoom(name, member, most) => {
                let of = of(name);
                roster.stay_if_room(&of, NAMES[member], LONG, most).await?.to_string()
            }
            Step::EnterIfRoom(name, member, most) => {
                let bounds = Bounds { most, at_most: LONG };
                match roster.enter_if_room(&of(name), NAMES[member], LONG, bounds).await? {
                    Room::Entered => "entered".to_owned(),
                    Room::Full(mut doubtful) => {
                        doubtful.sort();
                        format!("{doubtful:?}")
                    }
                }
            }
            Step::Vouch(name, member) => {
                format!("{:?}", roster.vouch(&of(name), NAMES[member], LONG).await?)
            }
            Step::Lapsed(name) => roster.lapsed(&of(name)).await?.to_string(),
            Step::Leave(name, member) => {
                format!("{:?}", roster.leave(&of(name), NAMES[member]).await?)
            }
            Step::Present(name) => roster.len(&of(name)).await?.to_string(),
            Step::Members(name) => {
                let mut members = roster.members(&of(name), u16::MAX).await?;
                members.sort();
                format!("{members:?}")
            }
            _ => unreachable!("{step:?} is of another kind"),
        })
    }

    /// Whether a new event of a log comes after those before it.
    fn is_later(&mut self, name: usize, id: EventId) -> String {
        let is_later = self.ids[name].last().is_none_or(|last| *last < id);
        self.ids[name].push(id);
        format!("later: {is_later}")
    }

    async fn log(&mut self, step: &Step) -> Result<String, StoreError> {
        let log = self.store.log();
        let of = |name: usize| format!("log:{name}");
        Ok(match *step {
            Step::Append(name, event) => {
                let id = log.append(&of(name), &event.to_string(), LONG).await?;
                self.is_later(name, id)
            }
            Step::AppendAfter(name, event, is_lost) => {
                let last = self.ids[name].last().copied();
                let known = if is_lost { last.map(following) } else { last };
                let id = log.append_after(&of(name), &event.to_string(), LONG, known).await?;
                format!("{} {}", self.is_later(name, id), known.is_none_or(|known| known < id))
            }
            Step::Read(name, ago) => {
                let place = self.ids[name].len().checked_sub(ago + 1);
                let after = place.map(|place| &self.ids[name][place]);
                let page = log.read_after(&of(name), after, 4).await?;
                let events = page.events.iter().map(|(_, event)| event.as_str());
                format!("{} {:?} {:?}", page.gap, events.collect::<Vec<_>>(), page.holes)
            }
            Step::KeepLog(name) => format!("{:?}", log.keep(&of(name), LONG).await?),
            Step::RemoveLog(name) => {
                // A log that was removed begins anew: Redis may give an id of the same millisecond
                // again, and nobody asks a log for what another one has said.
                self.ids[name].clear();
                format!("{:?}", log.remove(&of(name)).await?)
            }
            _ => unreachable!("{step:?} is of another kind"),
        })
    }
}

/// The id of an event that could have come after another.
fn following(id: EventId) -> EventId {
    let text = id.to_string();
    let (millis, sequence) = text.split_once('-').unwrap();
    let next = sequence.parse::<u64>().unwrap() + 1;
    format!("{millis}-{next}").parse().unwrap()
}

/// The first step that memory and Redis answer differently, if there is one.
async fn difference(steps: &[Step]) -> Option<String> {
    let (memory, redis) = (World::memory(), World::redis().await);
    let (mut one, mut other) = (Side::new(memory.store), Side::new(redis.store));
    for (number, step) in steps.iter().enumerate() {
        let answers = (one.answer(step).await.unwrap(), other.answer(step).await.unwrap());
        if answers.0 != answers.1 {
            return Some(format!("step {number}, {step:?}: {} or {}", answers.0, answers.1));
        }
    }
    None
}

#[test]
fn memory_and_redis_answer_alike() {
    // `PROPTEST_CASES` says otherwise.
    let chosen = ProptestConfig::default().cases;
    let cases = if chosen == OF_PROPTEST { CASES } else { chosen };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sequences = prop::collection::vec(step(), 1..STEPS);
    let tried = TestRunner::new(config).run(&sequences, |steps| {
        let difference = runtime.block_on(difference(&steps));
        prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        Ok(())
    });
    tried.unwrap();
}
