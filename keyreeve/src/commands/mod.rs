//! The commands, one file or folder each. A command takes its settings and the [`Context`].

mod about;
mod advise;
mod ask;
mod bind;
mod check;
mod config;
mod connect;
mod credential;
mod doctor;
mod env;
mod exec;
mod guard;
mod hook;
mod import;
mod inspect;
mod key;
mod limits;
mod onboard;
mod profile;
mod protect;
mod requests;
mod sandbox;
mod serve;
mod status;
mod statusline;
mod store;
mod usage;

use crate::args::CliCommand;
use crate::context::Context;
use crate::error::CommandError;

/// Runs a command, or `status` in short without one.
///
/// # Errors
/// The command's error, not printed yet.
pub(crate) fn run(command: Option<CliCommand>, context: Context) -> Result<(), CommandError> {
    let Some(command) = command else {
        return status::run_short(&context);
    };
    match command {
        CliCommand::Onboard(args) => onboard::run(args, &context),
        CliCommand::Serve(args) => serve::run(&args, context),
        CliCommand::Sandbox(args) => sandbox::run(&args, &context),
        CliCommand::Exec(args) => exec::run(args, &context),
        CliCommand::Env(args) => env::run(&args, &context),
        CliCommand::Doctor(args) => doctor::run(&args, &context),
        CliCommand::Status(args) => status::run(&args, &context),
        CliCommand::Guard(args) => guard::run(&args, &context),
        CliCommand::Advise(args) => advise::run(args.use_case, &context),
        CliCommand::Bind(args) => bind::run(args, &context),
        CliCommand::Unbind(args) => bind::unbind(&args.directory, &context),
        CliCommand::Protect(args) => protect::run(args, &context),
        CliCommand::Bindings => bind::list(&context),
        CliCommand::Hook(args) => hook::run(args.shell, &context),
        CliCommand::Statusline(args) => statusline::run(&args, &context),
        CliCommand::Check(args) => check::run(&args, &context),
        CliCommand::Ask(args) => ask::run(&args, &context),
        CliCommand::Inspect(args) => inspect::run(&args, &context),
        CliCommand::Profile(command) => profile::run(command, &context),
        CliCommand::Key(command) => key::run(command, &context),
        CliCommand::Import(args) => import::run(&args, &context),
        CliCommand::Connect(args) => connect::run(&args, &context),
        CliCommand::Helper(args) => credential::helper(args, context),
        CliCommand::Credential(args) => credential::credential(args, context),
        CliCommand::Usage(args) => usage::run(&args, &context),
        CliCommand::Requests(args) => requests::run(&args, &context),
        CliCommand::Limits => limits::run(&context),
        CliCommand::Store(command) => store::run(command, &context),
        CliCommand::Config(command) => config::run(command, &context),
        CliCommand::Completions { shell } => about::completions(shell, &context),
        CliCommand::Version => about::version(&context),
        CliCommand::Help { command } => about::help(&command, &context),
    }
}
