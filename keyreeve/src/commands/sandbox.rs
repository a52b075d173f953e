//! `sandbox`: runs the simulated Anthropic API.

use serde::Serialize;

use crate::args::SandboxArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::Line;
use crate::runtime::{BlockingRuntime, nth_stop_signal};

#[derive(Serialize)]
struct SandboxReady {
    sandbox: String,
}

pub(super) fn run(sandbox: &SandboxArgs, context: &Context) -> Result<(), CommandError> {
    BlockingRuntime::multi_thread()?.block_on(async {
        let stop = nth_stop_signal(1)?;
        let bound = crate::sandbox::bind(sandbox.port).await?;
        let ready = SandboxReady {
            sandbox: format!("http://{}", bound.addr()),
        };
        context
            .output
            .show(&ready, |ready| vec![Line::Data(ready.sandbox.clone())])?;
        context
            .output
            .note("Every response is simulated; any well-formed credential is accepted");
        bound.run(stop).await.map_err(|error| {
            CommandError::new(Exit::Failed, "the sandbox failed").caused_by(&error)
        })
    })
}
