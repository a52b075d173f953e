//! `exec --gateway`: say who pays, start the program with a virtual key for this one run, and stay beside it.
//!
//! Invariants: the credential itself never reaches the program; its key is renewed only while we live, the program lives
//! and the gateway proves itself, and is gone when any of the three is; terminal, signals and exit code are the program's.

mod gateway;
mod lent;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _, poll_fn, select_all};
use keyreeve_core::launch::{Judged, Plan};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::virtual_key::KeyId;
use keyreeve_os::supervise::{Change, Passed, Supervised, stop_too};
use keyreeve_os::world::now;
use keyreeve_store::{Policy, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

use self::gateway::{Found, Gateway};
use self::lent::{Lent, Renewed};
use super::{exec, key, launching};
use crate::error::{CommandError, Exit};
use crate::settings::{Behind, Launch};
use crate::wiring::{self, World, runtime};

/// How often it is looked whether the key is due: sooner than its renewal, since a machine that slept wakes with a key
/// that has lapsed.
const LOOK: Duration = Duration::from_secs(2);
/// How many changes of the program may wait to be heard of.
const WAITING: usize = 16;

pub(super) fn run(
    (launch, behind): (&Launch, &Behind),
    argv: Vec<OsString>,
    world: &World,
) -> Result<(), CommandError> {
    let (file, target) = exec::aimed(launch, &argv, world)?;
    let places = world.places()?;
    let settings = world.settings(&places)?;
    let store = Arc::new(wiring::store(&places, &settings)?);
    let policy = store.policy()?;
    let profiles = match behind {
        Behind::Meant => vec![launching::meant_behind(launch, &target, &policy, world)?],
        Behind::Key(name) => profiles_of(name, &policy)?,
    };
    let ended = runtime()?.block_on(async {
        let found = Found::look((places, settings), &store, world).await?;
        let base_url = found.base_url()?;
        let planned =
            launching::prepare_behind((launch, &target), (&base_url, &profiles), &policy, world)?;
        if let [first, others @ ..] = profiles.as_slice()
            && !others.is_empty()
        {
            let others: Vec<_> = others.iter().map(|other| other.name.as_str()).collect();
            let others = others.join(", ");
            let rests = format!(
                "while profile {} rests, the key's others pay: {others}",
                first.name
            );
            world.output.note(&rests);
        }
        let key = key_of(behind, &profiles, &policy, &store)?;
        let run = Run {
            store: Arc::clone(&store),
            key,
            gateway: found.open(),
        };
        run.through((&file, argv), planned, world).await
    })?;
    match ended {
        0 => Ok(()),
        code => Err(CommandError::new(
            Exit::OfProgram(code),
            "the program ended with a failure of its own",
        )),
    }
}

fn profiles_of(name: &Name, policy: &Policy) -> Result<Vec<Profile>, CommandError> {
    let key = key::usable(key::find(policy, name)?)?;
    let profiles = key.profiles.iter().filter_map(|id| policy.profile(*id));
    Ok(profiles.cloned().collect())
}

/// The key of which a secret is lent; a profile has one of its own, made on first use.
fn key_of(
    behind: &Behind,
    profiles: &[Profile],
    policy: &Policy,
    store: &Store,
) -> Result<KeyId, CommandError> {
    match (behind, profiles) {
        (Behind::Key(name), _) => Ok(key::usable(key::find(policy, name)?)?.id),
        (Behind::Meant, [profile]) => {
            let own = format!("exec-{}", profile.name).parse().map_err(|error| {
                CommandError::of(Exit::Failed, &error)
                    .hint("keyreeve exec --gateway --key NAME -- PROGRAM")
            })?;
            key::own_of(profile, own, store)
        }
        (Behind::Meant, _) => Err(CommandError::new(
            Exit::Failed,
            "a key of its own is for one profile",
        )),
    }
}

/// One run of a program.
struct Run {
    store: Arc<Store>,
    key: KeyId,
    gateway: Gateway,
}

impl Run {
    /// From the program's start to its end, whose exit code it gives.
    async fn through(
        self,
        (file, mut argv): (&Path, Vec<OsString>),
        (plan, judged): (Plan, Judged),
        world: &World,
    ) -> Result<u8, CommandError> {
        for warning in &plan.warnings {
            world.output.note(&warning.to_string());
        }
        if let Some(settings) = &judged.settings {
            argv = exec::with_settings(argv, settings);
        }
        let (mut lent, secret) = Lent::lend(Arc::clone(&self.store), self.key)?;
        world.output.own(&judged.line);
        let started = exec::start((file, &argv), &plan, &secret, |start| {
            world.before.start_program(start)
        });
        drop(secret);
        let ended = match started {
            Ok(program) => self.stay(&Arc::new(program), &mut lent, world).await,
            Err(failed) => Err(exec::not_started(file, &failed)),
        };
        if lent.withdraw().is_err() {
            world.output.note(
                "the program's key could not be taken back: it ends by itself within a minute",
            );
        }
        self.gateway.close().await?;
        ended
    }

    /// Stays beside the program until it has ended.
    async fn stay(
        &self,
        program: &Arc<Supervised>,
        lent: &mut Lent,
        world: &World,
    ) -> Result<u8, CommandError> {
        let (mut signals, mut changes) = (signals()?, changes(program)?);
        let mut look = tokio::time::interval(LOOK);
        let mut told = Told::default();
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Some(Change::Ended(code)) => return Ok(code),
                    Some(Change::Stopped) => stop_too(),
                    None => return Err(CommandError::new(Exit::Failed, "the program's end was not heard of")),
                },
                Some(passed) = signals.next() => {
                    program.pass(passed);
                    if passed == Passed::Continue {
                        self.keep(lent, &mut told, world);
                    }
                }
                _ = look.tick() => self.keep(lent, &mut told, world),
            }
        }
    }

    /// Renews the key where that is due and the gateway is still the one.
    fn keep(&self, lent: &mut Lent, told: &mut Told, world: &World) {
        if !lent.is_due(now()) {
            return;
        }
        if !self.gateway.is_there() {
            return told.once(Trouble::Gateway, world);
        }
        match lent.renew(now()) {
            Renewed::Holds => told.last = None,
            Renewed::EndedByOthers => told.once(Trouble::Ended, world),
            Renewed::Failed => told.once(Trouble::Store, world),
        }
    }
}

/// What keeps a key from being renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    Gateway,
    Store,
    Ended,
}

/// What the person was told last.
#[derive(Default)]
struct Told {
    last: Option<Trouble>,
}

impl Told {
    fn once(&mut self, trouble: Trouble, world: &World) {
        if self.last.replace(trouble) == Some(trouble) {
            return;
        }
        world.output.note(match trouble {
            Trouble::Gateway => {
                "the gateway does not answer any more: the program's key ends within a minute, unless it is back"
            }
            Trouble::Store => {
                "the program's key could not be renewed, which is tried again: it ends within a minute"
            }
            Trouble::Ended => "the program's key was ended: its requests are refused from now on",
        });
    }
}

/// What is passed on to the program. By this the signals do not end us: the program decides.
fn signals() -> Result<impl Stream<Item = Passed> + Unpin, CommandError> {
    let mut all = Vec::with_capacity(Passed::ALL.len());
    for passed in Passed::ALL {
        let kind = SignalKind::from_raw(passed.number());
        let mut heard = signal(kind).map_err(|error| {
            CommandError::new(Exit::Failed, "could not listen for signals").caused_by(&error)
        })?;
        let heard = poll_fn(move |context| {
            let next = heard.poll_recv(context);
            next.map(|came| came.map(|()| passed))
        });
        all.push(heard);
    }
    Ok(select_all(all))
}

/// What becomes of the program, as a thread hears of it that waits for nothing else.
fn changes(program: &Arc<Supervised>) -> Result<Receiver<Change>, CommandError> {
    let (sender, receiver) = channel(WAITING);
    let program = Arc::clone(program);
    let started = std::thread::Builder::new().spawn(move || {
        while let Ok(change) = program.wait() {
            let is_end = matches!(change, Change::Ended(_));
            if sender.blocking_send(change).is_err() || is_end {
                return;
            }
        }
    });
    match started {
        Ok(_runs_until_it_has_ended) => Ok(receiver),
        Err(error) => {
            Err(CommandError::new(Exit::Failed, "could not start a thread").caused_by(&error))
        }
    }
}
