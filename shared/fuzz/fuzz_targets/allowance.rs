#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Allowance, SignedAllowance};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Allowance::TAG, Allowance::decode, Allowance::encode);
    exact(data, Allowance::TAG, SignedAllowance::decode, SignedAllowance::encode);
});
