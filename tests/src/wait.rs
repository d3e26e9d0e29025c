//! Waiting for a condition instead of for a time.

use std::time::Duration;

use farthing_shared::time::DAY_MS;
use farthing_verifier::clock::Clock;

/// Long enough for a loaded machine with two cores; a test that passes never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(40);

/// Asks `look` again and again until it answers something.
///
/// # Panics
/// When nothing came within [`PATIENCE`]; the message names what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => panic!("waited {} s in vain: {what}", PATIENCE.as_secs()),
    }
}

/// Waits past a midnight (UTC) that is nearer than `margin`: a test that it cuts in two would find the sum of the day, or of
/// the month, gone.
pub async fn past_midnight(margin: Duration) {
    let left = || Duration::from_millis(DAY_MS - Clock::System.now().0 % DAY_MS);
    while left() < margin {
        tokio::time::sleep(left()).await;
    }
}
