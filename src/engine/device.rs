//! The device that a job runs on.
//!
//! The engine is linked to the CPU's part of libtorch alone; the CUDA part, which takes seconds and gigabytes to load,
//! is loaded when a job asks for it.

use std::ffi::{c_char, c_int, c_void};
use tch::Device;

/// `cpu`, `cuda`, or `cuda:1`; else what is wrong.
pub fn find(name: &str) -> Result<Device, String> {
    if matches!(name, "" | "cpu") {
        return Ok(Device::Cpu);
    }
    let number = name.strip_prefix("cuda").map(|rest| rest.trim_start_matches(':'));
    let number = number.and_then(|text| if text.is_empty() { Some(0) } else { text.parse::<usize>().ok() });
    let Some(number) = number else {
        return Err(format!("`{name}` is not a device: say `cpu`, `cuda` or `cuda:0`"));
    };
    if !load_cuda() {
        return Err("this libtorch has no CUDA: set it up with `make setup CUDA=1`".to_string());
    }
    let count = tch::Cuda::device_count();
    if !tch::Cuda::is_available() || number as i64 >= count {
        return Err(format!("there is no device `{name}`: libtorch finds {count} here"));
    }
    Ok(Device::Cuda(number))
}

/// Loads libtorch's CUDA part, which makes itself known to the rest as it is loaded.
fn load_cuda() -> bool {
    unsafe extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    }
    const NOW: c_int = 2;
    const GLOBAL: c_int = 0x100;
    // SAFETY: the name ends in a zero; the library stays loaded, and comes from the same wheel as the rest.
    let library = unsafe { dlopen(c"libtorch_cuda.so".as_ptr(), NOW | GLOBAL) };
    !library.is_null()
}
