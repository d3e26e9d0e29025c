//! What visitors and creators wait for in a real browser, on loopback: `cargo xtask bench --browser`.
//!
//! * From a click to "paid", for a payment after the first, in each engine.
//! * What the loader takes of the main thread of the creator's page, in Chromium.
//! * What Lighthouse says of the demo magazine's page with the tag and without it, in Chromium.
//!
//! Figures of two machines cannot be compared, so the engines stand beside each other as ratios. Nothing here runs in the
//! tests: whoever shares the processor with others measures the others.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line that prints statistics"
)]

use std::path::Path;
use std::process::{Command, ExitCode};

use farthing_tests::browser::{Browser, KEEP_ROOTS};
use farthing_tests::engine::{Engine, Setting};
use farthing_tests::http;
use farthing_tests::provider::Provider;
use farthing_tests::site::{Page, Site};
use farthing_tests::wait::until;
use serde_json::{Value, json};

/// Payments after the first in each engine; odd, so that one is in the middle.
const PAYMENTS: usize = 21;
/// Loads of a page, and runs of Lighthouse on each of two.
const LOADS: usize = 5;
const LIGHTHOUSE_RUNS: usize = 3;
/// What must hold: from a click to "paid", the main thread in all, and Lighthouse's points.
const PAID_MS_MAX: f64 = 50.0;
const LOADER_MS_MAX: f64 = 5.0;
const POINTS_MAX: f64 = 1.0;
/// Set by `cargo xtask bench`: Lighthouse's script, where it could be had.
const LIGHTHOUSE: &str = "FARTHING_LIGHTHOUSE";

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if runtime.block_on(measure()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// False when something does not hold.
async fn measure() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average before: {load}");
    let mut holds = true;
    let mut chromium = f64::NAN;
    for engine in Engine::ALL {
        if engine.is_left_out("from a click to paid") {
            continue;
        }
        let took = click_to_paid(engine).await;
        let (middle, late) = (middle(&took), took[took.len() - 2]);
        let more = match engine {
            Engine::Chromium => {
                chromium = middle;
                verdict(middle, PAID_MS_MAX, "ms", &mut holds)
            }
            _ => format!("{:.2} times Chromium's", middle / chromium),
        };
        println!(
            "click to paid, {engine}: p50 {middle:.1} ms, second longest of {PAYMENTS} {late:.1} ms; {more}"
        );
    }
    if !Engine::Chromium.is_left_out("the loader, Lighthouse") {
        loader(&mut holds).await;
        lighthouse(&mut holds).await;
    }
    holds
}

fn verdict(value: f64, most: f64, unit: &str, holds: &mut bool) -> String {
    *holds &= value <= most;
    let word = if value <= most { "pass" } else { "ABOVE" };
    format!("at most {most} {unit}: {word}")
}

/// The middle of sorted figures.
fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}

const DONATE: &str = "farthing-donate";

/// Milliseconds from a click, as the browser dates it, to the frame's word of thanks, for payments after the first.
async fn click_to_paid(engine: Engine) -> Vec<f64> {
    let provider = Provider::start_direct().await;
    let browser = Browser::start(engine).await;
    let site = Site::start("bench").await;
    let creator = provider.creator("Bench", &site.origin).await;
    let body = "<farthing-donate amount=\"0.01\">Give</farthing-donate>";
    let mut page = Page::with_tag(&provider.origin, &creator.id, body);
    page.html =
        page.html.replace("<script async", &format!("<script>{KEEP_ROOTS}</script><script async"));
    browser.open(&site.put("/", page)).await;
    browser.pay_first(DONATE).await;
    browser.enter(DONATE).await;
    browser.text("p[role=status]", |text| text.contains("Thank you")).await;
    let watch = "window.took = [];
        let at = 0;
        addEventListener('click', (event) => (at = event.timeStamp), true);
        new MutationObserver(() => {
          if (!at || document.documentElement.dataset.state != 'ready') return;
          if (!document.querySelector('p').textContent.includes('Thank you')) return;
          took.push(performance.now() - at);
          at = 0;
        }).observe(document.documentElement, { attributes: true, attributeFilter: ['data-state'] });";
    browser.script(watch, Vec::new()).await;
    // The first few warm everything up.
    let warm = 3;
    let mut took = Vec::new();
    for count in 1..=PAYMENTS + warm {
        let button = browser.see("button").await;
        browser.press(&button).await;
        took = until("it is paid", async || {
            let took = browser.script("return took", Vec::new()).await;
            let took: Vec<f64> = took.as_array()?.iter().filter_map(Value::as_f64).collect();
            (took.len() == count).then_some(took)
        })
        .await;
    }
    browser.leave().await;
    browser.close().await;
    sorted(took.split_off(warm))
}

/// What the tag takes of the main thread of a creator's page, with one element in view and with three, and what as many plain
/// frames of the same address take that a script puts there.
async fn loader(holds: &mut bool) {
    let provider = Provider::start_direct().await;
    let site = Site::start("bench").await;
    let creator = provider.creator("Bench", &site.origin).await;
    provider.price(&creator, "one", "One", "0.05").await;
    let watch = "<script>window.late = []; new PerformanceObserver((list) => {
            for (const { duration } of list.getEntries()) late.push(duration);
          }).observe({ type: 'longtask', buffered: true });</script>";
    let pay = "<farthing-pay item=\"one\"><a>Pay</a></farthing-pay>";
    let gate = "<farthing-gate item=\"one\" sealed=\"AAAA\"><a>Pay</a></farthing-gate>";
    let donate = "<farthing-donate amount=\"1.00\"><a>Give</a></farthing-donate>";
    let tag = format!("{}{LOADER}", provider.origin);
    for (what, elements) in
        [("one element", pay.to_owned()), ("three", [pay, gate, donate].concat())]
    {
        let address = site.put("/", Page::of(&format!("{watch}{elements}")));
        let (mut runs, mut plain, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..LOADS {
            let (trace, tasks) = loaded(&address, &tag, &creator.id, TAKEN_PLACE).await;
            runs.push(Taken::by(&trace, LOADER));
            late.extend(tasks);
            let frames = plain_frames(&provider.origin);
            let (trace, _) = loaded(&address, &frames, &creator.id, PLAIN_LOADED).await;
            plain.push(Taken::by(&trace, PLAIN).in_all);
        }
        let figures = |figure: fn(&Taken) -> f64| sorted(runs.iter().map(figure).collect());
        let in_all = figures(|taken| taken.in_all);
        let (of_all, of_plain) = (middle(&in_all), middle(&sorted(plain)));
        println!(
            "main thread taken by the loader, {what} in view: p50 {of_all:.2} ms in all, most of {LOADS} loads {:.2} ms; plain frames take {of_plain:.2} ms of that, the loader's own are {:.2} ms; {}",
            in_all.last().copied().unwrap_or(f64::NAN),
            of_all - of_plain,
            match elements.as_str() == pay {
                true => verdict(of_all, LOADER_MS_MAX, "ms in all", holds),
                false => verdict(of_all - of_plain, LOADER_MS_MAX, "ms of its own", holds),
            }
        );
        // As Lighthouse counts: what a task takes beyond 50 ms.
        let beyond = late.iter().fold(0.0, |sum, task| sum + task - 50.0);
        println!(
            "  of that in one go: p50 {:.2} ms; by the clock, with what the frames' own process takes of the same processors: p50 {:.2} ms; tasks of the page above 50 ms in {LOADS} loads: {}, {beyond:.0} ms of them beyond that",
            middle(&figures(|taken| taken.longest)),
            middle(&figures(|taken| taken.by_the_clock)),
            late.len()
        );
    }
}

/// How the addresses of the two scripts end.
const LOADER: &str = "/v1.js";
const PLAIN: &str = "//plain.js";
/// Whether each element has its button, which takes the place of what stood there.
const TAKEN_PLACE: &str =
    "return ![...document.querySelectorAll('a')].some((a) => a.checkVisibility())";
const PLAIN_LOADED: &str = "return window.loaded == document.querySelectorAll('iframe').length";

/// A script that puts a frame with the provider's page into each element, and nothing else.
fn plain_frames(provider: &str) -> String {
    format!(
        "data:text/javascript,window.loaded=0;for(const element of document.querySelectorAll('farthing-pay,farthing-gate,farthing-donate')){{const frame=document.createElement('iframe');frame.onload=()=>loaded++;frame.src='{provider}/w/frame?lang=en';element.append(frame)}}{PLAIN}"
    )
}

/// Opens the page, adds the script to it, and waits until `is_done` says so: what the browser's threads did, and the tasks
/// of the page that took more than 50 ms.
async fn loaded(
    address: &str,
    script: &str,
    creator: &str,
    is_done: &str,
) -> (Vec<Value>, Vec<f64>) {
    // A browser of its own each time: nothing is compiled or cached yet.
    let browser = Browser::start_bare(Engine::Chromium, Setting::Traced).await;
    browser.open(address).await;
    let add = "const [source, creator] = arguments;
        const script = document.createElement('script');
        script.src = source;
        script.dataset.creator = creator;
        document.head.append(script);";
    browser.script(add, vec![json!(script), json!(creator)]).await;
    until("each element has its button", async || {
        (browser.script(is_done, Vec::new()).await == json!(true)).then_some(())
    })
    .await;
    let late = browser.script("return late", Vec::new()).await;
    let late = late.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    (browser.close_traced().await, late)
}

/// Milliseconds of the page's main thread within a script: evaluating it, its callbacks, and all that the browser does in
/// them (frames that are made, styles and places that are computed).
#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    /// Processor time of that thread: what it would take had the browser's other processes processors of their own.
    in_all: f64,
    /// The same, in the longest of these calls.
    longest: f64,
    /// From the beginning of each call to its end.
    by_the_clock: f64,
}

impl Taken {
    /// Of the script whose address ends so. The outermost calls count, with all that is inside.
    fn by(trace: &[Value], end: &str) -> Self {
        let number = |event: &Value, name: &str| event[name].as_f64().unwrap_or_default();
        let is_ours = |event: &&Value| {
            let url = event["args"]["data"]["url"].as_str().unwrap_or_default();
            matches!(event["name"].as_str(), Some("EvaluateScript" | "FunctionCall"))
                && event["ph"] == "X"
                && url.ends_with(end)
        };
        let mut calls: Vec<&Value> = trace.iter().filter(is_ours).collect();
        calls.sort_by(|a, b| {
            let ends = number(b, "dur").total_cmp(&number(a, "dur"));
            number(a, "ts").total_cmp(&number(b, "ts")).then(ends)
        });
        let (mut taken, mut until) = (Self::default(), 0.0);
        for call in calls {
            let (begin, clock) = (number(call, "ts"), number(call, "dur"));
            if begin < until {
                continue;
            }
            until = begin + clock;
            let processor = number(call, "tdur") / 1e3;
            taken.in_all += processor;
            taken.longest = taken.longest.max(processor);
            taken.by_the_clock += clock / 1e3;
        }
        assert!(taken.in_all > 0.0, "the trace has nothing of {end}");
        taken
    }
}

/// Lighthouse's four scores of the demo magazine's first page, with the tag and without, in turns.
async fn lighthouse(holds: &mut bool) {
    let Some(script) = std::env::var_os(LIGHTHOUSE) else {
        println!("LEFT OUT: Lighthouse, which needs npm");
        return;
    };
    let programs = Engine::Chromium.find_programs().unwrap_or_else(|line| panic!("{line}"));
    let provider = Provider::start_direct().await;
    let site = Site::start("bench").await;
    let creator = provider.magazine_creator().await;
    let sites = ["--site", &provider.magazine, "--site", &site.origin];
    provider.command(&[&["creator", "edit", &creator.id], &sites[..]].concat()).await;
    let (host, path) = (provider.magazine.trim_start_matches("http://").to_owned(), "/");
    let port = host.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let answer = http::request(address, &host, "GET", path, &[], None).await.expect("the magazine");
    let html = String::from_utf8(answer.body).expect("a page");
    // The same page from another place: pictures and styles stay where they are.
    let base = format!("<head><base href=\"{}/\">", provider.magazine);
    let with = html.replace("<head>", &base);
    let tag = with.lines().find(|line| line.contains("/v1.js")).expect("the tag").to_owned();
    let without = with.replace(&tag, "");
    let pages = [("with", with), ("without", without)].map(|(name, html)| {
        let page = Page { headers: Vec::new(), html };
        (name, site.put(&format!("/{name}"), page))
    });
    let mut scores: [Vec<Vec<f64>>; 2] = [vec![Vec::new(); 4], vec![Vec::new(); 4]];
    for _ in 0..LIGHTHOUSE_RUNS {
        for (which, (name, address)) in pages.iter().enumerate() {
            match audited(Path::new(&script), &programs.browser, address) {
                Ok(points) => {
                    for (all, points) in scores[which].iter_mut().zip(points) {
                        all.push(points);
                    }
                }
                Err(why) => {
                    eprintln!("error: Lighthouse, the page {name} the tag: {why}");
                    *holds = false;
                    return;
                }
            }
        }
    }
    for (place, category) in CATEGORIES.iter().enumerate() {
        let [with, without] = [0, 1].map(|which| middle(&sorted(scores[which][place].clone())));
        let verdict = verdict((with - without).abs(), POINTS_MAX, "apart", holds);
        println!("Lighthouse, {category}: {with:.0} with the tag, {without:.0} without; {verdict}");
    }
}

const CATEGORIES: [&str; 4] = ["performance", "accessibility", "best-practices", "seo"];

/// One run: a score from 0 to 100 in each category.
fn audited(script: &Path, browser: &Path, address: &str) -> Result<Vec<f64>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let flags = format!(
        "--chrome-flags=--headless --no-sandbox --disable-gpu --no-first-run --user-data-dir={}",
        folder.path().display()
    );
    let output = Command::new("node")
        .arg(script)
        .args([address, "--quiet", "--output=json", "--no-enable-error-reporting", &flags])
        .arg(format!("--only-categories={}", CATEGORIES.join(",")))
        .env("CHROME_PATH", browser)
        .env("HOME", folder.path())
        .output()
        .map_err(|error| format!("node: {error}"))?;
    let told: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let score = |category: &&str| {
        let score = told["categories"][*category]["score"].as_f64();
        score.map(|score| score * 100.0).ok_or_else(|| format!("no score of {category}"))
    };
    CATEGORIES.iter().map(score).collect()
}
