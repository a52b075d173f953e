//! The systemd user unit by which the gateway is there whenever somebody asks: its text, and its file.
//!
//! Invariants: no secret stands in it; a unit that somebody else wrote is neither replaced nor removed; systemd itself is
//! never told anything: the two commands are printed.

use std::path::{Path, PathBuf};

use keyreeve_core::snapshot::Environment;
use keyreeve_os::files::{FileError, Make, SafeDir};
use keyreeve_os::process;
use serde::Serialize;

use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::places::{self, Places};
use crate::settings::{Flags, Unit};
use crate::variables;
use crate::wiring::World;

const NAME: &str = "keyreeve.service";
/// By this line we know what we wrote.
const MARK: &str = "# Written by `keyreeve serve --install`, which replaces it.";
/// No unit has more bytes than this.
const LIMIT: usize = 64 * 1024;

#[derive(Serialize)]
struct Installed {
    unit: PathBuf,
    /// What to run next.
    commands: [&'static str; 2],
}

const START: [&str; 2] = [
    "systemctl --user daemon-reload",
    "systemctl --user enable --now keyreeve",
];
const STOP: [&str; 2] = [
    "systemctl --user disable --now keyreeve",
    "systemctl --user daemon-reload",
];

/// Writes, prints or removes the unit.
pub(in crate::commands) fn run(unit: Unit, world: &World) -> Result<(), CommandError> {
    match unit {
        Unit::Print => Ok(world.output.verbatim(&text_for(world)?)?),
        Unit::Install => install(world),
        Unit::Uninstall => uninstall(world),
    }
}

fn install(world: &World) -> Result<(), CommandError> {
    let text = text_for(world)?;
    let directory = SafeDir::open(&folder(world)?, Make::IfAbsent)?;
    if is_ours(&directory)? == Some(false) {
        return Err(not_ours(&directory));
    }
    directory.replace(NAME, text.as_bytes())?;
    told(
        &directory,
        START,
        "the unit is written; start it with",
        world,
    )
}

fn uninstall(world: &World) -> Result<(), CommandError> {
    let none = || {
        CommandError::new(Exit::Failed, "there is no unit of keyreeve's")
            .hint("keyreeve serve --install")
    };
    let directory = match SafeDir::open(&folder(world)?, Make::Never) {
        Ok(directory) => directory,
        Err(FileError::Missing { .. }) => return Err(none()),
        Err(error) => return Err(error.into()),
    };
    match is_ours(&directory)? {
        None => Err(none()),
        Some(false) => Err(not_ours(&directory)),
        Some(true) => {
            directory.remove(NAME)?;
            told(
                &directory,
                STOP,
                "the unit is removed; stop what it started with",
                world,
            )
        }
    }
}

fn told(
    directory: &SafeDir,
    commands: [&'static str; 2],
    note: &str,
    world: &World,
) -> Result<(), CommandError> {
    let unit = directory.path().join(NAME);
    match world.output.format() {
        Format::Json => world.output.document(&Installed { unit, commands })?,
        Format::Human => {
            world.output.line(&unit.display().to_string())?;
            world.output.note(note);
            for command in commands {
                world.output.hint(command);
            }
        }
    }
    Ok(())
}

/// Whether the unit that is there was written by us; none where there is none.
fn is_ours(directory: &SafeDir) -> Result<Option<bool>, CommandError> {
    if !directory.contains(NAME)? {
        return Ok(None);
    }
    // What others can read or write, or what is a link, is not as we wrote it.
    let read = directory.read(NAME, LIMIT);
    Ok(Some(
        read.is_ok_and(|bytes| bytes.starts_with(MARK.as_bytes())),
    ))
}

fn not_ours(directory: &SafeDir) -> CommandError {
    let path = directory.path().join(NAME);
    CommandError::new(
        Exit::Failed,
        format!("{} is not keyreeve's: it stays as it is", path.display()),
    )
    .hint("keyreeve serve --install --print")
}

/// Where a person's own units lie, by systemd.unit(5).
fn folder(world: &World) -> Result<PathBuf, CommandError> {
    Ok(places::user_config(&world.snapshot.environment)?.join("systemd/user"))
}

fn text_for(world: &World) -> Result<String, CommandError> {
    let places = world.places()?;
    // Problems of the settings are told now, not by a unit that fails at the next boot.
    world.settings(&places)?;
    let program = process::own_program().map_err(|error| {
        CommandError::new(Exit::Failed, "could not find out where this program lies")
            .caused_by(&error)
    })?;
    let places = says_where(&world.snapshot.environment).then_some(&places);
    text(&program, &world.flags, places)
}

/// Whether the environment says where keyreeve's things are: the person's service manager may not know.
fn says_where(environment: &Environment) -> bool {
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

/// Writes the unit. The limits are those a service of a person's own can have, and that a credential command bears.
fn text(program: &Path, flags: &Flags, places: Option<&Places>) -> Result<String, CommandError> {
    let program = quoted(&path_text(program)?, Dollar::Kept);
    let mut start = vec![program, "serve".to_owned()];
    if let Some(listen) = flags.listen.first() {
        start.extend(["--listen".to_owned(), quoted(listen, Dollar::Doubled)]);
    }
    if !flags.pass_through.is_empty() {
        start.push("--pass-through".to_owned());
    }
    let start = start.join(" ");
    let mut environment = Vec::new();
    if let Some(places) = places {
        for (name, path) in [
            (variables::CONFIG_DIR, &places.config),
            (variables::DATA_DIR, &places.data),
            (variables::STATE_DIR, &places.state),
        ] {
            let assignment = format!("{name}={}", path_text(path)?);
            environment.push(format!(
                "Environment={}\n",
                quoted(&assignment, Dollar::Kept)
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
# A credential command that needs a set-id program, such as op, wants NoNewPrivileges=no and no Restrict… at all.
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

/// What a dollar means where a word stands: systemd puts variables into arguments, and nowhere else.
#[derive(Clone, Copy)]
enum Dollar {
    Kept,
    Doubled,
}

/// A word as systemd reads it back (systemd.service(5), systemd.syntax(7)).
fn quoted(word: &str, dollar: Dollar) -> String {
    let word = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    let word = match dollar {
        Dollar::Kept => word,
        Dollar::Doubled => word.replace('$', "$$"),
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
                format!("{} cannot stand in a unit", path.display()),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        for (word, dollar, expected) in [
            ("/usr/bin/keyreeve", Dollar::Kept, "\"/usr/bin/keyreeve\""),
            ("/my bin/100%/k", Dollar::Kept, "\"/my bin/100%%/k\""),
            (r#"/a"b\c/$d"#, Dollar::Kept, r#""/a\"b\\c/$d""#),
            ("$HOME", Dollar::Doubled, "\"$$HOME\""),
        ] {
            assert_eq!(quoted(word, dollar), expected);
        }
    }

    #[test]
    fn a_line_break_in_a_path_is_refused() {
        let none = Flags::default();
        assert!(text(Path::new("/a\nExecStart=/b"), &none, None).is_err());
        let flags = Flags {
            listen: vec!["127.0.0.1:9000".to_owned()],
            pass_through: vec!["true".to_owned()],
        };
        let unit = text(Path::new("/a b/keyreeve"), &flags, None).unwrap();
        let start =
            "ExecStart=\"/a b/keyreeve\" serve --listen \"127.0.0.1:9000\" --pass-through\n";
        assert!(unit.contains(start), "{unit}");
    }
}
