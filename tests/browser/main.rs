//! The whole way in a real Chromium: page, click, signature, commit, total.

mod harness;
