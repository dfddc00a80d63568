//! Tells the engine where libtorch lies relative to itself, so that it starts from any folder and wherever the
//! repository is moved.

use std::env;
use std::path::{Component, Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=TRINE_LIBTORCH={}", libtorch());
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // Of this package's direct dependency torch-sys.
    let Some(libraries) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    let Ok(libraries) = std::path::absolute(libraries) else { return };
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    // OUT_DIR is PROFILE/build/trine-HASH/out; programs lie in PROFILE, their tests in PROFILE/deps.
    let Some(profile) = out.ancestors().nth(3) else { return };
    for folder in [profile.to_path_buf(), profile.join("deps")] {
        let path = relative(&folder, &libraries);
        println!("cargo:rustc-link-arg-bin=trine-engine=-Wl,-rpath,$ORIGIN/{}", path.display());
        println!("cargo:rustc-link-arg-tests=-Wl,-rpath,$ORIGIN/{}", path.display());
    }
}

/// The version of libtorch that the locked tch asks for.
fn libtorch() -> &'static str {
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    if lock.contains("name = \"tch\"\nversion = \"0.24") { "2.11.0" } else { "2.13.0" }
}

/// The way from one absolute folder to another.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let from: Vec<Component> = from.components().collect();
    let to: Vec<Component> = to.components().collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    up.chain(to[shared..].iter().copied()).collect()
}
