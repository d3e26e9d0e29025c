#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Rotation, SignedRotation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Rotation::TAG, Rotation::decode, Rotation::encode);
    exact(data, Rotation::TAG, SignedRotation::decode, SignedRotation::encode);
});
