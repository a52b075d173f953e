//! The load generators of `xtask/bench`, on the core of load and upstream, and what they print.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::pinned::pinned;
use super::proxy::Proxy;
use super::{Bench, LOAD_CORE};
use crate::programs::ensure_success;

/// Counts and times of one run of a load generator.
pub(super) struct LoadResult(Value);

impl LoadResult {
    /// Returns a number by its name.
    pub(super) fn number(&self, name: &str) -> Result<f64> {
        let number = self.0.get(name).and_then(Value::as_f64);
        number.with_context(|| format!("the load generator printed no {name}"))
    }
}

impl Bench<'_> {
    /// Runs a load generator against a proxy.
    pub(super) fn load(
        &self,
        generator: &str,
        proxy: &Proxy,
        options: &[(&str, u32)],
    ) -> Result<LoadResult> {
        let mut command = pinned(LOAD_CORE, &self.programs);
        command.env_clear().arg(generator);
        command.args(["--port", &proxy.port.to_string(), "--key", &proxy.key]);
        for (name, value) in options {
            command.arg(format!("--{name}")).arg(value.to_string());
        }
        let output = command.output().context("cannot run the load generator")?;
        ensure_success(generator, &output)?;
        let result = serde_json::from_slice(&output.stdout);
        Ok(LoadResult(
            result.context("the load generator printed no JSON")?,
        ))
    }
}
