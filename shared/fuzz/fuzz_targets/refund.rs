#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Refund, SignedRefund};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Refund::TAG, Refund::decode, Refund::encode);
    exact(data, Refund::TAG, SignedRefund::decode, SignedRefund::encode);
});
