//! `exec --gateway`: prints who pays, starts the program with a virtual key for this run, and supervises it.
//!
//! Invariants: the credential itself never reaches the program; its key is renewed only while this process and the program
//! run and the gateway proves its identity, and expires when any of them stops; terminal, signals and exit code are the
//! program's.

mod gateway;
mod run_key;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _, poll_fn, select_all};
use keyreeve_broker::admin::keys::{self, IfRevoked, find_usable_key};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::virtual_key::KeyId;
use keyreeve_os::supervise::{ChildEvent, ChildProcess, ForwardedSignal, stop_self};
use keyreeve_os::system::now;
use keyreeve_resolver::launch::{LaunchPlan, VerifiedPlan};
use keyreeve_store::{Policy, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

use self::gateway::{OpenGateway, RunGateway};
use self::run_key::{RenewalResult, RunKey};
use crate::args::ExecArgs;
use crate::context::{self, Context};
use crate::error::{CommandError, Exit};
use crate::launch;
use crate::runtime::BlockingRuntime;

/// Interval of the check that the key is due for renewal. Shorter than the renewal interval, because a machine may wake
/// from sleep with an expired key.
const RENEWAL_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Capacity of the channel for child process events.
const MAX_PENDING_EVENTS: usize = 16;

pub(super) fn run(exec: ExecArgs, context: &Context) -> Result<(), CommandError> {
    let (launch, argv, key_name) = (&exec.launch, exec.command, exec.key.as_ref());
    let (file, target) = super::resolve_program(launch, &argv, context)?;
    let dirs = context.dirs()?;
    let settings = context.settings(&dirs)?;
    let store = Arc::new(context::open_store(&dirs, &settings)?);
    let policy = store.policy()?;
    let profiles = match key_name {
        None => vec![launch::profile_for_gateway(
            launch, &target, &policy, context,
        )?],
        Some(name) => profiles_of(name, &policy)?,
    };
    let exit_code = BlockingRuntime::multi_thread()?.block_on(async {
        let gateway = RunGateway::find_or_bind((dirs, settings), &store, context).await?;
        let base_url = gateway.base_url()?;
        let planned_launch = launch::prepare_with_gateway(
            (launch, &target),
            (&base_url, &profiles),
            &policy,
            context,
        )?;
        if let [first, others @ ..] = profiles.as_slice()
            && !others.is_empty()
        {
            let others: Vec<_> = others.iter().map(|other| other.name.as_str()).collect();
            let others = others.join(", ");
            let text = format!(
                "If profile `{}` is unavailable, the key's other profiles pay: {others}",
                first.name
            );
            context.output.note(&text);
        }
        let key = key_for(key_name, &profiles, &policy, &store)?;
        let run = ProgramRun {
            store: Arc::clone(&store),
            key,
            gateway: gateway.open(),
        };
        run.run_program((&file, argv), planned_launch, context)
            .await
    })?;
    match exit_code {
        0 => Ok(()),
        code => Err(CommandError::new(Exit::Child(code), "the program failed")),
    }
}

fn profiles_of(name: &Name, policy: &Policy) -> Result<Vec<Profile>, CommandError> {
    let key = find_usable_key(policy, name)?;
    let profiles = key.profiles.iter().filter_map(|id| policy.profile(*id));
    // The gateway refuses one that does not verify, and uses the others.
    let profiles = profiles.filter(|profile| policy.is_profile_verified(profile.id));
    Ok(profiles.map(|profile| Profile::clone(profile)).collect())
}

/// Returns the virtual key to create the run's secret for. A profile has a dedicated one, created on first use.
fn key_for(
    key_name: Option<&Name>,
    profiles: &[Profile],
    policy: &Policy,
    store: &Store,
) -> Result<KeyId, CommandError> {
    match (key_name, profiles) {
        (Some(name), _) => Ok(find_usable_key(policy, name)?.id),
        (None, [profile]) => {
            let dedicated = format!("exec-{}", profile.name).parse().map_err(|error| {
                CommandError::from_error(Exit::Failed, &error)
                    .fix("keyreeve exec --gateway --key NAME -- PROGRAM")
            })?;
            Ok(keys::dedicated(
                store,
                profile,
                &dedicated,
                IfRevoked::Refuse,
            )?)
        }
        (None, _) => Err(CommandError::new(
            Exit::Failed,
            "a dedicated key needs exactly one profile",
        )),
    }
}

/// One run of a supervised program.
struct ProgramRun {
    store: Arc<Store>,
    key: KeyId,
    gateway: OpenGateway,
}

impl ProgramRun {
    /// Starts the program, supervises it, and returns its exit code.
    async fn run_program(
        self,
        (file, mut argv): (&Path, Vec<OsString>),
        (plan, verified): (LaunchPlan, VerifiedPlan),
        context: &Context,
    ) -> Result<u8, CommandError> {
        for warning in &plan.warnings {
            context.output.note(&warning.to_string());
        }
        if let Some(settings) = &verified.settings_argument {
            argv = super::with_settings(argv, settings);
        }
        let (mut run_key, secret) = RunKey::create(Arc::clone(&self.store), self.key)?;
        context.output.announce(&verified.summary);
        let started = super::start((file, &argv), &plan, &secret, |spec| {
            context.original_limits.spawn_program(spec)
        });
        drop(secret);
        let result = match started {
            Ok(program) => {
                self.wait_for_exit(&Arc::new(program), &mut run_key, context)
                    .await
            }
            Err(error) => Err(super::start_error(file, &error)),
        };
        if run_key.revoke().is_err() {
            context
                .output
                .note("Cannot revoke the program's key; it expires within a minute");
        }
        self.gateway.close().await?;
        result
    }

    /// Forwards signals and renews the key until the program ends; returns its exit code.
    async fn wait_for_exit(
        &self,
        program: &Arc<ChildProcess>,
        run_key: &mut RunKey,
        context: &Context,
    ) -> Result<u8, CommandError> {
        let (mut signals, mut events) = (forwarded_signals()?, child_events(program)?);
        let mut ticks = tokio::time::interval(RENEWAL_CHECK_INTERVAL);
        let mut reported = ReportedProblem::default();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(ChildEvent::Ended(code)) => return Ok(code),
                    Some(ChildEvent::Stopped) => stop_self(),
                    None => return Err(CommandError::new(Exit::Failed, "lost track of the program")),
                },
                Some(signal) = signals.next() => {
                    program.forward(signal);
                    if signal == ForwardedSignal::Continue {
                        self.renew_if_due(run_key, &mut reported, context);
                    }
                }
                _ = ticks.tick() => self.renew_if_due(run_key, &mut reported, context),
            }
        }
    }

    /// Renews the key if it is due and the gateway still proves its identity.
    fn renew_if_due(
        &self,
        run_key: &mut RunKey,
        reported: &mut ReportedProblem,
        context: &Context,
    ) {
        if !run_key.is_due(now()) {
            return;
        }
        if !self.gateway.is_alive() {
            return reported.report(RenewalProblem::Gateway, context);
        }
        match run_key.renew(now()) {
            RenewalResult::Extended => reported.last = None,
            RenewalResult::Revoked => reported.report(RenewalProblem::Ended, context),
            RenewalResult::Failed => reported.report(RenewalProblem::Store, context),
        }
    }
}

/// A reason why the key cannot be renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RenewalProblem {
    Gateway,
    Store,
    Ended,
}

/// The problem reported last, so that each one is reported once.
#[derive(Default)]
struct ReportedProblem {
    last: Option<RenewalProblem>,
}

impl ReportedProblem {
    fn report(&mut self, problem: RenewalProblem, context: &Context) {
        if self.last.replace(problem) == Some(problem) {
            return;
        }
        context.output.note(match problem {
            RenewalProblem::Gateway => {
                "The gateway does not respond. The program's key expires within a minute unless the gateway returns."
            }
            RenewalProblem::Store => {
                "Cannot renew the program's key in the store; retrying. It expires within a minute."
            }
            RenewalProblem::Ended => "The program's key was revoked; its requests are refused from now on",
        });
    }
}

/// Receives the signals to forward to the program. They no longer end this process: the program decides.
fn forwarded_signals() -> Result<impl Stream<Item = ForwardedSignal> + Unpin, CommandError> {
    let mut all = Vec::with_capacity(ForwardedSignal::ALL.len());
    for forwarded in ForwardedSignal::ALL {
        let kind = SignalKind::from_raw(forwarded.number());
        let mut stream = signal(kind).map_err(|error| {
            CommandError::new(Exit::Failed, "cannot listen for signals").caused_by(&error)
        })?;
        let stream = poll_fn(move |context| {
            let next = stream.poll_recv(context);
            next.map(|received| received.map(|()| forwarded))
        });
        all.push(stream);
    }
    Ok(select_all(all))
}

/// Receives the program's state changes from a thread that waits for them.
fn child_events(program: &Arc<ChildProcess>) -> Result<Receiver<ChildEvent>, CommandError> {
    let (sender, receiver) = channel(MAX_PENDING_EVENTS);
    let program = Arc::clone(program);
    let started = std::thread::Builder::new().spawn(move || {
        while let Ok(event) = program.wait() {
            let is_end = matches!(event, ChildEvent::Ended(_));
            if sender.blocking_send(event).is_err() || is_end {
                return;
            }
        }
    });
    match started {
        Ok(_runs_until_the_program_ends) => Ok(receiver),
        Err(error) => {
            Err(CommandError::new(Exit::Failed, "cannot start a thread").caused_by(&error))
        }
    }
}
