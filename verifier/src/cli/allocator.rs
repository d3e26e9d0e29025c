//! How glibc's allocator is set for a server: it reads its settings from the environment when a process starts, so
//! `farthing serve` starts itself once more, under the same process id, with those that it lacks.
//!
//! As it is, glibc keeps up to eight arenas for each processor, and from the first large block that is given
//! back takes the next ones from them. A batch of a thousand claims makes blocks of 100 KiB to 2 MiB on one
//! thread and frees them on another: half of the memory after an overload was holes
//! (docs/decisions/0023-memory.md).

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

/// Blocks of so many bytes are given back to the system when they are freed, and so is what is free at the arena's
/// end; and one arena is enough, since small blocks come from each thread's own cache.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// Starts this program anew with the settings, unless whoever started it has set the allocator. Called before
/// anything is opened. Where it cannot be done the server takes more memory, and nothing else changes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn settle() {
    if is_set(std::env::vars_os().map(|(name, _)| name)) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut again = Command::new(program);
        if let Some(name) = std::env::args_os().next() {
            again.arg0(name);
        }
        // Comes back only when it could not be done.
        let _goes_on_as_it_is = again.args(std::env::args_os().skip(1)).envs(SETTINGS).exec();
    }
}

/// Elsewhere there is nothing to set.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn settle() {}

/// Whether a setting of the allocator is among these names: after the second start there are three.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn is_set(mut names: impl Iterator<Item = OsString>) -> bool {
    names.any(|name| {
        name.to_str().is_some_and(|name| name.starts_with("MALLOC_") || name == "GLIBC_TUNABLES")
    })
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn the_second_start_is_the_last_and_an_operators_choice_stays() {
        let names = |names: &[&str]| is_set(names.iter().map(OsString::from));
        assert!(!names(&["PATH", "FARTHING_DATA", "XMALLOC_ARENA_MAX"]));
        assert!(names(&["PATH", "MALLOC_ARENA_MAX"]));
        assert!(names(&["GLIBC_TUNABLES"]));
        for (name, _) in SETTINGS {
            assert!(names(&[name]), "or it would start itself for ever");
        }
    }
}
