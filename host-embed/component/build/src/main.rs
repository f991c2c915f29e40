//! `syncline-componentize MODULE COMPONENT`: makes a component of a core module that holds its own WIT, validates it, and
//! makes sure that it imports nothing.

use std::process::ExitCode;

use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [module, component] = words.as_slice() else {
        eprintln!("usage: syncline-componentize MODULE COMPONENT");
        return ExitCode::FAILURE;
    };
    match make(module, component) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{module}: {text}");
            ExitCode::FAILURE
        }
    }
}

fn make(module: &str, component: &str) -> Result<(), String> {
    let bytes = std::fs::read(module).map_err(|error| error.to_string())?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&bytes).map_err(|error| format!("{error:#}"))?;
    let encoded = encoder.encode().map_err(|error| format!("{error:#}"))?;
    check(&encoded)?;
    std::fs::write(component, &encoded).map_err(|error| format!("{component}: {error}"))
}

/// A valid component whose outermost level has exports and no imports of instances, functions or resources.
fn check(component: &[u8]) -> Result<(), String> {
    let mut validator = Validator::new_with_features(WasmFeatures::default());
    validator.validate_all(component).map_err(|error| error.to_string())?;
    let mut exports = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) if depth > 0 => depth -= 1,
            Payload::ComponentImportSection(_) if depth == 0 => return Err("the component imports something".into()),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(|error| error.to_string())?.name.name.to_string());
                }
            }
            _ => {}
        }
    }
    println!("exports: {}", exports.join(", "));
    if exports.len() == 3 {
        Ok(())
    } else {
        Err("the component does not export memory, files and sessions".to_string())
    }
}
