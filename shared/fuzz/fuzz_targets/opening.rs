#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Opening, SignedOpening};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Opening::TAG, Opening::decode, Opening::encode);
    exact(data, Opening::TAG, SignedOpening::decode, SignedOpening::encode);
});
