//! The values of parameters, in the global section or in a module.

use syncline_core::Error;

use super::expand::{Env, expand, expand_shell};
use super::params::{Kind, P, PARAMS, Param, Value};

/// A value for each parameter, in the order of [`P`].
#[derive(Clone, Debug)]
pub struct Values {
    values: Vec<Value>,
    /// Parameters that some line has set.
    set: Vec<bool>,
}

impl Values {
    /// What counts when nothing is set.
    pub fn defaults() -> Values {
        Values { values: PARAMS.iter().map(Param::default_value).collect(), set: vec![false; PARAMS.len()] }
    }

    /// Sets a value.
    pub fn put(&mut self, id: P, value: Value) {
        self.values[id as usize] = value;
        self.set[id as usize] = true;
    }

    /// A yes or no; unset counts as no.
    pub fn on(&self, id: P) -> bool {
        self.tri(id) == Some(true)
    }

    /// A yes or no, or `None` for unset.
    pub fn tri(&self, id: P) -> Option<bool> {
        match &self.values[id as usize] {
            Value::Bool(on) => *on,
            _ => None,
        }
    }

    /// A number.
    pub fn integer(&self, id: P) -> i64 {
        match &self.values[id as usize] {
            Value::Integer(number) => *number,
            _ => 0,
        }
    }

    /// A text as it was written.
    pub fn raw(&self, id: P) -> &[u8] {
        match &self.values[id as usize] {
            Value::Text(text) | Value::Exact(text) => text,
            _ => b"",
        }
    }

    /// A text with its references replaced, for the shell if it is a command.
    pub fn text(&self, id: P, env: &Env) -> Result<Vec<u8>, Error> {
        if let Value::Exact(text) = &self.values[id as usize] {
            return Ok(text.clone());
        }
        match PARAMS[id as usize].kind {
            Kind::Shell => expand_shell(self.raw(id), env),
            _ => expand(self.raw(id), env),
        }
    }

    /// Parameters that were set although the daemon doesn't act on them.
    pub fn without_effect(&self) -> impl Iterator<Item = &'static str> {
        let unbuilt = PARAMS.iter().filter(|param| !param.built);
        unbuilt.filter(|param| self.set[param.id as usize]).map(|param| param.name)
    }
}
