//! The chores of the project: `cargo xtask demo | test | bench | wasm`.

fn main() {}
