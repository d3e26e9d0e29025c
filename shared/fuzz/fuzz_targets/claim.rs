#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Claim, SignedClaim};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Claim::TAG, Claim::decode, Claim::encode);
    exact(data, Claim::TAG, SignedClaim::decode, SignedClaim::encode);
});
