//! What goes wrong, and when.

use ambient::Timestamp;

use crate::{
    weather::Mood,
    world::{INSTANCES, World},
};

/// Lets things go wrong until `end`, and then lets everything be well again.
pub(crate) async fn strike(world: &World, end: Timestamp) {
    let dice = &world.dice;
    loop {
        world.clock.sleep(dice.millis(200, 2500)).await;
        if world.clock.now() >= end {
            break;
        }
        world.history.count(|counts| counts.faults += 1);
        let slot = dice.index(INSTANCES);
        match dice.below(10) {
            0..2 => weather(world, slot, Mood::Cut, dice.millis(100, 4000)).await,
            2..4 => weather(world, slot, Mood::Changeable, dice.millis(200, 4000)).await,
            4 => weather(world, slot, Mood::Slow, dice.millis(200, 3000)).await,
            5 => outage(world).await,
            6 | 7 => {
                world.history.note("fault", format_args!("{} dies", world.instance(slot).name));
                world.instance(slot).kill();
                world.clock.sleep(dice.millis(0, 1000)).await;
                world.start(slot);
            }
            _ => {
                let old = world.instance(slot);
                world.history.note("fault", format_args!("{} is replaced", old.name));
                world.start(slot);
                old.stop();
            }
        }
    }
    for slot in 0..INSTANCES {
        world.instance(slot).weather(Mood::Fair);
    }
    world.history.note("fault", "no more");
}

async fn weather(world: &World, slot: usize, mood: Mood, lasts: std::time::Duration) {
    let instance = world.instance(slot);
    let name = &instance.name;
    world.history.note("fault", format_args!("{name}: {mood:?} for {lasts:?}"));
    instance.weather(mood);
    world.clock.sleep(lasts).await;
    instance.weather(Mood::Fair);
}

/// The store is away for everybody.
async fn outage(world: &World) {
    let lasts = world.dice.millis(100, 3000);
    world.history.note("fault", format_args!("the store is away for {lasts:?}"));
    for slot in 0..INSTANCES {
        world.instance(slot).weather(Mood::Cut);
    }
    world.clock.sleep(lasts).await;
    for slot in 0..INSTANCES {
        world.instance(slot).weather(Mood::Fair);
    }
}
