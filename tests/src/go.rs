//! A log read by the Go team's own packages, `sumdb/note` and `sumdb/tlog` (`tests/go/main.go`).

use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding};
use tempfile::TempDir;

/// The reader, compiled.
pub struct GoReader {
    folder: TempDir,
}

impl GoReader {
    /// Compiles it; `None` where `FARTHING_SKIP_GO` leaves it out.
    ///
    /// # Panics
    /// Where Go or its packages are missing.
    #[must_use]
    pub fn compiled() -> Option<Self> {
        if std::env::var_os("FARTHING_SKIP_GO").is_some() {
            return None;
        }
        let gopath = go_path().expect(
            "it needs Go: apt-get install golang-go golang-golang-x-mod-dev (`cargo xtask test` does it where \
             it may), or set FARTHING_SKIP_GO=1 to leave this out",
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = include_str!("../tests/go/main.go");
        std::fs::write(folder.path().join("main.go"), source).expect("a file");
        let built = Command::new("go")
            .args(["build", "-o", "check", "main.go"])
            .env("GO111MODULE", "off")
            .env("GOPATH", &gopath)
            .env("GOCACHE", cache())
            .current_dir(folder.path())
            .output()
            .expect("go can be run");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Some(Self { folder })
    }

    /// Checks a log of numbers in a folder under a checkpoint.
    ///
    /// # Errors
    /// What Go says.
    pub fn numbers(&self, folder: &Path, key: &str, note: &Path) -> Result<(), String> {
        self.run(folder, key, note, &[]).map(drop)
    }

    /// Checks that each of these leaves stands in the folder's log at its place, from 0, and that the log
    /// begins with each of the checkpoints shown earlier.
    ///
    /// # Errors
    /// What Go says.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    pub fn holds<'a>(
        &self,
        folder: &Path,
        key: &str,
        leaves: &[(u64, Vec<u8>)],
        shown: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), String> {
        let list: String = leaves
            .iter()
            .map(|(place, leaf)| format!("{place} {}\n", Base64::encode_string(leaf)))
            .collect();
        let write = |name: String, bytes: &[u8]| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, bytes).expect("a file");
            path
        };
        let mut files = vec![write("leaves".into(), list.as_bytes())];
        files.extend(shown.enumerate().map(|(at, note)| write(format!("shown-{at}"), note)));
        let said = self.run(folder, key, &folder.join("checkpoint"), &files)?;
        if said.trim() == leaves.len().to_string() {
            Ok(())
        } else {
            Err(format!("it checked {said} leaves of {}", leaves.len()))
        }
    }

    fn run(
        &self,
        folder: &Path,
        key: &str,
        note: &Path,
        files: &[PathBuf],
    ) -> Result<String, String> {
        let output = Command::new(self.folder.path().join("check"))
            .arg(folder)
            .arg(key)
            .arg(note)
            .args(files)
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

/// Go compiles its library once for all tests and keeps it beside them.
fn cache() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    test.ancestors().nth(2).unwrap_or(Path::new("/")).join("go-cache")
}

fn go_path() -> Option<String> {
    let listed = Command::new("dpkg").args(["-L", "golang-golang-x-mod-dev"]).output();
    let listed = String::from_utf8(listed.ok()?.stdout).ok()?;
    let path = listed.lines().find_map(|line| line.strip_suffix("/src"))?.to_owned();
    Command::new("go").arg("version").output().ok()?;
    Some(path)
}
