//! Setup of `serve --sandbox`: the simulated API, a profile for it, and a key that may use the profile.

use keyreeve_broker::admin::sandbox as entries;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::secret::Secret;
use keyreeve_sandbox::Sandbox;
use keyreeve_store::Store;

use crate::error::{CommandError, Exit};
use crate::sandbox;

/// The simulated API, bound.
pub(super) struct SandboxSetup {
    pub(super) sandbox: Sandbox,
    pub(super) base_url: BaseUrl,
}

impl SandboxSetup {
    /// Binds the sandbox, on its previous port if that is free, and prepares the profile and a key that may use it.
    ///
    /// # Errors
    /// If the user has a real profile or key named `sandbox`, a port is taken, or the store fails.
    pub(super) async fn prepare(port: u16, store: &Store) -> Result<(Self, Secret), CommandError> {
        let last = entries::last_base_url(store)?;
        let sandbox = bind(port, last.as_ref()).await?;
        let base_url = BaseUrl::parse(
            &format!("http://{}", sandbox.addr()),
            PlainHttp::LoopbackOnly,
        )
        .map_err(|error| CommandError::from_error(Exit::Failed, &error))?;
        let key = entries::prepare(store, &base_url)?;
        Ok((Self { sandbox, base_url }, key))
    }
}

/// Binds the given port, else the previous one, so that the profile can stay, else a free one.
async fn bind(port: u16, last: Option<&BaseUrl>) -> Result<Sandbox, CommandError> {
    if port == 0
        && let Some(last) = last
    {
        let last = sandbox::bind(last.origin().port()).await;
        if last.is_ok() {
            return last;
        }
    }
    sandbox::bind(port).await
}
