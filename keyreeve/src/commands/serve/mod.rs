//! `serve`: runs the gateway and, with `--sandbox`, the simulated API.
//!
//! Invariants: one `serve` per store, claimed before anything is bound; nothing is announced before it is bound; the sandbox
//! stops after the gateway, whose last streams may come from it; nothing that is printed can delay a request or the end.

mod announce;
mod runtime_file;
mod sandbox_setup;
mod signals;
mod unit;

use std::sync::Arc;

use keyreeve_broker::admin;
use keyreeve_gateway::{BoundListeners, InstanceSecret, PassThrough, ServeError};
use keyreeve_os::{process, system};
use keyreeve_store::{Recovered, Retention, RetentionPlan, Store};
use tokio::sync::oneshot;

use self::announce::ReadyNotice;
use self::runtime_file::RuntimeFile;
use self::sandbox_setup::SandboxSetup;
use self::signals::{StopSignals, stop_signals};
use crate::args::ServeArgs;
use crate::context::{self, Context};
use crate::dirs::Dirs;
use crate::error::{CommandError, Exit};
use crate::log::{self, LogStyle};
use crate::output::{Output, pluralize};
use crate::running_gateway::claim_note;
use crate::runtime::BlockingRuntime;
use crate::settings::{PassThroughMode, Settings};

/// A `serve` that has claimed its store.
struct ServeProcess {
    dirs: Dirs,
    settings: Settings,
    store: Arc<Store>,
    context: Context,
}

pub(super) fn run(serve: &ServeArgs, context: Context) -> Result<(), CommandError> {
    if serve.install || serve.uninstall {
        return unit::run(serve, &context);
    }
    let dirs = context.dirs()?;
    let settings = context.settings(&dirs)?;
    let store = Arc::new(context::open_store(&dirs, &settings)?);
    let _claim = store.acquire_serve_lock(&claim_note(process::pid()))?;
    let style = LogStyle {
        format: settings.log_format.value,
        color: context.output.log_color(),
    };
    context
        .output
        .attach_log(log::init(settings.log.value, style)?);
    let recovered = store.close_open_intents(system::now())?;
    report_recovery(recovered, &context.output);
    store.start_journal(admin::random_bytes()?)?;
    let retention = Retention {
        detail_days: settings.detail_days.value,
        rollup_days: settings.rollup_days.value,
    };
    let plan = store.start_retention(retention, system::now())?;
    report_retention(plan, &context);
    let process = ServeProcess {
        dirs,
        settings,
        store: Arc::clone(&store),
        context,
    };
    // The first worker; the gateway starts the others.
    let served = BlockingRuntime::current_thread()?.block_on(process.run(serve));
    store.flush()?;
    served
}

/// Reports the first deletion of old entries while it is to come, if it will delete any.
fn report_retention(plan: RetentionPlan, context: &Context) {
    let clock = context.clock_now();
    if plan.begins_at <= clock.now || (plan.attempts, plan.rollups) == (0, 0) {
        return;
    }
    let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
    let day = plan.begins_at.to_zoned(clock.zone).date();
    context.output.note(&format!(
        "On {day} the ledger begins to delete what is too old: {} and {} at first. To keep more, set `ledger.detail_days` and `ledger.rollup_days`",
        pluralize(count(plan.attempts), "attempt"),
        pluralize(count(plan.rollups), "sum"),
    ));
}

/// Reports what a crash left behind.
fn report_recovery(recovered: Recovered, output: &Output) {
    let attempts = |count| pluralize(usize::try_from(count).unwrap_or(usize::MAX), "attempt");
    if recovered.unknown > 0 {
        let attempts = attempts(recovered.unknown);
        output.note(&format!(
            "Closed {attempts} interrupted by a crash, at the reserved cost"
        ));
    }
    if recovered.damaged > 0 {
        let attempts = attempts(recovered.damaged);
        output.note(&format!(
            "Lost {attempts}: their records in the journal are damaged. Check the disk."
        ));
    }
}

impl ServeProcess {
    async fn run(self, serve: &ServeArgs) -> Result<(), CommandError> {
        let StopSignals { stop, abort } = stop_signals()?;
        let (sandbox, sandbox_key) = if serve.sandbox {
            let prepared = SandboxSetup::prepare(serve.sandbox_port, &self.store).await?;
            (Some(prepared.0), Some(prepared.1))
        } else {
            (None, None)
        };
        let bound = keyreeve_gateway::bind(self.settings.listen.value).await?;
        let secret = admin::random_bytes()?;
        let pass_through = self.pass_through(&bound, sandbox.as_ref())?;
        let ready = ReadyNotice::new(bound.addresses(), sandbox.as_ref(), pass_through.as_ref());
        let environment = self.context.snapshot.environment;
        let instance = InstanceSecret::new(secret);
        let policy = self.store.policy()?;
        let mut parts = context::gateway_parts(self.store, &self.settings, environment, instance)?;
        parts.config.pass_through = pass_through;
        parts.config.workers = self.settings.workers.value.unwrap_or_else(system::cores);
        let runtime_file = RuntimeFile::write(&self.dirs, &ready, &secret)?;
        let not_announced = ready.announce(sandbox_key, policy, self.context.output)?;
        let served = tokio::select! {
            served = serve_with_sandbox(keyreeve_gateway::serve(bound, parts, stop), sandbox) => served,
            error = not_announced => Err(error),
            () = abort => Err(CommandError::new(Exit::Interrupted, "stopped immediately; running streams were cut off")),
        };
        runtime_file.remove()?;
        served
    }
}

impl ServeProcess {
    /// Returns the pass-through route: to Anthropic, or to the sandbox if it runs.
    fn pass_through(
        &self,
        bound: &BoundListeners,
        sandbox: Option<&SandboxSetup>,
    ) -> Result<Option<PassThrough>, CommandError> {
        let route = match (self.settings.pass_through.value, sandbox) {
            (PassThroughMode::Off, _) => return Ok(None),
            (PassThroughMode::On, None) => PassThrough::to_anthropic(bound),
            (PassThroughMode::On, Some(sandbox)) => {
                PassThrough::to_sandbox(sandbox.base_url.clone(), bound)
            }
        };
        route
            .map(Some)
            .map_err(|error| CommandError::from_error(Exit::Policy, &error))
    }
}

/// Serves until the gateway's last stream has ended, then stops the sandbox.
async fn serve_with_sandbox(
    gateway: impl Future<Output = Result<(), ServeError>>,
    sandbox: Option<SandboxSetup>,
) -> Result<(), CommandError> {
    let (finished, gateway_finished) = oneshot::channel::<()>();
    let gateway = async {
        let served = gateway.await;
        drop(finished);
        served
    };
    let sandbox = async {
        match sandbox {
            // Dropping the sender is the stop signal.
            Some(sandbox) => {
                sandbox
                    .sandbox
                    .run(async { drop(gateway_finished.await) })
                    .await
            }
            None => Ok(()),
        }
    };
    let (gateway, sandbox) = tokio::join!(gateway, sandbox);
    gateway?;
    sandbox.map_err(|error| CommandError::new(Exit::Failed, "the sandbox failed").caused_by(&error))
}
