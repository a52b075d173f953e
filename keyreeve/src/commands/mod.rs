//! The commands, one file or folder each. A command takes its settings and the [`Context`].

mod advise;
mod api_key_helper;
mod ask;
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
mod help;
mod hook;
mod import;
mod inspect;
mod key;
mod limits;
mod onboard;
mod profile;
mod requests;
mod sandbox;
mod serve;
mod status;
mod statusline;
mod store;
mod usage;
mod version;

use crate::context::Context;
use crate::error::CommandError;
use crate::settings::Command;

/// Runs a command.
///
/// # Errors
/// The command's error, not printed yet.
pub(crate) fn run(command: Command, context: Context) -> Result<(), CommandError> {
    match command {
        Command::Onboard(onboard) => onboard::run(onboard, &context),
        Command::Serve(serve) => serve::run(serve, context),
        Command::Unit(unit) => serve::unit::run(unit, &context),
        Command::Sandbox(sandbox) => sandbox::run(sandbox, &context),
        Command::Exec(exec) => exec::run(exec, &context),
        Command::Env(env) => env::run(&env, &context),
        Command::Doctor(doctor) => doctor::run(&doctor, &context),
        Command::Status(status) => status::run(&status, &context),
        Command::Guard(guard) => guard::run(&guard, &context),
        Command::Advise(use_case) => advise::run(use_case, &context),
        Command::Bind(bind) => bind::run(&bind, &context),
        Command::Unbind(directory) => bind::unbind(&directory, &context),
        Command::Bindings => bind::list(&context),
        Command::Hook(shell) => hook::run(shell, &context),
        Command::Statusline(statusline) => statusline::run(statusline, &context),
        Command::Check(check) => check::run(check, &context),
        Command::Ask(ask) => ask::run(&ask, &context),
        Command::Inspect(inspect) => inspect::run(inspect, &context),
        Command::Profile(profile) => profile::run(profile, &context),
        Command::Key(key) => key::run(key, &context),
        Command::Import(import) => import::run(&import, &context),
        Command::Connect(connect) => connect::run(&connect, &context),
        Command::Helper(choice) => api_key_helper::run(choice, context),
        Command::Credential(choice) => credential::run(choice, context),
        Command::Usage(usage) => usage::run(usage, &context),
        Command::Requests(query) => requests::run(query, &context),
        Command::Limits => limits::run(&context),
        Command::Store(store) => store::run(store, &context),
        Command::Config(config) => config::run(config, &context),
        Command::Completions(shell) => completions::run(shell, &context),
        Command::Version => version::run(&context),
        Command::Help(path) => help::run(&path, &context),
    }
}
