//! Promises of a store that seals: who has no secret learns nothing, and nothing that he puts there
//! counts.

use std::convert::Infallible;

use ambient::{Entropy, Secret};
use serde::{Deserialize, Serialize};
use store::{Decoded, Record, Seal, Store};

use crate::{World, contract, world::LONG};

/// What is to be sealed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Person {
    name: String,
}

impl Record for Person {
    const PREFIX: &'static str = "person:";
    const SEALED: bool = true;
}

/// The same record to somebody who looks at what is stored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    name: String,
}

impl Record for Open {
    const PREFIX: &'static str = "person:";
}

contract!(
    what_one_instance_seals_another_opens,
    a_sealed_record_is_changed_as_any_other,
    what_was_sealed_before_the_secret_was_changed_is_there,
    what_does_not_open_is_not_there,
    an_alias_is_the_same_for_who_has_the_secret,
);

fn sealing(store: &Store, secrets: &[&str]) -> Store {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    store.sealed(Seal::new(&secrets, &Entropy::system()))
}

fn person(name: &str) -> Person {
    Person { name: name.to_owned() }
}

async fn what_one_instance_seals_another_opens(world: World) {
    let here = sealing(&world.store, &["a"]).table::<Person>();
    let there = sealing(&world.other, &["a"]).table::<Person>();
    here.put("a", &person("Alice"), LONG).await.unwrap();
    assert_eq!(there.get("a").await, Ok(Some(person("Alice"))));
    assert!(!there.claim("a", &person("Bob"), LONG).await.unwrap());
    assert_eq!(there.get_and_keep("a", LONG).await, Ok(Some(person("Alice"))));
    let (found, with) = there.get_with::<Person>("a", "a").await.unwrap();
    assert_eq!(
        (found, with.map(|seen| seen.value)),
        (Some(person("Alice")), Some(person("Alice")))
    );
    assert!(world.other.table::<Open>().get("a").await.is_err(), "it is not there in clear");
    assert_eq!(here.take("a").await, Ok(Some(person("Alice"))));
    assert_eq!(there.get("a").await, Ok(None));
}

async fn a_sealed_record_is_changed_as_any_other(world: World) {
    let people = sealing(&world.store, &["a"]).table::<Person>();
    people.put("a", &person("A"), LONG).await.unwrap();
    let longer = |it: Person| Ok::<_, Infallible>(person(&format!("{}b", it.name)));
    assert_eq!(people.update("a", longer).await, Ok(Some(person("Ab"))));
    let seen = people.see("a").await.unwrap().unwrap();
    assert_eq!(people.update("a", longer).await, Ok(Some(person("Abb"))));
    // What was seen is not there any more, so it is changed from what is.
    assert_eq!(people.update_from("a", seen, longer).await, Ok(Some(person("Abbb"))));
    assert_eq!(people.get("a").await, Ok(Some(person("Abbb"))));
}

async fn what_was_sealed_before_the_secret_was_changed_is_there(world: World) {
    let old = sealing(&world.store, &["old"]).table::<Person>();
    let both = sealing(&world.store, &["new", "old"]).table::<Person>();
    let new = sealing(&world.store, &["new"]).table::<Person>();
    old.put("a", &person("Alice"), LONG).await.unwrap();
    assert_eq!(both.get("a").await, Ok(Some(person("Alice"))));
    assert_eq!(new.get("a").await, Ok(None));
    let renamed = |_| Ok::<_, Infallible>(person("Bob"));
    assert_eq!(both.update("a", renamed).await, Ok(Some(person("Bob"))));
    assert_eq!(new.get("a").await, Ok(Some(person("Bob"))));
    assert_eq!(old.get("a").await, Ok(None));
}

async fn what_does_not_open_is_not_there(world: World) {
    let people = sealing(&world.store, &["a"]).table::<Person>();
    sealing(&world.store, &["b"]).table().put("other", &person("A"), LONG).await.unwrap();
    let open = Open { name: "Mallory".into() };
    world.store.table::<Open>().put("open", &open, LONG).await.unwrap();
    let decoded = Decoded::default();
    for id in ["other", "open"] {
        assert_eq!(people.get(id).await, Ok(None), "{id}");
        assert_eq!(people.see(id).await, Ok(None), "{id}");
        assert_eq!(people.get_and_keep_decoded(id, LONG, &decoded).await, Ok(None), "{id}");
        assert_eq!(people.update(id, Ok::<_, Infallible>).await, Ok(None), "{id}");
        assert!(!people.claim(id, &person("Bob"), LONG).await.unwrap(), "{id}");
        assert_eq!(people.take(id).await, Ok(None), "{id}");
    }
}

async fn an_alias_is_the_same_for_who_has_the_secret(world: World) {
    let (here, there) = (sealing(&world.store, &["a"]), sealing(&world.other, &["b", "a"]));
    let alias = here.alias("192.0.2.1");
    assert!(!alias.contains("192"), "{alias}");
    assert_eq!(there.aliases("192.0.2.1")[1..], [alias]);
    assert_eq!(world.store.aliases("192.0.2.1"), ["192.0.2.1"]);
}
