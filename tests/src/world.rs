//! One browser test: a provider, a browser, and what is left behind when it fails.

use std::future::Future;
use std::io::Write;
use std::rc::Rc;

use crate::browser::{Browser, find_programs};
use crate::provider::Provider;

/// What a browser test works with.
pub struct World {
    /// The provider.
    pub provider: Provider,
    /// The browser, in an empty tab.
    pub browser: Browser,
}

/// Runs one browser test in a world of its own. When it fails, every window is photographed into
/// `artefacts/` and consoles and verifier are printed before the failure is passed on.
///
/// # Panics
/// When the test fails, and when there is no browser: a test that cannot run must not look like one that passed.
pub fn browser_test<Body, Run>(name: &str, body: Body)
where
    Body: FnOnce(Rc<World>) -> Run + 'static,
    Run: Future<Output = ()> + 'static,
{
    if is_left_out(name) {
        return;
    }
    let (chromium, driver) = find_programs().unwrap_or_else(|line| panic!("{line}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let provider = Provider::start().await;
        let browser = Browser::start(&chromium, &driver).await;
        let world = Rc::new(World { provider, browser });
        let outcome = tokio::task::spawn_local(body(Rc::clone(&world))).await;
        if let Err(error) = outcome {
            leave_traces(name, &world).await;
            std::panic::resume_unwind(error.into_panic());
        }
        if let Ok(world) = Rc::try_unwrap(world) {
            world.browser.close().await;
        }
    });
}

/// Whether browser tests are to be left out. Says so past the test runner's capture, which would
/// keep the words of a test that passes.
#[must_use]
pub fn is_left_out(name: &str) -> bool {
    let is_left_out = std::env::var_os("FARTHING_SKIP_BROWSER").is_some_and(|value| value == "1");
    if is_left_out {
        let _ = writeln!(std::io::stderr(), "SKIPPED (FARTHING_SKIP_BROWSER=1): {name}");
    }
    is_left_out
}

async fn leave_traces(name: &str, world: &World) {
    let mut errors = std::io::stderr();
    for (number, window) in world.browser.windows().await.iter().enumerate() {
        world.browser.go_to(window).await;
        let address = world.browser.client.current_url().await;
        let _ = writeln!(errors, "window {number}: {address:?}");
        world.browser.picture(&format!("failed-{name}-{number}")).await;
    }
    for line in world.browser.console().await {
        let _ = writeln!(errors, "console: {line}");
    }
    let _ = writeln!(errors, "verifier:\n{}", world.provider.output());
}
