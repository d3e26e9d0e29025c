#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Budget, SignedBudget};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Budget::TAG, Budget::decode, Budget::encode);
    exact(data, Budget::TAG, SignedBudget::decode, SignedBudget::encode);
});
