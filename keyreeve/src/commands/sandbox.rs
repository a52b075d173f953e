//! `sandbox`: the simulated Anthropic API alone.

use std::net::{Ipv4Addr, SocketAddr};

use keyreeve_sandbox::{Sandbox, Settings};
use serde::Serialize;

use super::serve::signal;
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::settings;
use crate::wiring::{World, runtime};

#[derive(Serialize)]
struct Ready {
    sandbox: String,
}

pub(super) fn run(sandbox: settings::Sandbox, world: &World) -> Result<(), CommandError> {
    runtime()?.block_on(async {
        let stop = signal::nth(1)?;
        let bound = bind(sandbox.port).await?;
        let ready = Ready {
            sandbox: format!("http://{}", bound.addr()),
        };
        match world.output.format() {
            Format::Json => world.output.document(&ready)?,
            Format::Human => world.output.data(&ready.sandbox)?,
        }
        world
            .output
            .note("every answer is made up; any well-formed credential is accepted");
        bound.run(stop).await.map_err(|error| {
            CommandError::new(Exit::Failed, "the sandbox failed").caused_by(&error)
        })
    })
}

/// Binds the simulated API to a loopback port.
///
/// # Errors
/// Exit 1 where the port is taken.
pub(super) async fn bind(port: u16) -> Result<Sandbox, CommandError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Sandbox::bind(
        address,
        Settings {
            now: keyreeve_os::world::now,
        },
    )
    .await
    .map_err(|error| {
        CommandError::new(
            Exit::Failed,
            format!("could not start the sandbox on {address}"),
        )
        .caused_by(&error)
        .hint("keyreeve sandbox --port 0")
    })
}
