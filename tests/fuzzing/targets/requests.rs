#![no_main]

#[path = "../bodies/choices.rs"]
#[allow(dead_code)] // each target needs a part of it
mod choices;
#[path = "../bodies/requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|data: &[u8]| requests::check(data));
