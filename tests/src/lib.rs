//! What whole-path tests share: visitors with real keys, the real `farthing` binary with data of
//! its own, real browsers, web sites made up for one test, and a network that loses answers.
//!
//! Everything a test starts ends with it, also when it panics: processes by their group, servers
//! with their tasks, folders with their guards. Nothing here sleeps for a guessed time: tests
//! wait for a condition ([`wait::until`]) and fail with its name.

pub mod actors;
pub mod books;
pub mod browser;
pub mod chance;
pub mod crowd;
pub mod daemon;
pub mod element;
pub mod engine;
pub mod go;
pub mod http;
pub mod independent;
pub mod inprocess;
pub mod ledger;
pub mod ports;
pub mod power;
pub mod process;
pub mod provider;
pub mod proxy;
pub mod site;
pub mod stock;
pub mod suspicion;
pub mod tiled;
pub mod wait;
pub mod wire;
pub mod witness;
pub mod world;
