#![no_main]

#[path = "../bodies/choices.rs"]
#[allow(dead_code)] // each target needs a part of it
mod choices;
#[path = "../bodies/replies.rs"]
mod replies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| replies::check(data));
