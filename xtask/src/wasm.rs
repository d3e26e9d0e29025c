//! `cargo xtask wasm`: from the crate and www/ to target/www, ready to be embedded and served.
//!
//! Each document has its own Wasm (cargo features `frame` and `wallet`), so that a visitor pays
//! for no code that the document does not run. Of all candidates the one that is smallest *after
//! brotli* is kept: wasm-opt often shrinks a small module and makes it compress worse.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::Tools;
use crate::{Outcome, site, sizes};

#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Use neither esbuild nor wasm-opt, as on a machine without npm; sizes are then not checked.
    #[arg(long)]
    plain: bool,
}

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the files and checks their sizes.
pub fn run(arguments: &Arguments) -> Outcome {
    let (rows, tools) = build(arguments)?;
    let within = sizes::report(&rows);
    if tools.esbuild.is_none() {
        println!("built without esbuild: sizes are larger than released ones and not checked");
        return Ok(());
    }
    within
}

/// Builds the files.
pub fn build(arguments: &Arguments) -> Result<(Vec<sizes::Row>, Tools), String> {
    let root = root();
    let target = target(&root);
    let tools = if arguments.plain {
        Tools { esbuild: None, wasm_opt: None }
    } else {
        Tools::find(&target)
    };
    add_target()?;
    // The smaller SHA-512 costs no time where two blocks are hashed; the wallet page has to solve
    // a proof of work and keeps the faster one.
    let compact = "--cfg=sha2_backend=\"soft\"\u{1f}--cfg=sha2_backend_soft=\"compact\"";
    let frame = module(&root, &target, &tools, "frame", compact)?;
    let wallet = module(&root, &target, &tools, "wallet", "--cfg=sha2_backend=\"soft\"")?.wasm;
    let proofs = proofs(&root, &target)?;
    // Not in the target folder that the environment may name: the verifier embeds this one.
    let modules = site::Modules { frame: &frame, wallet: &wallet, proofs: &proofs };
    let rows = site::write(&root, &root.join("target/www"), &tools, &modules)?;
    Ok((rows, tools))
}

/// The repository's root, which is where this crate's folder is.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The build folder.
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn add_target() -> Outcome {
    let Ok(list) = Command::new("rustup").args(["target", "list", "--installed"]).output() else {
        // A Rust without rustup (a distribution's) has the target or says so itself.
        return Ok(());
    };
    if String::from_utf8_lossy(&list.stdout).lines().any(|line| line == TARGET) {
        return Ok(());
    }
    let status = Command::new("rustup").args(["target", "add", TARGET]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("the target {TARGET} is missing; run: rustup target add {TARGET}")),
    }
}

/// The checker's module, which runs in workers, with the script that binds it to them.
/// A module whose functions may have letters for names, which tell a visitor nothing and are downloaded twice, in the
/// module and in the script.
pub struct Lettered {
    pub wasm: Vec<u8>,
    /// Name and letter.
    pub letters: Vec<(String, String)>,
}

pub struct Bound {
    pub wasm: Vec<u8>,
    pub script: String,
}

/// Builds the checker: as fast as it can be, with the whole binding, since no visitor waits for it.
fn proofs(root: &Path, target: &Path) -> Result<Bound, String> {
    // Wasm multiplies 32 bits to 64, and has no 64 to 128: the smaller field is twice as fast (decision 0010).
    // Its panics name their places, which must not name this machine's folders.
    let flags = [
        "--cfg=curve25519_dalek_bits=\"32\"".to_owned(),
        format!("--remap-path-prefix={}=crates", cargo_home().join("registry/src").display()),
        format!("--remap-path-prefix={}=farthing", root.display()),
    ];
    let flags = flags.join("\u{1f}");
    let built = compiled(root, target, &["farthing-proofs", "proofs"], &[], &flags)?;
    let output = wasm_bindgen_cli_support::Bindgen::new()
        .input_path(built.join("farthing_proofs.wasm"))
        .no_modules(true)
        .and_then(|bindgen| {
            bindgen
                .omit_default_module_path(true)
                .typescript(false)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate_output()
        })
        .map_err(|e| format!("wasm-bindgen: {e:#}"))?;
    let script = output.js().to_owned();
    let mut output = output;
    let wasm = output.wasm_mut().emit_wasm();
    tells_no_path(root, "proofs", &wasm)?;
    Ok(Bound { wasm, script })
}

fn cargo_home() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from)
}

/// Compiles a package to Wasm under a profile and gives the folder with what came out.
fn compiled(
    root: &Path,
    target: &Path,
    [package, profile]: &[&str; 2],
    features: &[&str],
    flags: &str,
) -> Result<PathBuf, String> {
    let folder = target.join("wasm").join(features.last().unwrap_or(profile));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["rustc", "--quiet", "--locked", "--lib", "--package", package])
        // Named here and not in Cargo.toml: beside an rlib, cargo leaves link-time optimisation out
        // without a word, and the module is twice as large.
        .args(["--crate-type", "cdylib"])
        .args(["--target", TARGET, "--profile", profile])
        .args(features)
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env_remove("RUSTFLAGS")
        .current_dir(root)
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if !status.success() {
        return Err(format!("building {package} {features:?} ended with {status}"));
    }
    Ok(folder.join(TARGET).join(profile))
}

fn module(
    root: &Path,
    target: &Path,
    tools: &Tools,
    feature: &str,
    flags: &str,
) -> Result<Lettered, String> {
    let features = ["--no-default-features", "--features", feature];
    let built = compiled(root, target, &["farthing-widget", "widget"], &features, flags)?;
    let built = built.join("farthing_widget.wasm");
    let folder = target.join("wasm").join(feature);
    let out = folder.join("bound");
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    // Tests of the wallet's module call its functions by their names.
    let Lettered { wasm, letters } = bound(&built, feature == "frame")?;
    let wasm = smallest(tools, &out, wasm)?;
    tells_no_path(root, feature, &wasm)?;
    Ok(Lettered { wasm, letters })
}

/// Runs wasm-bindgen over the built module and keeps nothing but our own functions: only numbers
/// cross the border, so that its glue, its table of objects and the memory itself are not for the
/// page to touch, and what only they reach is dropped.
fn bound(built: &Path, lettered: bool) -> Result<Lettered, String> {
    let mut output = wasm_bindgen_cli_support::Bindgen::new()
        .input_path(built)
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .omit_default_module_path(true)
                .typescript(false)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate_output()
        })
        .map_err(|e| format!("wasm-bindgen: {e:#}"))?;
    let module = output.wasm_mut();
    let theirs = module.exports.iter().filter(|export| {
        export.name.starts_with("__") || matches!(export.item, walrus::ExportItem::Memory(_))
    });
    let theirs: Vec<_> = theirs.map(walrus::Export::id).collect();
    for id in theirs {
        module.exports.delete(id);
    }
    module.start = None;
    walrus::passes::gc::run(module);
    if let Some(import) = module.imports.iter().next() {
        return Err(format!("the module imports {}.{}", import.module, import.name));
    }
    let mut letters = Vec::new();
    if lettered {
        let mut names: Vec<String> = module.exports.iter().map(|e| e.name.clone()).collect();
        names.sort();
        letters = names.into_iter().zip(('a'..='z').map(String::from)).collect();
        for export in module.exports.iter_mut() {
            let letter = letters.iter().find(|(name, _)| *name == export.name);
            let (_, letter) =
                letter.ok_or("the module has more functions than there are letters")?;
            export.name.clone_from(letter);
        }
    }
    Ok(Lettered { wasm: module.emit_wasm(), letters })
}

fn smallest(tools: &Tools, out: &Path, plain: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut best = plain;
    let Some(wasm_opt) = &tools.wasm_opt else { return Ok(best) };
    let input = out.join("bound.wasm");
    std::fs::write(&input, &best).map_err(|e| format!("{}: {e}", input.display()))?;
    // The levels for large modules; the single passes for small ones, which the levels unroll and
    // inline into something that is smaller but compresses worse.
    let recipes: [&[&str]; 5] = [
        &["-Oz"],
        &["-O3"],
        &["--dae-optimizing", "--vacuum", "--reorder-functions"],
        &["--rse", "--dae-optimizing", "--vacuum", "--reorder-functions"],
        &["--rse", "--memory-packing", "--vacuum", "--reorder-functions"],
    ];
    for (number, recipe) in recipes.iter().enumerate() {
        let output = out.join(format!("recipe{number}.wasm"));
        let status = Command::new(wasm_opt)
            .args(*recipe)
            .args(["--strip-debug", "--strip-producers", "--strip-target-features"])
            .args(["--enable-bulk-memory", "--enable-nontrapping-float-to-int"])
            .args(["--enable-sign-ext", "--enable-mutable-globals", "--enable-reference-types"])
            .args(["--enable-multivalue", "-o"])
            .args([&output, &input])
            .status();
        // A wasm-opt that does not know a flag (an old one in PATH) is no reason not to build.
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("note: wasm-opt {recipe:?} failed; keeping the module as it is");
            continue;
        }
        let candidate = std::fs::read(&output).map_err(|e| e.to_string())?;
        if sizes::brotli(&candidate).len() < sizes::brotli(&best).len() {
            best = candidate;
        }
    }
    Ok(best)
}

/// What is shipped must not tell where it was built: that is private, and differs by machine.
fn tells_no_path(root: &Path, feature: &str, wasm: &[u8]) -> Outcome {
    let mut secrets =
        vec![root.to_string_lossy().into_owned(), ".cargo".into(), "/registry/".into()];
    secrets.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1));
    for secret in secrets {
        if wasm.windows(secret.len()).any(|window| window == secret.as_bytes()) {
            return Err(format!("the {feature} module contains a local path ({secret})"));
        }
    }
    Ok(())
}
