//! The variables that a file sets, the keys in it, and the files that it reads.
//!
//! Invariants: only variables that hold or redirect credentials are recorded; no line, whatever its length or content,
//! causes a failure; a value is hidden text, and only its family and its redacted form are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use keyreeve_core::token::{Family, contains_token, redact, scan};

use super::blocks;
use super::file_formats::{self, LineFormat};
use super::lexer::{Dialect, Lexed, Word, lex};
use super::placeholder::is_harmless;
use super::structure::{Reach, ScriptCommand, Structure};
use super::syntax::{self, AssignedValue, ShellCommand, Syntax, is_name};
use crate::rules::variables::{BASE_URL, CREDENTIALS};

/// The maximum length of a parsed line, in bytes; a longer one is data.
const MAX_LINE_BYTES: usize = 32 * 1024;

/// A variable that a line sets or unsets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VariableAssignment {
    /// The variable.
    pub(crate) name: String,
    /// Its value.
    pub value: AssignedValue,
    /// The line, counted from 1.
    pub line: usize,
    /// The rest of the line.
    pub line_content: LineContent,
    /// The shells that run it.
    pub reach: Reach,
    /// `true` if something must take its place: it is in a block, or an operator joins it to another command.
    pub(super) needs_replacement: bool,
}

/// The rest of an assignment's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineContent {
    /// Nothing else: the line can be commented out.
    Alone,
    /// Other content, which the user must review.
    Mixed,
}

/// A key in plain text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExposedKey {
    /// The line, counted from 1.
    pub line: usize,
    /// The family its prefix names.
    pub(crate) family: Family,
    /// The key in redacted form.
    pub(crate) hint: String,
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
}

/// A command that reads another file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SourceCommand {
    pub(super) line: usize,
    /// The path as it is written, or the values of the loop's variable.
    pub(super) paths: Vec<String>,
    pub(super) reach: Reach,
}

/// The parts of a file that matter.
#[derive(Default)]
pub(super) struct ParsedFile {
    pub(super) assignments: Vec<VariableAssignment>,
    /// Keys outside assignments and comments.
    pub(super) keys: Vec<ExposedKey>,
    /// Keys in comments.
    pub(super) commented_keys: Vec<ExposedKey>,
    pub(super) sources: Vec<SourceCommand>,
    /// The paths that the file itself assigns to variables, as they are written.
    pub(super) paths: BTreeMap<String, String>,
    /// The words of each command, and the number of empty blocks; `None` if the structure is not understood.
    pub(super) outline: Option<Outline>,
}

/// The shape of a script, to compare it before and after a change.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Outline {
    /// The line and the number of words of each command.
    pub(super) commands: Vec<(usize, usize)>,
    pub(super) empty_blocks: usize,
}

impl ExposedKey {
    fn new(text: &str, line: usize, range: Range<usize>) -> Self {
        let key = text.get(range.clone()).unwrap_or_default();
        Self {
            line,
            family: Family::from_prefix(key),
            hint: redact(key),
            range,
        }
    }
}

/// A line with its number and the offset of its first byte.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    offset: usize,
    text: &'a str,
    /// `true` if the line before continues on this one.
    follows: bool,
}

/// Returns the lines that may be relevant; most are not, and are not parsed.
fn relevant_lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let (mut offset, mut continued) = (0, false);
    text.split_inclusive('\n')
        .enumerate()
        .map(move |(at, full)| {
            let content = full.trim_end_matches(['\n', '\r']);
            let line = Line {
                number: at + 1,
                offset,
                text: content,
                follows: std::mem::replace(&mut continued, is_continued(content)),
            };
            offset += full.len();
            line
        })
        .filter(|line| line.text.len() <= MAX_LINE_BYTES && may_be_relevant(line.text))
}

/// Returns `true` if a line continues on the next one, in a shell or in PowerShell.
fn is_continued(line: &str) -> bool {
    line.ends_with(['\\', '`'])
}

fn may_be_relevant(line: &str) -> bool {
    // `fish` writes the hyphens of a key in its file of variables as `\x2d`.
    line.contains("ANTHROPIC_")
        || line.contains("CLAUDE_CODE_")
        || line.contains("sk\\x2dant")
        || contains_token(line)
}

/// Parses a file. A script has a dialect.
pub(super) fn parse(text: &str, format: LineFormat, dialect: Option<Dialect>) -> ParsedFile {
    if let (Some(dialect), LineFormat::Lines(syntax)) = (dialect, format) {
        let mut lexed = lex(text, dialect);
        let tokens = std::mem::take(&mut lexed.tokens);
        if lexed.is_complete
            && let Some(structure) = blocks::parse(tokens, dialect)
        {
            return parse_script(text, syntax, &lexed, &structure);
        }
    }
    parse_lines(text, format, dialect)
}

/// Parses a file line by line. In a script whose structure is not understood no line can be removed.
fn parse_lines(text: &str, format: LineFormat, dialect: Option<Dialect>) -> ParsedFile {
    let mut parsed = ParsedFile::default();
    for line in relevant_lines(text) {
        let is_joined = line.follows || is_continued(line.text);
        let commands = file_formats::commands(line.text, format);
        let is_alone = commands.len() == 1 && !is_joined && dialect.is_none();
        let line_content = if is_alone {
            LineContent::Alone
        } else {
            LineContent::Mixed
        };
        let before = parsed.assignments.len();
        for command in &commands {
            let position = Position {
                line: line.number,
                line_content,
                reach: Reach::Always,
                needs_replacement: false,
            };
            parsed
                .assignments
                .extend(command_assignments(command, position));
        }
        let whole = line.offset..line.offset + line.text.len();
        if commands.is_empty() {
            let keys = keys_in_comment(text, line.number, whole, format);
            parsed.commented_keys.extend(keys);
        } else if parsed.assignments.len() == before {
            parsed.keys.extend(tokens_in(text, line.number, whole));
        }
    }
    parsed
}

fn parse_script(text: &str, syntax: Syntax, lexed: &Lexed, structure: &Structure) -> ParsedFile {
    let mut parsed = ParsedFile::default();
    let occupied = occupied_lines(lexed, structure);
    for command in structure.commands.iter().filter(|it| !is_no_op(it)) {
        let assignments = script_assignments(command, syntax, structure, &occupied);
        parsed.assignments.extend(assignments);
        parsed.sources.extend(source(command, structure));
        parsed.paths.extend(assigned_paths(&command.words, syntax));
    }
    let format = LineFormat::Lines(syntax);
    for (line, range) in &lexed.comments {
        let keys = keys_in_comment(text, *line, range.clone(), format);
        parsed.commented_keys.extend(keys);
    }
    let here_document: BTreeSet<usize> = lexed.here_document_lines.iter().copied().collect();
    let mut comments = lexed.comments.iter().peekable();
    let assigned: BTreeSet<usize> = parsed.assignments.iter().map(|it| it.line).collect();
    for line in relevant_lines(text) {
        let before = parsed.assignments.len();
        if here_document.contains(&line.number) {
            let commands = syntax::commands(line.text, syntax);
            let position = Position {
                line: line.number,
                line_content: LineContent::Mixed,
                reach: Reach::HereDocument,
                needs_replacement: false,
            };
            let assignments = commands
                .iter()
                .flat_map(|it| command_assignments(it, position));
            parsed.assignments.extend(assignments);
        }
        while comments.next_if(|(at, _)| *at < line.number).is_some() {}
        let comment = comments.peek().filter(|(at, _)| *at == line.number);
        let end = comment.map_or(line.offset + line.text.len(), |(_, range)| range.start);
        if !assigned.contains(&line.number) && parsed.assignments.len() == before {
            let range = line.offset..end.max(line.offset);
            parsed.keys.extend(tokens_in(text, line.number, range));
        }
    }
    parsed.assignments.sort_by_key(|assignment| assignment.line);
    parsed.outline = Some(Outline {
        commands: outline(structure),
        empty_blocks: structure.empty_blocks,
    });
    parsed
}

fn outline(structure: &Structure) -> Vec<(usize, usize)> {
    let position = |command: &ScriptCommand| {
        let first = command.words.first();
        (first.map_or(0, |word| word.line), command.words.len())
    };
    structure.commands.iter().map(position).collect()
}

/// Returns the number of commands, keywords and operators on each line. A line that is joined to the next one is
/// counted as if it had more than one.
fn occupied_lines(lexed: &Lexed, structure: &Structure) -> BTreeMap<usize, usize> {
    let mut occupied = structure.structural_words.clone();
    for line in &lexed.continued_lines {
        for joined in [*line, *line + 1] {
            *occupied.entry(joined).or_default() += 2;
        }
    }
    for command in &structure.commands {
        let lines = command.words.first().zip(command.words.last());
        let (first, last) = lines.map_or((0, 0), |(first, last)| (first.line, last.end_line));
        if !is_no_op(command) {
            *occupied.entry(first).or_default() += if first == last { 1 } else { 2 };
        }
    }
    occupied
}

/// Returns `true` for `:`, which precedes a line that was commented out in a block.
fn is_no_op(command: &ScriptCommand) -> bool {
    syntax::is_no_op(&command.words)
}

fn script_assignments(
    command: &ScriptCommand,
    syntax: Syntax,
    structure: &Structure,
    occupied: &BTreeMap<usize, usize>,
) -> Vec<VariableAssignment> {
    let is_candidate = |word: &Word| may_be_relevant(&word.text);
    if !command.words.iter().any(is_candidate) {
        return Vec::new();
    }
    let line = command.words.first().map_or(0, |word| word.line);
    let is_alone = occupied.get(&line) == Some(&1);
    let position = Position {
        line,
        line_content: if is_alone {
            LineContent::Alone
        } else {
            LineContent::Mixed
        },
        reach: structure.reach(command),
        needs_replacement: command.needs_replacement,
    };
    command_assignments(&syntax::command(&command.words, syntax), position)
}

/// Returns the files that `.` or `source` reads.
fn source(command: &ScriptCommand, structure: &Structure) -> Option<SourceCommand> {
    const READERS: [&str; 6] = [
        ".",
        "source",
        "source_env",
        "source_env_if_exists",
        "dotenv",
        "dotenv_if_exists",
    ];
    let [reader, path, ..] = command.words.as_slice() else {
        return None;
    };
    if !READERS.contains(&reader.text.as_str()) {
        return None;
    }
    let variable = path.text.strip_prefix('$').map(|name| {
        let inside = name.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        inside.unwrap_or(name)
    });
    let values = variable.and_then(|name| structure.loop_values(command, name));
    Some(SourceCommand {
        line: reader.line,
        paths: values.map_or_else(|| vec![path.text.clone()], <[String]>::to_vec),
        reach: structure.reach_of_source(command),
    })
}

/// Returns the paths that a command assigns to variables.
fn assigned_paths(words: &[Word], syntax: Syntax) -> Vec<(String, String)> {
    let is_path = |name: &str, value: &str| {
        is_name(name) && value.contains('/') && !value.contains("://") && !contains_token(value)
    };
    if syntax == Syntax::Fish {
        let is_operand = |word: &&Word| !word.text.starts_with('-');
        let operands: Vec<_> = words.iter().skip(1).filter(is_operand).collect();
        return match (words.first(), operands.as_slice()) {
            (Some(set), [name, value]) if set.text == "set" && is_path(&name.text, &value.text) => {
                vec![(name.text.clone(), value.text.clone())]
            }
            _ => Vec::new(),
        };
    }
    let pair = |word: &Word| {
        let (name, value) = word.text.split_once('=')?;
        is_path(name, value).then(|| (name.to_owned(), value.to_owned()))
    };
    words.iter().filter_map(pair).collect()
}

/// Returns the keys in a part of a text.
fn tokens_in(text: &str, line: usize, range: Range<usize>) -> Vec<ExposedKey> {
    let part = text.get(range.clone()).unwrap_or_default();
    scan(part)
        .map(|key| ExposedKey::new(text, line, range.start + key.start..range.start + key.end))
        .collect()
}

/// Returns the keys in a comment: tokens, and values of any form in an assignment that was commented out.
fn keys_in_comment(
    text: &str,
    line: usize,
    range: Range<usize>,
    format: LineFormat,
) -> Vec<ExposedKey> {
    let tokens = tokens_in(text, line, range.clone());
    if !tokens.is_empty() {
        return tokens;
    }
    let comment = text.get(range.clone()).unwrap_or_default();
    let content = comment.trim_start_matches(['#', ':', '/', ' ', '\t']);
    opaque_value(content, format)
        .and_then(|value| {
            let at = range.start + comment.find(&value)?;
            Some(ExposedKey::new(text, line, at..at + value.len()))
        })
        .into_iter()
        .collect()
}

/// Returns the literal value that a line assigns to a credential variable.
fn opaque_value(line: &str, format: LineFormat) -> Option<String> {
    if !CREDENTIALS.iter().any(|name| line.contains(name)) {
        return None;
    }
    let commands = file_formats::commands(line, format);
    commands.iter().find_map(|command| match command {
        ShellCommand::Sets(all) => all.iter().find_map(|(name, value)| match value {
            AssignedValue::Literal(value)
                if CREDENTIALS.contains(&name.as_str()) && !is_harmless(value.inspect()) =>
            {
                Some(value.inspect().trim().to_owned())
            }
            AssignedValue::Literal(_) | AssignedValue::Computed | AssignedValue::Unset => None,
        }),
        ShellCommand::Unsets(_) | ShellCommand::Other => None,
    })
}

/// Returns the keys anywhere in a file, such as a backup: tokens, and values of any form of credential variables.
pub(super) fn all_keys(text: &str) -> Vec<ExposedKey> {
    relevant_lines(text)
        .flat_map(|line| {
            let whole = line.offset..line.offset + line.text.len();
            keys_in_comment(text, line.number, whole, LineFormat::Lines(Syntax::Posix))
        })
        .collect()
}

/// Returns the keys in a shell history: the first one of each line.
pub(super) fn first_keys(text: &str) -> Vec<ExposedKey> {
    let mut keys = all_tokens(text);
    keys.dedup_by_key(|key| key.line);
    keys
}

fn all_tokens(text: &str) -> Vec<ExposedKey> {
    relevant_lines(text)
        .flat_map(|line| {
            let whole = line.offset..line.offset + line.text.len();
            tokens_in(text, line.number, whole)
        })
        .collect()
}

/// The position of a command.
#[derive(Clone, Copy)]
struct Position {
    line: usize,
    line_content: LineContent,
    reach: Reach,
    needs_replacement: bool,
}

/// Returns the relevant assignments of a command.
fn command_assignments(command: &ShellCommand, position: Position) -> Vec<VariableAssignment> {
    let line_content = match command {
        ShellCommand::Sets(all) if all.len() == 1 => position.line_content,
        ShellCommand::Sets(_) | ShellCommand::Unsets(_) | ShellCommand::Other => LineContent::Mixed,
    };
    let assignment = |name: &String, value| VariableAssignment {
        name: name.clone(),
        value,
        line: position.line,
        line_content,
        reach: position.reach,
        needs_replacement: position.needs_replacement,
    };
    match command {
        ShellCommand::Sets(all) => all
            .iter()
            .filter(|(name, value)| is_relevant(name, value))
            .map(|(name, value)| assignment(name, value.clone()))
            .collect(),
        ShellCommand::Unsets(names) => names
            .iter()
            .filter(|name| CREDENTIALS.contains(&name.as_str()))
            .map(|name| assignment(name, AssignedValue::Unset))
            .collect(),
        ShellCommand::Other => Vec::new(),
    }
}

fn is_relevant(name: &str, value: &AssignedValue) -> bool {
    let contains_key = match value {
        AssignedValue::Literal(text) => contains_token(text.inspect()),
        AssignedValue::Computed | AssignedValue::Unset => false,
    };
    CREDENTIALS.contains(&name) || name == BASE_URL || (contains_key && !contains_token(name))
}
