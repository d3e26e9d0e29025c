#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Permission, SignedPermission};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Permission::TAG, Permission::decode, Permission::encode);
    exact(data, Permission::TAG, SignedPermission::decode, SignedPermission::encode);
});
