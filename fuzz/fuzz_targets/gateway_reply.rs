#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aluvia_engine::fuzzing::gateway_reply(data));
