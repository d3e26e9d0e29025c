#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Access, SignedAccess};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Access::TAG, Access::decode, Access::encode);
    exact(data, Access::TAG, SignedAccess::decode, SignedAccess::encode);
});
