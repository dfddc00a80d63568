//! `trine-engine --bench PLAN SEEDS`: trains a serialized plan and says what a step costs.

use crate::Failure;
use crate::job::Job;
use crate::trainer::train;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tch::Device;
use trine::plan::Plan;
use trine::run::protocol::{Event, Replicate};

/// Processor time of a step and seed, measures and set-up left out.
pub fn bench(arguments: &[String]) -> Result<(), Failure> {
    let [path, rest @ ..] = arguments else {
        return Err(Failure::internal("--bench takes a plan and a number of seeds"));
    };
    let seeds: u64 = rest.first().and_then(|text| text.parse().ok()).unwrap_or(1);
    let _off = tch::no_grad_guard();
    tch::set_num_threads(1);
    let mut plan: Plan = postcard::from_bytes(&std::fs::read(path)?).map_err(io::Error::other)?;
    plan.measures.clear();
    let folder = Path::new(path).parent().unwrap_or(Path::new("."));
    let mut job = Job::load(plan, folder, Device::Cpu)?;
    let (mut seconds, mut steps) = (0.0, 0);
    for seed in 1..=seeds {
        let replicate = Replicate { id: 0, seed, numbers: vec![0.0; job.plan.numbers.len()], from: None, keep: 0 };
        train(&mut job, &replicate, &AtomicBool::new(false), &mut |event| {
            match event {
                Event::Done { seconds: own, steps: made, .. } => {
                    seconds += own;
                    steps += made;
                }
                Event::Faulted { fault, .. } => return Err(Failure::internal(&format!("{fault:?}"))),
                _ => {}
            }
            Ok(())
        })?;
    }
    writeln!(io::stdout(), "{:.3} microseconds a step and seed ({steps} steps)", seconds * 1e6 / steps.max(1) as f64)?;
    Ok(())
}
