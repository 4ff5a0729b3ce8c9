#![no_main]

#[path = "../bodies/choices.rs"]
#[allow(dead_code)] // each target needs a part of it
mod choices;
#[path = "../bodies/replies.rs"]
#[allow(dead_code)] // it makes replies here
mod replies;
#[path = "../bodies/conversion.rs"]
mod conversion;

libfuzzer_sys::fuzz_target!(|data: &[u8]| conversion::check(data));
