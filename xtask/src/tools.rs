//! The tools that the build can use but does not need: esbuild and wasm-opt, from npm at fixed
//! versions, so that two machines that have npm build the same bytes. Without npm the build goes
//! on with what this crate can do itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;

const ESBUILD: &str = "esbuild@0.28.2";
const BINARYEN: &str = "binaryen@132.0.0";

/// Where the tools are, as far as there are any.
pub struct Tools {
    pub esbuild: Option<PathBuf>,
    pub wasm_opt: Option<PathBuf>,
}

impl Tools {
    /// Finds the tools, or fetches them once into `target/tools`.
    pub fn find(target: &Path) -> Self {
        let folder = target.join("tools");
        let bin = folder.join("node_modules/.bin");
        let (esbuild, wasm_opt) = (bin.join("esbuild"), bin.join("wasm-opt"));
        let wanted = format!("{ESBUILD} {BINARYEN}\n");
        let stamp = folder.join("versions");
        let fresh = std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted);
        if !fresh || !esbuild.exists() || !wasm_opt.exists() {
            match fetch(&folder) {
                Ok(()) => drop(std::fs::write(&stamp, wanted)),
                Err(why) => {
                    eprintln!("note: building without esbuild and wasm-opt from npm: {why}");
                }
            }
        }
        let found = |path: PathBuf| path.exists().then_some(path);
        Self { esbuild: found(esbuild), wasm_opt: found(wasm_opt).or_else(on_path) }
    }
}

fn fetch(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let status = Command::new("npm")
        .args(["install", "--no-save", "--no-audit", "--no-fund", "--silent", "--prefix"])
        .arg(folder)
        .args([ESBUILD, BINARYEN])
        .stdin(Stdio::null())
        .status()
        .map_err(|e| format!("npm: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("npm ended with {status}")) }
}

fn on_path() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join("wasm-opt")).find(|path| path.exists())
}

/// Runs a command that reads `input` and gives back what it prints.
pub fn pipe(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Write;
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{name}: {e}"))?;
    let mut stdin = child.stdin.take().ok_or_else(|| format!("{name}: no input"))?;
    let input = input.to_vec();
    // A thread of its own: a tool that writes before it has read everything would wait for ever.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().map_err(|e| format!("{name}: {e}"))?;
    let written = writer.join().map_err(|_| format!("{name}: writer failed"))?;
    if !output.status.success() {
        return Err(format!("{name} ended with {}", output.status));
    }
    written.map_err(|e| format!("{name}: {e}"))?;
    Ok(output.stdout)
}
