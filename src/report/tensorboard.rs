//! Courses as event files of TensorBoard: a folder a seed, a scalar a measure.
//!
//! A file is a list of records (length, checksum, bytes, checksum; all little-endian), each of which holds one message of
//! `event.proto` (tensorflow/core/util/event.proto): the wall time, the step, and a summary of tags and values.

use super::Facts;
use crate::run::trace::{ConditionTrace, MeasureTrace};

/// A file below the folder of logs, and its bytes. `time` is the wall time that all events bear, in seconds since 1970.
pub fn tensorboard(facts: &Facts, time: f64) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for experiment in &facts.trace.experiments {
        for condition in &experiment.conditions {
            for (at, seed) in condition.seeds.iter().enumerate() {
                let parts = [experiment.name.as_str(), condition.name.as_str()];
                let parts: Vec<String> = parts.iter().filter(|p| !p.is_empty()).map(|p| folder(p)).collect();
                // TensorBoard knows a file by `tfevents` in its name, and sorts by the number.
                let name = format!("{}/seed-{seed}/events.out.tfevents.{:010}.trine", parts.join("/"), time as u64);
                files.push((name, events(condition, at, time)));
            }
        }
    }
    files
}

/// A name as that of a folder on any system.
fn folder(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "-_.=+".contains(c) { c } else { '_' };
    let text: String = name.chars().map(safe).collect();
    if text.chars().all(|c| c == '.') { "_".repeat(text.len()) } else { text }
}

fn events(condition: &ConditionTrace, seed: usize, time: f64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut head = Vec::new();
    double(&mut head, 1, time);
    bytes(&mut head, 3, b"brain.Event:2");
    record(&mut out, &head);
    let mut all: Vec<(u64, &MeasureTrace, f64)> = Vec::new();
    for measure in &condition.measures {
        let values = measure.values.get(seed).map(Vec::as_slice).unwrap_or_default();
        all.extend(measure.at.iter().zip(values).map(|(at, value)| (*at, measure, *value)));
    }
    all.sort_by_key(|(at, ..)| *at);
    for (at, measure, value) in all {
        let mut scalar = Vec::new();
        bytes(&mut scalar, 1, tag(measure).as_bytes());
        key(&mut scalar, 2, 5);
        scalar.extend((value as f32).to_le_bytes());
        let mut summary = Vec::new();
        bytes(&mut summary, 1, &scalar);
        let mut event = Vec::new();
        double(&mut event, 1, time);
        key(&mut event, 2, 0);
        varint(&mut event, at);
        bytes(&mut event, 5, &summary);
        record(&mut out, &event);
    }
    out
}

/// `alignment_deg/train`: TensorBoard groups what has the same beginning.
fn tag(measure: &MeasureTrace) -> String {
    let unit =
        if matches!(measure.unit.as_str(), "" | "1") { String::new() } else { format!("_{}", folder(&measure.unit)) };
    let on = if measure.on.is_empty() { String::new() } else { format!("/{}", measure.on) };
    format!("{}{unit}{on}", measure.name)
}

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    key(out, field, 1);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn record(out: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked(data).to_le_bytes());
}

/// A checksum that stays one when it is part of what is summed (tensorflow/core/lib/hash/crc32c.h).
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's CRC (RFC 3720, appendix B.4), a bit at a time: there is little to sum.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4; the check value of the catalogue of CRCs.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn names_stay_inside_the_folder() {
        assert_eq!(folder("fa, 0.1"), "fa__0.1");
        assert_eq!(folder(".."), "__");
        assert_eq!(folder("a/../b"), "a_.._b");
    }

    #[test]
    fn numbers_have_variable_length() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xac, 0x02]);
    }
}
