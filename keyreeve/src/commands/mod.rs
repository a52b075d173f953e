//! One file a command. Each takes its own settings and the [`World`], does one thing and says so.

mod advise;
mod api_key_helper;
mod ask;
mod attempts;
mod bind;
mod check;
mod completions;
mod config;
mod connect;
mod credential;
mod doctor;
mod env;
mod exec;
mod guard;
mod handing;
mod hook;
mod import;
mod inspect;
mod key;
mod launching;
mod limits;
mod onboard;
mod pasted;
mod profile;
mod quoting;
mod sandbox;
mod serve;
mod status;
mod statusline;
mod store;
mod supervising;
mod usage;
mod version;

use crate::error::CommandError;
use crate::settings::Command;
use crate::wiring::World;

/// Does what was asked.
///
/// # Errors
/// Whatever the command fails with; nothing was printed about it yet.
pub(crate) fn run(command: Command, world: World) -> Result<(), CommandError> {
    match command {
        Command::Onboard(onboard) => onboard::run(onboard, &world),
        Command::Serve(serve) => serve::run(serve, world),
        Command::Unit(unit) => serve::unit::run(unit, &world),
        Command::Sandbox(sandbox) => sandbox::run(sandbox, &world),
        Command::Exec(exec) => exec::run(exec, &world),
        Command::Env(env) => env::run(&env, &world),
        Command::Doctor(doctor) => doctor::run(&doctor, &world),
        Command::Status(status) => status::run(&status, &world),
        Command::Guard(guard) => guard::run(&guard, &world),
        Command::Advise(wanted) => advise::run(wanted, &world),
        Command::Bind(bind) => bind::run(&bind, &world),
        Command::Unbind(directory) => bind::undo(&directory, &world),
        Command::Bindings => bind::list(&world),
        Command::Hook(shell) => hook::run(shell, &world),
        Command::Statusline(statusline) => statusline::run(statusline, &world),
        Command::Check(check) => check::run(check, &world),
        Command::Ask(ask) => ask::run(&ask, &world),
        Command::Inspect(inspect) => inspect::run(inspect, &world),
        Command::Profile(profile) => profile::run(profile, &world),
        Command::Key(key) => key::run(key, &world),
        Command::Import(import) => import::run(&import, &world),
        Command::Connect(connect) => connect::run(&connect, &world),
        Command::Helper(whose) => api_key_helper::run(whose, world),
        Command::Credential(whose) => credential::run(whose, world),
        Command::Usage(usage) => usage::run(usage, &world),
        Command::Attempts(attempts) => attempts::run(attempts, &world),
        Command::Limits => limits::run(&world),
        Command::Store(store) => store::run(store, &world),
        Command::Config(config) => config::run(config, &world),
        Command::Completions(shell) => completions::run(shell, &world),
        Command::Version => version::run(&world),
    }
}
