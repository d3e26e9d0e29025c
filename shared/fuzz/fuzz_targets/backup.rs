#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Backup, SignedBackup};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Backup::TAG, Backup::decode, Backup::encode);
    exact(data, Backup::TAG, SignedBackup::decode, SignedBackup::encode);
});
