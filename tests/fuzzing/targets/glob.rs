#![no_main]

#[path = "../bodies/choices.rs"]
#[allow(dead_code)] // each target needs a part of it
mod choices;
#[path = "../bodies/glob.rs"]
mod glob;

libfuzzer_sys::fuzz_target!(|data: &[u8]| glob::check(data));
