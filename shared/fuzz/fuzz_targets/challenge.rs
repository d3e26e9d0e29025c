#![no_main]

use farthing_fuzz::exact;
use farthing_shared::Challenge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| exact(data, b"", Challenge::decode, Challenge::encode));
