//! `sandbox`: runs the simulated Anthropic API.

use std::net::{Ipv4Addr, SocketAddr};

use keyreeve_sandbox::{Sandbox, SandboxSettings};
use serde::Serialize;

use super::serve::signal;
use crate::context::{Context, new_runtime};
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::settings;

#[derive(Serialize)]
struct SandboxReady {
    sandbox: String,
}

pub(super) fn run(sandbox: settings::SandboxPort, context: &Context) -> Result<(), CommandError> {
    new_runtime()?.block_on(async {
        let stop = signal::nth_stop_signal(1)?;
        let bound = bind(sandbox.port).await?;
        let ready = SandboxReady {
            sandbox: format!("http://{}", bound.addr()),
        };
        match context.output.format() {
            Format::Json => context.output.document(&ready)?,
            Format::Human => context.output.data(&ready.sandbox)?,
        }
        context
            .output
            .note("Every response is simulated; any well-formed credential is accepted");
        bound.run(stop).await.map_err(|error| {
            CommandError::new(Exit::Failed, "the sandbox failed").caused_by(&error)
        })
    })
}

/// Binds the simulated API to a loopback port.
///
/// # Errors
/// Exit 1 if the port is in use.
pub(super) async fn bind(port: u16) -> Result<Sandbox, CommandError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Sandbox::bind(
        address,
        SandboxSettings {
            now: keyreeve_os::system::now,
        },
    )
    .await
    .map_err(|error| {
        CommandError::new(
            Exit::Failed,
            format!("cannot start the sandbox on {address}"),
        )
        .caused_by(&error)
        .fix("keyreeve sandbox --port 0")
    })
}
