//! `serve --install`: writes, prints or removes the systemd user unit that runs the gateway.
//!
//! Invariants: the unit contains no secret; a unit not written by keyreeve is neither replaced nor removed; systemd itself is
//! never called: the two commands are printed.

use std::path::{Path, PathBuf};

use keyreeve_os::environment::Environment;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use keyreeve_os::process;
use serde::Serialize;

use crate::args::ServeArgs;
use crate::context::Context;
use crate::dirs::{self, Dirs};
use crate::error::{CommandError, Exit};
use crate::output::Line;
use crate::settings::Flags;
use crate::variables;

const NAME: &str = "keyreeve.service";
/// First line of the units we write, by which we recognize them.
const MARK: &str = "# Written by `keyreeve serve --install`, which replaces it.";
/// Maximum size of a unit file in bytes.
const MAX_UNIT: usize = 64 * 1024;

#[derive(Serialize)]
struct UnitReport {
    unit: PathBuf,
    /// Commands to run next.
    commands: [&'static str; 2],
}

const START_COMMANDS: [&str; 2] = [
    "systemctl --user daemon-reload",
    "systemctl --user enable --now keyreeve",
];
const STOP_COMMANDS: [&str; 2] = [
    "systemctl --user disable --now keyreeve",
    "systemctl --user daemon-reload",
];

/// Writes, prints or removes the unit.
pub(super) fn run(serve: &ServeArgs, context: &Context) -> Result<(), CommandError> {
    if serve.uninstall {
        uninstall(context)
    } else if serve.print {
        Ok(context.output.verbatim(&current_unit(context)?)?)
    } else {
        install(context)
    }
}

fn install(context: &Context) -> Result<(), CommandError> {
    let text = current_unit(context)?;
    let directory = SafeDir::open(&unit_directory(context)?, CreateDir::IfMissing)?;
    if is_ours(&directory)? == Some(false) {
        return Err(foreign_unit(&directory));
    }
    directory.replace(NAME, text.as_bytes())?;
    report(
        &directory,
        START_COMMANDS,
        "Wrote the unit. Start it with:",
        context,
    )
}

fn uninstall(context: &Context) -> Result<(), CommandError> {
    let not_installed = || {
        CommandError::new(Exit::Failed, "keyreeve's systemd unit is not installed")
            .fix("keyreeve serve --install")
    };
    let directory = match SafeDir::open(&unit_directory(context)?, CreateDir::Never) {
        Ok(directory) => directory,
        Err(FileError::Missing { .. }) => return Err(not_installed()),
        Err(error) => return Err(error.into()),
    };
    match is_ours(&directory)? {
        None => Err(not_installed()),
        Some(false) => Err(foreign_unit(&directory)),
        Some(true) => {
            directory.remove(NAME)?;
            report(
                &directory,
                STOP_COMMANDS,
                "Removed the unit. Stop the running service with:",
                context,
            )
        }
    }
}

fn report(
    directory: &SafeDir,
    commands: [&'static str; 2],
    message: &str,
    context: &Context,
) -> Result<(), CommandError> {
    let view = UnitReport {
        unit: directory.path().join(NAME),
        commands,
    };
    Ok(context.output.show(&view, |view| render(view, message))?)
}

fn render(view: &UnitReport, message: &str) -> Vec<Line> {
    let mut lines = vec![
        Line::Data(view.unit.display().to_string()),
        Line::Success(message.to_owned()),
    ];
    let commands = view.commands.iter();
    lines.extend(commands.map(|command| Line::Success(format!("  {command}"))));
    lines
}

/// Returns whether keyreeve wrote the existing unit, or `None` if there is no unit.
fn is_ours(directory: &SafeDir) -> Result<Option<bool>, CommandError> {
    if !directory.contains(NAME)? {
        return Ok(None);
    }
    // A file that other users can access, or a link, was not written by us.
    let read = directory.read(NAME, MAX_UNIT);
    Ok(Some(
        read.is_ok_and(|bytes| bytes.starts_with(MARK.as_bytes())),
    ))
}

fn foreign_unit(directory: &SafeDir) -> CommandError {
    let path = directory.path().join(NAME);
    CommandError::new(
        Exit::Failed,
        format!(
            "{} was not written by keyreeve and is left unchanged",
            path.display()
        ),
    )
    .fix("keyreeve serve --install --print")
}

/// Returns the directory of user units, see systemd.unit(5).
fn unit_directory(context: &Context) -> Result<PathBuf, CommandError> {
    Ok(dirs::user_config(&context.snapshot.environment)?.join("systemd/user"))
}

fn current_unit(context: &Context) -> Result<String, CommandError> {
    let dirs = context.dirs()?;
    // Invalid settings fail now, not when the unit starts at the next boot.
    context.settings(&dirs)?;
    let program = process::own_program().map_err(|error| {
        CommandError::new(Exit::Failed, "cannot find the path of this program").caused_by(&error)
    })?;
    let dirs = sets_directories(&context.snapshot.environment).then_some(&dirs);
    unit_text(&program, &context.flags, dirs)
}

/// Returns `true` if the environment sets keyreeve's directories: the user's service manager may not have these variables.
fn sets_directories(environment: &Environment) -> bool {
    [
        variables::HOME,
        variables::CONFIG_DIR,
        variables::DATA_DIR,
        variables::STATE_DIR,
        variables::XDG_CONFIG_HOME,
        variables::XDG_DATA_HOME,
        variables::XDG_STATE_HOME,
    ]
    .into_iter()
    .any(|name| environment.get(name).is_some_and(|value| !value.is_empty()))
}

/// Returns the unit's text. Its restrictions are those available to a user service and compatible with credential commands.
fn unit_text(program: &Path, flags: &Flags, dirs: Option<&Dirs>) -> Result<String, CommandError> {
    let program = quote(&path_text(program)?, DollarSign::Literal);
    let mut start = vec![program, "serve".to_owned()];
    if let Some(listen) = flags.listen.first() {
        start.extend(["--listen".to_owned(), quote(listen, DollarSign::Escaped)]);
    }
    if !flags.pass_through.is_empty() {
        start.push("--pass-through".to_owned());
    }
    if let Some(format) = flags.log_format.first() {
        start.extend([
            "--log-format".to_owned(),
            quote(format, DollarSign::Escaped),
        ]);
    }
    let start = start.join(" ");
    let mut environment = Vec::new();
    if let Some(dirs) = dirs {
        for (name, path) in [
            (variables::CONFIG_DIR, &dirs.config),
            (variables::DATA_DIR, &dirs.data),
            (variables::STATE_DIR, &dirs.state),
        ] {
            let assignment = format!("{name}={}", path_text(path)?);
            environment.push(format!(
                "Environment={}\n",
                quote(&assignment, DollarSign::Literal)
            ));
        }
    }
    let environment = environment.concat();
    Ok(format!(
        "{MARK}
# Your own changes: systemctl --user edit keyreeve
[Unit]
Description=keyreeve, a credential broker for the Anthropic API
Documentation=https://github.com/keyreeve/keyreeve

[Service]
Type=exec
ExecStart={start}
{environment}Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2 3
TimeoutStopSec=45
UMask=0077
LimitCORE=0
LockPersonality=yes
# A credential command that needs a setuid program, such as op, needs NoNewPrivileges=no and no Restrict… line.
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"
    ))
}

/// Treatment of a dollar sign: systemd expands variables in arguments, and only there.
#[derive(Clone, Copy)]
enum DollarSign {
    Literal,
    Escaped,
}

/// Quotes a word for systemd (systemd.service(5), systemd.syntax(7)).
fn quote(word: &str, dollar: DollarSign) -> String {
    let word = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    let word = match dollar {
        DollarSign::Literal => word,
        DollarSign::Escaped => word.replace('$', "$$"),
    };
    format!("\"{word}\"")
}

fn path_text(path: &Path) -> Result<String, CommandError> {
    path.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| {
            CommandError::new(
                Exit::Configuration,
                format!("path {} cannot be written into a unit file", path.display()),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_systemd() {
        for (word, dollar, expected) in [
            (
                "/usr/bin/keyreeve",
                DollarSign::Literal,
                "\"/usr/bin/keyreeve\"",
            ),
            ("/my bin/100%/k", DollarSign::Literal, "\"/my bin/100%%/k\""),
            (r#"/a"b\c/$d"#, DollarSign::Literal, r#""/a\"b\\c/$d""#),
            ("$HOME", DollarSign::Escaped, "\"$$HOME\""),
        ] {
            assert_eq!(quote(word, dollar), expected);
        }
    }

    #[test]
    fn line_break_in_a_path_is_refused() {
        let no_flags = Flags::default();
        assert!(unit_text(Path::new("/a\nExecStart=/b"), &no_flags, None).is_err());
        let flags = Flags {
            listen: vec!["127.0.0.1:9000".to_owned()],
            pass_through: vec!["true".to_owned()],
            log_format: vec!["json".to_owned()],
        };
        let unit = unit_text(Path::new("/a b/keyreeve"), &flags, None).unwrap();
        let start = "ExecStart=\"/a b/keyreeve\" serve --listen \"127.0.0.1:9000\" --pass-through --log-format \"json\"\n";
        assert!(unit.contains(start), "{unit}");
    }
}
