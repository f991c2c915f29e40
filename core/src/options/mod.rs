//! Temporary: the parts that the session needs.
pub mod chmod;
pub mod data;
mod env;
pub mod levels;
mod number;
pub mod stop;
pub use data::*;
pub use env::Env;
pub use levels::{Debug, Info, Levels};
