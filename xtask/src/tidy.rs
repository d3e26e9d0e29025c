//! `cargo xtask tidy`: rules of STYLE.md and ARCHITECTURE.md that a machine can check.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, wasm};

/// Lines after which a source file must be split. Tests may be as long as their rows.
const LINES_MAX: usize = 650;

/// A folder, a word that must not stand in it, and what to do instead.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("shared/src", "std::", "shared is no_std: use core or alloc"),
    ("verifier/rules/src", "std::", "rules are no_std: use core or alloc"),
    ("verifier/rules/src", "rusqlite", "rules do no I/O: the store reads and writes"),
    ("verifier/rules/src", "f64", "money is never a float"),
    ("shared/src", "f64", "money is never a float"),
    ("verifier/src/store", "axum", "a store knows nothing of HTTP"),
    ("verifier/src/http", "rusqlite", "HTTP reads through the store's Reader"),
    ("widget/src/frame", "web_sys", "only widget/src/browser knows the browser"),
    ("widget/src/wallet", "web_sys", "only widget/src/browser knows the browser"),
    ("www", "innerHTML", "build elements instead: creators' policies forbid it"),
    ("", "todo!(", "finish it or leave it out"),
    ("", "unimplemented!(", "finish it or leave it out"),
];

/// A module is named for what it owns.
const NAMES: [&str; 4] = ["utils.rs", "util.rs", "helpers.rs", "common.rs"];

pub fn run() -> Outcome {
    let root = wasm::root();
    let mut faults = Vec::new();
    for path in sources(&root)? {
        let name = path.to_string_lossy().into_owned();
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else { continue };
        check_file(&name, &text, &mut faults);
    }
    check_map(&root, &mut faults)?;
    check_versions(&root, &mut faults)?;
    if faults.is_empty() {
        println!("tidy: nothing to say");
        return Ok(());
    }
    Err(format!("tidy:\n  {}", faults.join("\n  ")))
}

fn sources(root: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let endings = ["rs", "js", "css", "html", "toml"];
    Ok(String::from_utf8_lossy(&listed.stdout)
        .lines()
        .map(PathBuf::from)
        .filter(|path| path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)))
        .collect())
}

fn check_file(name: &str, text: &str, faults: &mut Vec<String>) {
    if name == "xtask/src/tidy.rs" {
        return;
    }
    let file = name.rsplit('/').next().unwrap_or(name);
    if NAMES.contains(&file) {
        faults.push(format!("{name}: name the module for what it owns"));
    }
    let is_test =
        name.contains("/tests/") || name.starts_with("tests/") || name.ends_with("tests.rs");
    if name.ends_with(".rs") && !is_test && text.lines().count() > LINES_MAX {
        faults.push(format!("{name}: more than {LINES_MAX} lines; split it by what it owns"));
    }
    for (folder, word, instead) in FORBIDDEN {
        if !name.starts_with(folder) {
            continue;
        }
        let found = text.lines().position(|line| {
            let code = line.trim_start();
            code.contains(word) && !code.starts_with("//") && !code.starts_with('*')
        });
        if let Some(line) = found {
            faults.push(format!("{name}:{}: {word} is not for here: {instead}", line + 1));
        }
    }
}

/// Each crate and web folder has its line in ARCHITECTURE.md.
fn check_map(root: &Path, faults: &mut Vec<String>) -> Outcome {
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md"))
        .map_err(|error| format!("ARCHITECTURE.md: {error}"))?;
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))
        .map_err(|error| format!("Cargo.toml: {error}"))?;
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap_or_default();
    for member in members.split('"').skip(1).step_by(2) {
        if !map.contains(&format!("`{member}")) {
            faults.push(format!("ARCHITECTURE.md does not mention `{member}`"));
        }
    }
    Ok(())
}

/// The bindings generator must be of the same version as the crate whose output it reads.
fn check_versions(root: &Path, faults: &mut Vec<String>) -> Outcome {
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))
        .map_err(|error| format!("Cargo.lock: {error}"))?;
    let version = |package: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
        rest.split('"').next().map(str::to_owned)
    };
    let (crate_, tool) = (version("wasm-bindgen"), version("wasm-bindgen-cli-support"));
    if crate_ != tool {
        faults.push(format!("wasm-bindgen is {crate_:?}, wasm-bindgen-cli-support {tool:?}"));
    }
    Ok(())
}
