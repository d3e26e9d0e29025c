#![no_main]

use farthing_fuzz::exact;
use farthing_shared::{Offer, SignedOffer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    exact(data, Offer::TAG, Offer::decode, Offer::encode);
    exact(data, Offer::TAG, SignedOffer::decode, SignedOffer::encode);
});
