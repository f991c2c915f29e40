//! Benchmarks of the engine and of whole processes; the measuring helpers they share.
