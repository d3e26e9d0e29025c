//! Makes scripts, styles and documents smaller: with esbuild where there is one, else by leaving out
//! indentation and whole-line comments, which is safe for any script without multi-line strings.

use std::process::Command;

use crate::tools::{Tools, pipe};

/// A script as one self-contained function.
pub fn script(tools: &Tools, source: &str) -> Result<String, String> {
    match &tools.esbuild {
        Some(esbuild) => {
            let mut command = Command::new(esbuild);
            // As a bundle, esbuild drops what the glue offers and nobody calls.
            command.args([
                "--bundle",
                "--minify",
                "--format=iife",
                "--target=es2022",
                "--charset=utf8",
            ]);
            // What is fetched when it is asked for stays where it is.
            command.arg("--external:/a/*");
            command.args(["--loader=js", "--log-level=warning", "--legal-comments=none"]);
            text(pipe(&mut command, source.as_bytes())?).map(|script| script.trim_end().into())
        }
        None => Ok(format!("(()=>{{\"use strict\";\n{}}})();", plain_script(source))),
    }
}

/// A module that others import.
pub fn module(tools: &Tools, source: &str) -> Result<String, String> {
    let Some(esbuild) = &tools.esbuild else { return Ok(plain_script(source)) };
    let mut command = Command::new(esbuild);
    command.args(["--minify", "--format=esm", "--target=es2022", "--charset=utf8"]);
    command.args(["--loader=js", "--log-level=warning", "--legal-comments=none"]);
    text(pipe(&mut command, source.as_bytes())?).map(|script| script.trim_end().into())
}

/// A style sheet.
pub fn style(tools: &Tools, source: &str) -> Result<String, String> {
    match &tools.esbuild {
        Some(esbuild) => {
            let mut command = Command::new(esbuild);
            command.args(["--minify", "--loader=css", "--log-level=warning"]);
            text(pipe(&mut command, source.as_bytes())?).map(|style| style.trim_end().into())
        }
        None => Ok(source.lines().map(str::trim).collect::<Vec<_>>().concat()),
    }
}

/// A document: indentation and line ends between tags go, text stays.
pub fn document(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut out = String::new();
    for line in lines {
        // Between text and text a line end is a space.
        if !out.is_empty() && !out.ends_with('>') && !line.starts_with('<') {
            out.push(' ');
        }
        out.push_str(line);
    }
    out
}

fn plain_script(source: &str) -> String {
    let kept = source.lines().map(str::trim).filter(|line| {
        !line.is_empty()
            && !line.starts_with("//")
            && !line.starts_with("/*")
            && !line.starts_with("* ")
            && !line.starts_with("*/")
    });
    kept.fold(String::new(), |mut out, line| {
        out.push_str(line);
        out.push('\n');
        out
    })
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_a_document_stays_apart() {
        let source = "<p>\n  one\n  two <b>\n  three\n</b></p>\n";
        assert_eq!(document(source), "<p>one two <b>three</b></p>");
    }

    #[test]
    fn without_tools_only_whole_lines_go() {
        let source = "// why\nlet a = \"// not a comment\";\n  /** x\n   * y\n   */\n\n  b();\n";
        assert_eq!(plain_script(source), "let a = \"// not a comment\";\nb();\n");
    }
}
