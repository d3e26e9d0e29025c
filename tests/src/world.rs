//! One browser test: a provider, a browser, and what is left behind when it fails.

use std::future::Future;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use crate::browser::{Browser, KEEP_ROOTS};
use crate::engine::{Engine, Setting};
use crate::provider::Provider;
use crate::wait::past_midnight;

/// Several times what the slowest test takes on a loaded machine.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// What a browser test works with.
pub struct World {
    /// The provider.
    pub provider: Provider,
    /// The browser, in an empty tab.
    pub browser: Browser,
}

/// Runs one test in Chromium, in a world of its own.
///
/// # Panics
/// As [`engine_test`] does.
pub fn browser_test<Body, Run>(name: &str, body: Body)
where
    Body: FnOnce(Rc<World>) -> Run + 'static,
    Run: Future<Output = ()> + 'static,
{
    engine_test(Engine::Chromium, name, body);
}

/// Runs one test in one engine, in a world of its own. When it fails, every window is photographed into
/// `artefacts/` and consoles and verifier are printed before the failure is passed on.
///
/// # Panics
/// When the test fails, and when there is no such browser: a test that cannot run must not look like one
/// that passed.
pub fn engine_test<Body, Run>(engine: Engine, name: &str, body: Body)
where
    Body: FnOnce(Rc<World>) -> Run + 'static,
    Run: Future<Output = ()> + 'static,
{
    engine_test_with(engine, Setting::Usual, name, body);
}

/// The same in a browser whose owner has set it so.
///
/// # Panics
/// As [`engine_test`] does.
pub fn engine_test_with<Body, Run>(engine: Engine, setting: Setting, name: &str, body: Body)
where
    Body: FnOnce(Rc<World>) -> Run + 'static,
    Run: Future<Output = ()> + 'static,
{
    if engine.is_left_out(name) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        past_midnight(HANGS_AFTER).await;
        let provider = Provider::start().await;
        if engine != Engine::Chromium {
            provider.proxy.precede("/v1.js", KEEP_ROOTS);
        }
        let browser = Browser::start_with(engine, setting).await;
        let world = Rc::new(World { provider, browser });
        let test = tokio::task::spawn_local(body(Rc::clone(&world)));
        // A driver that hangs answers no command at all, so that no wait inside the test ends.
        let outcome = match tokio::time::timeout(HANGS_AFTER, test).await {
            Ok(outcome) => outcome,
            Err(_) => panic!("{engine} hangs\n{}", world.browser.output()),
        };
        if let Err(error) = outcome {
            let _ = tokio::time::timeout(HANGS_AFTER, leave_traces(name, &world)).await;
            std::panic::resume_unwind(error.into_panic());
        }
        if let Ok(world) = Rc::try_unwrap(world) {
            world.browser.close().await;
        }
    });
}

/// Makes each of these bodies a test in each engine: `chromium::first_payment`, `firefox::first_payment` …
#[macro_export]
macro_rules! in_every_engine {
    ($($test:ident)*) => {
        $crate::in_engine! { chromium Chromium $($test)* }
        $crate::in_engine! { firefox Firefox $($test)* }
        $crate::in_engine! { webkit WebKit $($test)* }
    };
}

/// Makes each of these bodies a test in one engine.
#[macro_export]
macro_rules! in_engine {
    ($module:ident $engine:ident $($test:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    let engine = $crate::engine::Engine::$engine;
                    $crate::world::engine_test(engine, stringify!($test), super::$test);
                }
            )*
        }
    };
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
    if world.browser.engine != Engine::Chromium {
        let _ = writeln!(errors, "browser:\n{}", world.browser.output());
    }
    let _ = writeln!(errors, "verifier:\n{}", world.provider.output());
}
