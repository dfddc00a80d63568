//! How tests that draw their cases do it: the same cases in every run, and others on demand.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

/// `make random` sets it to how many times as many cases are drawn, new ones in every run.
const MORE: &str = "TRINE_RANDOM";

/// So many cases. Those that ever failed are in the file `found`, and come first.
pub fn cases(count: u32, found: &'static str) -> ProptestConfig {
    let more: Option<u32> = std::env::var(MORE).ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: count.saturating_mul(more.unwrap_or(1)),
        rng_seed: if more.is_some() { RngSeed::Random } else { RngSeed::Fixed(0) },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(found))),
        ..ProptestConfig::default()
    }
}
