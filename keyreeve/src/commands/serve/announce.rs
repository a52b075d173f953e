//! The notice that `serve` prints when it is ready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{future, thread};

use keyreeve_broker::admin::models::ClientModel;
use keyreeve_core::secret::Secret;
use keyreeve_gateway::PassThrough;
use keyreeve_store::Policy;
use serde::Serialize;
use tokio::sync::oneshot;

use super::sandbox_setup::SandboxSetup;
use crate::args::ConnectClient;
use crate::error::{CommandError, Exit};
use crate::output::{Format, KEY_PLACEHOLDER, Line, Output};
use crate::render::snippet;

/// The addresses of the gateway and the sandbox.
#[derive(Serialize)]
pub(super) struct ReadyNotice {
    /// The gateway's base URL.
    pub(super) address: String,
    /// All base URLs of the gateway.
    pub(super) addresses: Vec<String>,
    /// The base URL of the simulated API.
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<String>,
    /// The base URL for clients that send their own credential, if pass-through is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_through: Option<PassThroughAddress>,
    /// The status page; there is no other dashboard yet.
    dashboard: String,
}

/// The pass-through route for clients that send their own credential.
#[derive(Serialize)]
struct PassThroughAddress {
    /// The base URL for the client.
    base_url: String,
    /// The upstream that receives the requests.
    upstream: String,
}

impl ReadyNotice {
    /// Creates the notice from the bound addresses.
    pub(super) fn new(
        addresses: &[SocketAddr],
        sandbox: Option<&SandboxSetup>,
        pass_through: Option<&PassThrough>,
    ) -> Self {
        let addresses: Vec<String> = addresses
            .iter()
            .map(|address| format!("http://{address}"))
            .collect();
        let address = addresses.first().cloned().unwrap_or_default();
        Self {
            dashboard: format!("{address}/"),
            pass_through: pass_through.map(|route| PassThroughAddress {
                base_url: format!("{address}/passthrough"),
                upstream: route.base_url().to_string(),
            }),
            address,
            addresses,
            sandbox: sandbox.map(|sandbox| sandbox.base_url.to_string()),
        }
    }

    /// Prints the notice on a thread of its own, because standard output may be a pipe that no process reads. Returns a future
    /// that completes only if the notice cannot be printed, with the error.
    ///
    /// # Errors
    /// If the system cannot create a thread.
    pub(super) fn announce(
        self,
        sandbox_key: Option<Secret>,
        policy: Arc<Policy>,
        output: Arc<Output>,
    ) -> Result<impl Future<Output = CommandError>, CommandError> {
        let (sender, printed) = oneshot::channel();
        let print = move || {
            // The receiver is gone once `serve` ends.
            let _ended = sender.send(self.print(sandbox_key.as_ref(), &policy, &output));
        };
        let thread = thread::Builder::new()
            .name("notice".to_owned())
            .spawn(print);
        thread.map_err(|error| {
            CommandError::new(Exit::Failed, "cannot start a thread").caused_by(&error)
        })?;
        Ok(async {
            match printed.await {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => future::pending().await,
            }
        })
    }

    /// Prints the notice, including the sandbox's key.
    fn print(
        &self,
        sandbox_key: Option<&Secret>,
        policy: &Policy,
        output: &Output,
    ) -> Result<(), CommandError> {
        match (output.format(), sandbox_key) {
            (Format::Json, Some(key)) => output.reveal_document(self, key)?,
            (Format::Human, Some(key)) => {
                output.reveal(&self.sandbox_notice(), key)?;
                output.note("Responses are simulated and cost nothing. Try it: paste one of these commands into another terminal.");
            }
            (Format::Human | Format::Json, None) => output.show(self, |ready| {
                let address = Line::Data(ready.address.clone());
                std::iter::once(address).chain(next_step(policy)).collect()
            })?,
        }
        if let Some(PassThroughAddress { base_url, upstream }) = &self.pass_through {
            output.note(&format!(
                "Pass-through: clients with their own login use {base_url} and send a virtual key in x-keyreeve-key; requests go unchanged to {upstream}"
            ));
        }
        Ok(())
    }

    /// The notice for `--sandbox`. Each command is on a line of its own, so that it can be copied whole.
    fn sandbox_notice(&self) -> String {
        let snippet =
            |client| snippet::render(client, &self.address, ClientModel::DEFAULT).template;
        format!(
            "address      {}\nkey          {KEY_PLACEHOLDER}\nstatus page  {}\n\n{}\n\n{}\n\n{}",
            self.address,
            self.dashboard,
            snippet(ConnectClient::Curl),
            snippet(ConnectClient::Python),
            snippet(ConnectClient::ClaudeCode),
        )
    }
}

/// Returns the setup step missing before a first request can succeed, or else the way to connect a client.
fn next_step(policy: &Policy) -> Vec<Line> {
    let has_key = policy.keys().iter().any(|key| key.revoked_at.is_none());
    match (policy.profiles().first(), has_key) {
        (None, _) => vec![
            Line::Note("No profile yet: every request is refused until you add a profile and a virtual key".to_owned()),
            Line::Hint("Add one: `keyreeve profile add NAME`".to_owned()),
        ],
        (Some(profile), false) => vec![
            Line::Note("No virtual key yet: every request is refused until you add one".to_owned()),
            Line::Hint(format!(
                "Add one: `keyreeve key add NAME --profile {}`",
                profile.name
            )),
        ],
        (Some(_), true) => vec![Line::Hint(
            "Settings for a client: `keyreeve connect CLIENT --key NAME`".to_owned(),
        )],
    }
}
