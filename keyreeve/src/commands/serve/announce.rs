//! What `serve` says when it is ready.

use std::net::SocketAddr;

use keyreeve_gateway::PassThrough;
use keyreeve_store::Policy;
use serde::Serialize;

use super::demo::Demo;
use crate::commands::connect;
use crate::error::CommandError;
use crate::output::{Format, KEY_MARK, Output};
use crate::settings::Connectable;

/// Where everything is.
#[derive(Serialize)]
pub(super) struct Ready {
    /// The gateway's base URL.
    pub(super) address: String,
    /// Every base URL it has.
    pub(super) addresses: Vec<String>,
    /// The simulated API's.
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<String>,
    /// The base URL for clients that sign in for themselves, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_through: Option<Through>,
    /// The status page; there is no other dashboard yet.
    dashboard: String,
}

/// The way for clients that sign in for themselves.
#[derive(Serialize)]
struct Through {
    /// What they have for a base URL.
    base_url: String,
    /// Where what they send goes.
    leads_to: String,
}

impl Ready {
    /// Puts together where the gateway and the sandbox were bound, and what passes through.
    pub(super) fn of(
        addresses: &[SocketAddr],
        demo: Option<&Demo>,
        pass_through: Option<&PassThrough>,
    ) -> Self {
        let addresses: Vec<String> = addresses
            .iter()
            .map(|address| format!("http://{address}"))
            .collect();
        let address = addresses.first().cloned().unwrap_or_default();
        Self {
            dashboard: format!("{address}/"),
            pass_through: pass_through.map(|way| Through {
                base_url: format!("{address}/passthrough"),
                leads_to: way.leads_to().to_string(),
            }),
            address,
            addresses,
            sandbox: demo.map(|demo| demo.base_url.to_string()),
        }
    }

    /// Says it, once; the demonstration's key is shown with it.
    pub(super) fn announce(
        &self,
        demo: Option<&Demo>,
        policy: &Policy,
        output: &Output,
    ) -> Result<(), CommandError> {
        match (output.format(), demo) {
            (Format::Json, Some(demo)) => output.reveal_document(self, &demo.key)?,
            (Format::Json, None) => output.document(self)?,
            (Format::Human, Some(demo)) => {
                output.reveal(&self.lines_to_paste(), &demo.key)?;
                output.note("every answer is made up and costs nothing; paste one of the lines above into another terminal");
            }
            (Format::Human, None) => {
                output.data(&self.address)?;
                say_what_is_missing(policy, output);
            }
        }
        if let Some(through) = &self.pass_through {
            let Through { base_url, leads_to } = through;
            output.note(&format!(
                "clients that sign in for themselves may talk through {base_url}, with a virtual key in x-keyreeve-key: what they send goes to {leads_to} as it came"
            ));
        }
        Ok(())
    }

    /// What a person reads first: each line to paste stands alone, so that it can be taken whole.
    fn lines_to_paste(&self) -> String {
        let snippet = |client| connect::of(client, &self.address, connect::Model::USUAL).template;
        format!(
            "address      {}\nkey          {KEY_MARK}\nstatus page  {}\n\n{}\n\n{}\n\n{}",
            self.address,
            self.dashboard,
            snippet(Connectable::Curl),
            snippet(Connectable::Python),
            snippet(Connectable::ClaudeCode),
        )
    }
}

/// Says what stands between here and a first answer.
fn say_what_is_missing(policy: &Policy, output: &Output) {
    match (
        policy.profiles().first(),
        policy.keys().iter().any(|key| key.revoked_at.is_none()),
    ) {
        (None, _) => {
            output.note("there is no credential yet: every request is refused until there is one and a key for it");
            output.hint("keyreeve profile add NAME");
        }
        (Some(profile), false) => {
            output.note("there is no virtual key yet: every request is refused until there is one");
            output.hint(&format!("keyreeve key add NAME --profile {}", profile.name));
        }
        (Some(_), true) => output.hint("keyreeve connect CLIENT --key NAME"),
    }
}
