//! Two instances of a server on one store, and whoever looks at them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ambient::Clock;
use store::Store;

use crate::{
    dice::Dice,
    history::{History, Outcome},
    instance::{Instance, Make},
};

/// How many instances there are at one time.
pub(crate) const INSTANCES: usize = 2;

/// All that a seed decides. Cheap to clone; clones are the same world.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) dice: Dice,
    pub(crate) history: History,
    store: Store,
    make: Make,
    instances: Arc<Mutex<Instances>>,
}

#[derive(Default)]
struct Instances {
    now: Vec<Instance>,
    /// All there ever were, to end them with the world.
    all: Vec<Instance>,
}

impl World {
    pub(crate) fn new(seed: u64, clock: &Clock, store: &Store, make: Make) -> Self {
        let world = Self {
            clock: clock.clone(),
            dice: Dice::new(seed),
            history: History::new(clock),
            store: store.clone(),
            make,
            instances: Arc::default(),
        };
        (0..INSTANCES).for_each(|slot| world.start(slot));
        world
    }

    /// The newest instance of a slot.
    pub(crate) fn instance(&self, slot: usize) -> Instance {
        self.instances().now[slot].clone()
    }

    /// Any instance that takes requests: what a balancer without affinity finds.
    pub(crate) fn any(&self) -> Option<Instance> {
        let serving: Vec<_> =
            self.instances().now.iter().filter(|instance| instance.serves()).cloned().collect();
        if serving.is_empty() {
            return None;
        }
        Some(serving[self.dice.index(serving.len())].clone())
    }

    /// Starts an instance in the place of the one before.
    pub(crate) fn start(&self, slot: usize) {
        let number = self.instances().all.len();
        let name = format!("i{number}");
        let started = Instance::start(name, &self.make, &self.store, &self.clock, &self.dice);
        let mut instances = self.instances();
        instances.all.push(started.clone());
        if slot < instances.now.len() {
            instances.now[slot] = started;
        } else {
            instances.now.push(started);
        }
    }

    /// Ends everything, and tells what came of it.
    pub(crate) fn end(&self) -> Outcome {
        let all = std::mem::take(&mut *self.instances()).all;
        let failures = all.iter().map(|instance| instance.sky.failures()).sum::<u64>();
        all.iter().for_each(Instance::kill);
        self.history.count(|counts| counts.failures += failures);
        self.history.outcome()
    }

    fn instances(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
