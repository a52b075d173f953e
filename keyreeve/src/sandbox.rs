//! The simulated Anthropic API on a loopback port.

use std::net::{Ipv4Addr, SocketAddr};

use keyreeve_sandbox::{Sandbox, SandboxSettings};

use crate::error::{CommandError, Exit};

/// Binds the simulated API to a loopback port.
///
/// # Errors
/// Exit 1 if the port is in use.
pub(crate) async fn bind(port: u16) -> Result<Sandbox, CommandError> {
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
