//! A file that sets variables: its kind, its assignments, its keys and the files that it reads.
//!
//! Invariant: of a file only assignments, redacted keys and paths are recorded.

use std::collections::BTreeMap;

use super::assignment::{self, ExposedKey, ParsedFile, SourceCommand, VariableAssignment};
use super::file_formats::LineFormat;
use super::lexer::Dialect;
use super::structure::Reach;
use super::syntax::Syntax;

/// A file that sets variables.
#[derive(Debug)]
pub struct Script {
    /// The path.
    pub(crate) path: String,
    /// The kind of file.
    pub(crate) kind: ScriptKind,
    /// The relevant assignments in it.
    pub assignments: Vec<VariableAssignment>,
    /// Other keys in it.
    pub(crate) keys: Vec<ExposedKey>,
    /// Keys in its comments.
    pub(crate) commented_keys: Vec<ExposedKey>,
    /// Its permission bits, if they are known.
    pub(crate) mode: Option<u32>,
    /// The file and line that reads it, if a shell does not read it by itself.
    pub(crate) read_by: Option<String>,
    sources: Vec<SourceCommand>,
    paths: BTreeMap<String, String>,
    /// The part of all shells that read it.
    reach: Reach,
}

/// A file that a script reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourcedFile {
    /// The line of the command.
    pub line: usize,
    /// The path, with a `*` in its last part if it names several files; `None` if it is known only when the line runs.
    pub path: Option<String>,
    reach: Reach,
}

/// The kind of a file that sets variables, by the program that reads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScriptKind {
    /// Read by a login shell, and often by the desktop.
    Sh,
    /// `bash`
    Bash,
    /// `zsh`
    Zsh,
    /// `csh` and `tcsh`
    Csh,
    /// `fish`
    Fish,
    /// The universal variables of `fish`.
    FishVariables,
    /// PowerShell
    PowerShell,
    /// Nushell
    Nu,
    /// Every session of the machine or the user.
    System,
    /// Every session that `pam_env` starts.
    Pam,
    /// `direnv`
    Direnv,
    /// Programs that read `.env`.
    DotEnv,
    /// `mise`
    Mise,
    /// The terminal of an editor.
    Editor,
    /// A CI service.
    Ci,
    /// Docker Compose.
    Compose,
    /// The build of a container image.
    Dockerfile,
    /// A development container.
    DevContainer,
    /// MCP servers of a project or a user.
    McpServers,
}

/// The group of a kind, by who reads the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScriptGroup {
    /// A new shell or session.
    Shell,
    /// Tools that run in a project's directory.
    Environment,
    /// An editor.
    Editor,
    /// A CI service.
    Ci,
    /// A container or the servers of an agent: files that are usually shared.
    Shared,
}

impl ScriptKind {
    /// Guesses the kind of a file of shells, sessions or tools by its name.
    pub fn guess(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        match (name, extension) {
            ("fish_variables", _) => Self::FishVariables,
            (".pam_environment", _) => Self::Pam,
            (_, Some("fish")) => Self::Fish,
            (_, Some("ps1")) => Self::PowerShell,
            (_, Some("nu")) => Self::Nu,
            (_, Some("toml")) => Self::Mise,
            (_, Some("csh" | "cshrc" | "tcshrc")) => Self::Csh,
            _ => Self::Sh,
        }
    }

    /// Returns the name of a new session that reads it: `zsh`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sh => "login shell",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Csh => "csh",
            Self::Fish | Self::FishVariables => "fish",
            Self::PowerShell => "PowerShell",
            Self::Nu => "Nushell",
            Self::System | Self::Pam => "session",
            Self::Direnv => "direnv",
            Self::DotEnv => ".env",
            Self::Mise => "mise",
            Self::Editor => "editor's terminal",
            Self::Ci => "CI job",
            Self::Compose => "container",
            Self::Dockerfile => "container image",
            Self::DevContainer => "development container",
            Self::McpServers => "MCP server",
        }
    }

    pub(super) fn group(self) -> ScriptGroup {
        match self {
            Self::Sh
            | Self::Bash
            | Self::Zsh
            | Self::Csh
            | Self::Fish
            | Self::FishVariables
            | Self::PowerShell
            | Self::Nu
            | Self::System
            | Self::Pam => ScriptGroup::Shell,
            Self::Direnv | Self::DotEnv | Self::Mise => ScriptGroup::Environment,
            Self::Editor => ScriptGroup::Editor,
            Self::Ci => ScriptGroup::Ci,
            Self::Compose | Self::Dockerfile | Self::DevContainer | Self::McpServers => {
                ScriptGroup::Shared
            }
        }
    }

    /// Returns `true` if every new shell reads it.
    pub(crate) fn is_shell(self) -> bool {
        self.group() == ScriptGroup::Shell
    }

    /// Returns the shells that can check its syntax, the preferred one first; empty if none can.
    pub fn interpreters(self) -> &'static [&'static str] {
        self.syntax().map_or(&[], |(_, interpreters)| interpreters)
    }

    /// Returns the dialect of a script whose structure is understood.
    pub(super) fn dialect(self) -> Option<Dialect> {
        self.syntax().map(|(dialect, _)| dialect)
    }

    fn syntax(self) -> Option<(Dialect, &'static [&'static str])> {
        match self {
            // Login shells of most users are `bash`, and their files use its syntax.
            Self::Sh => Some((Dialect::Posix, &["sh", "bash"])),
            Self::Bash | Self::Direnv => Some((Dialect::Posix, &["bash"])),
            Self::Zsh => Some((Dialect::Posix, &["zsh"])),
            Self::Fish => Some((Dialect::Fish, &["fish"])),
            Self::Csh
            | Self::FishVariables
            | Self::PowerShell
            | Self::Nu
            | Self::System
            | Self::Pam
            | Self::DotEnv
            | Self::Mise
            | Self::Editor
            | Self::Ci
            | Self::Compose
            | Self::Dockerfile
            | Self::DevContainer
            | Self::McpServers => None,
        }
    }

    fn format(self) -> LineFormat {
        match self {
            Self::Sh
            | Self::Bash
            | Self::Zsh
            | Self::Csh
            | Self::System
            | Self::Direnv
            | Self::DotEnv => LineFormat::Lines(Syntax::Posix),
            Self::Fish => LineFormat::Lines(Syntax::Fish),
            Self::PowerShell => LineFormat::Lines(Syntax::PowerShell),
            Self::Editor | Self::DevContainer | Self::McpServers => LineFormat::Lines(Syntax::Json),
            Self::Ci | Self::Compose => LineFormat::Lines(Syntax::Yaml),
            Self::FishVariables => LineFormat::FishVariables,
            Self::Nu => LineFormat::Nu,
            Self::Pam => LineFormat::Pam,
            Self::Mise => LineFormat::Toml,
            Self::Dockerfile => LineFormat::Dockerfile,
        }
    }

    /// Parses the text of a file of this kind.
    pub(super) fn parse(self, text: &str) -> ParsedFile {
        assignment::parse(text, self.format(), self.dialect())
    }
}

impl Script {
    /// Parses the text of a file.
    pub fn parse(path: String, kind: ScriptKind, text: &str) -> Self {
        let parsed = kind.parse(text);
        Self {
            path,
            kind,
            assignments: parsed.assignments,
            keys: parsed.keys,
            commented_keys: parsed.commented_keys,
            mode: None,
            read_by: None,
            sources: parsed.sources,
            paths: parsed.paths,
            reach: Reach::Always,
        }
    }

    /// Parses a file that another script reads. It reaches no more shells than the command that reads it.
    pub fn parse_sourced(path: String, by: &Self, command: &SourcedFile, text: &str) -> Self {
        let mut script = Self::parse(path, by.kind, text);
        script.reach = by.reach.max(command.reach);
        for assignment in &mut script.assignments {
            assignment.reach = assignment.reach.max(script.reach);
        }
        script.read_by = Some(format!("{}:{}", by.path, command.line));
        script
    }

    /// Records the permission bits of the file.
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Returns the last assignment of a variable.
    pub fn last_assignment(&self, name: &str) -> Option<&VariableAssignment> {
        let mut all = self.assignments.iter().rev();
        all.find(|assignment| assignment.name == name)
    }

    /// Returns the last assignment of a variable that every new shell runs, which determines its value.
    pub fn effective_assignment(&self, name: &str) -> Option<&VariableAssignment> {
        let mut all = self.assignments.iter().rev();
        all.find(|it| it.name == name && it.reach == Reach::Always)
    }

    /// Returns the files that it reads. `variable` returns the value of a variable of the environment.
    pub fn sourced_files(&self, variable: impl Fn(&str) -> Option<String>) -> Vec<SourcedFile> {
        let lookup = |name: &str, depth: usize| self.lookup(name, &variable, depth);
        let mut all = Vec::new();
        for source in &self.sources {
            for path in &source.paths {
                all.push(SourcedFile {
                    line: source.line,
                    path: expand(path, &|name| lookup(name, 0)).filter(|it| it.starts_with('/')),
                    reach: source.reach,
                });
            }
        }
        all
    }

    /// Returns the value of a variable: in the environment, or as the script itself assigns it.
    fn lookup(
        &self,
        name: &str,
        variable: &impl Fn(&str) -> Option<String>,
        depth: usize,
    ) -> Option<String> {
        let from_environment = variable(name).filter(|value| !value.is_empty());
        from_environment.or_else(|| {
            let assigned = self.paths.get(name).filter(|_| depth < 4)?;
            expand(assigned, &|name| self.lookup(name, variable, depth + 1))
        })
    }
}

/// Expands `~`, `$NAME`, `${NAME}` and `${NAME:-default}`. Returns `None` for anything else that is known only when the
/// line runs.
fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = text;
    if let Some(below) = rest.strip_prefix("~/") {
        expanded.push_str(&lookup("HOME")?);
        expanded.push('/');
        rest = below;
    }
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, default, remaining) = if let Some(inside) = after.strip_prefix('{') {
            let (inside, remaining) = inside.split_once('}')?;
            match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default), remaining),
                None => (inside, None, remaining),
            }
        } else {
            let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            let length = after.find(is_end).unwrap_or(after.len());
            (&after[..length], None, &after[length..])
        };
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let value = is_name.then(|| lookup(name)).flatten();
        let default = || expand(default?, lookup);
        expanded.push_str(&value.or_else(default)?);
        rest = remaining;
    }
    expanded.push_str(rest);
    (!expanded.contains(['`', '('])).then_some(expanded)
}
