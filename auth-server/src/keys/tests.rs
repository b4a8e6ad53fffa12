//! The life of keys over several instances, in memory.

use ambient::Secret;
use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};

use super::*;

struct World {
    store: Store,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        Self { store: Store::memory(clock.clone()), clock }
    }

    fn instance(&self, algorithm: SigningAlgorithm) -> Keys {
        self.sealed_with("a secret", algorithm)
    }

    fn sealed_with(&self, secret: &str, algorithm: SigningAlgorithm) -> Keys {
        let policy = Policy {
            algorithm,
            period: Duration::from_hours(24),
            signatures_live: Duration::from_mins(15),
        };
        let sealer = Sealer::new([&Secret::new(secret)]);
        let world = (self.clock.clone(), Entropy::seeded(1));
        Keys::new(&self.store, sealer, policy, world)
    }
}

async fn kids(keys: &Keys) -> Vec<String> {
    keys.list().await.unwrap().into_iter().map(|(entry, _)| entry.kid).collect()
}

/// Reads a signature as a stranger would: with the public keys alone.
async fn verify(keys: &Keys, token: &str) -> Option<Value> {
    let set: JwkSet = serde_json::from_value(json!(keys.public().await.unwrap())).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = DecodingKey::from_jwk(set.find(&header.kid?)?).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &key, &validation).ok().map(|data| data.claims)
}

#[tokio::test]
async fn whatever_the_algorithm_the_public_key_verifies() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        let keys = World::new().instance(algorithm);
        let token = keys.sign("test", &json!({"a": 1})).await.unwrap();
        assert_eq!(verify(&keys, &token).await, Some(json!({"a": 1})), "{algorithm}");
        let told = json!(keys.public().await.unwrap())["keys"][0].clone();
        assert_eq!((&told["alg"], &told["use"]), (&json!(algorithm), &json!("sig")));
        assert!(["d", "p", "q", "k"].iter().all(|name| told.get(name).is_none()), "{told}");
    }
}

#[tokio::test]
async fn all_instances_have_the_same_key() {
    let world = World::new();
    let instances = [(); 8].map(|()| world.instance(SigningAlgorithm::Es256));
    let all = futures_util::future::join_all(instances.iter().map(kids)).await;
    assert_eq!(all[0].len(), 1);
    assert!(all.iter().all(|kids| *kids == all[0]), "{all:?}");
}

#[tokio::test]
async fn a_new_key_is_seen_everywhere_within_seconds() {
    let world = World::new();
    let [one, other] = [(); 2].map(|()| world.instance(SigningAlgorithm::Es256));
    let before = kids(&other).await;
    one.rotate(Rotation::Planned).await.unwrap();
    assert_eq!(kids(&one).await.len(), 2);
    assert_eq!(kids(&other).await, before);
    world.clock.advance(FRESH);
    assert_eq!(kids(&other).await, kids(&one).await);
}

#[tokio::test]
async fn keys_change_by_themselves_and_old_signatures_count_for_their_time() {
    let world = World::new();
    let keys = world.instance(SigningAlgorithm::Es256);
    let first = keys.sign("test", &json!({"n": 1})).await.unwrap();
    world.clock.advance(Duration::from_hours(24));
    let still_first = keys.sign("test", &json!({"n": 2})).await.unwrap();
    world.clock.advance(Duration::from_mins(5));
    let second = keys.sign("test", &json!({"n": 3})).await.unwrap();
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
    assert_eq!(kid(&first), kid(&still_first));
    assert_ne!(kid(&first), kid(&second));
    world.clock.advance(Duration::from_mins(14));
    assert!(verify(&keys, &still_first).await.is_some() && verify(&keys, &second).await.is_some());
    world.clock.advance(Duration::from_mins(1));
    assert!(verify(&keys, &still_first).await.is_none() && verify(&keys, &second).await.is_some());
}

#[tokio::test]
async fn a_key_that_is_not_trusted_is_gone_at_once() {
    let world = World::new();
    let keys = world.instance(SigningAlgorithm::Es256);
    let stolen = keys.sign("test", &json!({})).await.unwrap();
    keys.rotate(Rotation::Compromised).await.unwrap();
    assert_eq!(verify(&keys, &stolen).await, None);
    let good = keys.sign("test", &json!({})).await.unwrap();
    assert!(verify(&keys, &good).await.is_some());
}

#[tokio::test]
async fn without_the_secret_nobody_signs() {
    let world = World::new();
    world.instance(SigningAlgorithm::Es256).check().await.unwrap();
    let other = world.sealed_with("another secret", SigningAlgorithm::Es256);
    assert!(matches!(other.check().await, Err(KeyError::Sealed)));
    assert_eq!(kids(&other).await.len(), 1);
}
