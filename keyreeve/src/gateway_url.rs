//! The base URL of the gateway, for the settings of clients.

use keyreeve_gateway::Listen;

use crate::context::Context;
use crate::dirs::Dirs;
use crate::output::sentence_case;
use crate::running_gateway::{self, GatewayStatus};
use crate::settings::Settings;

/// Returns the base URL of the running, verified gateway, or else the configured one.
pub(crate) fn gateway_url(dirs: &Dirs, settings: &Settings, context: &Context) -> String {
    match running_gateway::verify(dirs) {
        GatewayStatus::Verified(gateway) => return gateway.base_url(),
        GatewayStatus::NotRunning => context
            .output
            .note("`keyreeve serve` is not running: this is its configured address"),
        GatewayStatus::Unverified(error) => {
            context.output.note(&sentence_case(&error.to_string()));
            context
                .output
                .note("No verified `keyreeve serve` is running: this is its configured address");
        }
    }
    configured_url(settings.listen.value)
}

/// Returns the base URL of a gateway started without `--listen`.
fn configured_url(listen: Listen) -> String {
    match listen {
        Listen::Loopback { port } => format!("http://127.0.0.1:{port}"),
        Listen::Address(address) => format!("http://{address}"),
    }
}
