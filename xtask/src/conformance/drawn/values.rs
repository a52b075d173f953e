//! Odd values, as weighted tables: of every form, and of every JSON type.

use super::grammar::Table;
use super::world::DrawnValue::{self, BrokenScript, Json, Missing, Script, Text};

/// Odd texts of a credential.
pub(super) const CREDENTIAL_TEXTS: Table<DrawnValue> = &[
    (4, Text("")),
    (4, Text("  ")),
    (4, Text(" {token}\n")),
    (2, Text("{token}\n")),
    (2, Text("\t{token}")),
    (3, Text("\"{token}\"")),
    (2, Text("'{token}'")),
    (3, Text("Bearer {token}")),
    (2, Text("bearer {token}")),
    (3, Text("{half}\n{rest}")),
    (2, Text("{half} {rest}")),
    (2, Text("{half}\r\n{rest}")),
    (3, Text("{token}\u{e9}")),
    (2, Text("\u{200b}{token}")),
    (2, Text("\u{a0}{token}\u{a0}")),
    (2, Text("\u{feff}{token}")),
    (2, Text("{token}\u{1}")),
    (3, Text("{api03}")),
    (3, Text("{oat01}")),
    (2, Text("{opaque}")),
    (2, Text("x")),
    (1, Text("null")),
    (1, Text("undefined")),
    (2, Text("${ANTHROPIC_API_KEY}")),
    (2, Text("op://vault/item/credential")),
    (1, Text("your-api-key-here")),
];

/// JSON values of other types than a text, for a credential.
pub(super) const CREDENTIAL_JSON: Table<DrawnValue> = &[
    (4, Json("null")),
    (3, Json("7000001234567")),
    (1, Json("0")),
    (1, Json("1.5")),
    (3, Json("true")),
    (3, Json("false")),
    (3, Json("[\"{token}\"]")),
    (1, Json("[]")),
    (2, Json("{}")),
    (2, Json("{\"value\":\"{token}\"}")),
    (1, Json("[\"{token}\",\"{token}\"]")),
];

/// Commands in place of a helper that fail when they run.
pub(super) const FAILING_COMMANDS: &[&str] = &["{token}", "/nowhere/helper"];

/// Odd values of `apiKeyHelper`.
pub(super) const HELPERS: Table<DrawnValue> = &[
    (3, Text("")),
    (3, Text("  ")),
    (4, Text("echo {token}")),
    (2, Text(" echo {token} ")),
    (2, Text("{token}")),
    (2, Script("printf '  %s \\n\\n' '{token}'")),
    (2, BrokenScript("printf '%s' '{token}'; exit 3")),
    (2, BrokenScript("printf 'Bearer %s' '{token}'")),
    (2, Script("echo a warning >&2; printf '%s' '{token}'")),
    (2, BrokenScript("printf '%s\\n%s\\n' '{token}' 'more'")),
    (2, BrokenScript("true")),
    (2, BrokenScript("echo broken >&2; exit 3")),
    (2, Text("/nowhere/helper")),
    (3, Json("null")),
    (2, Json("7")),
    (2, Json("true")),
    (2, Json("false")),
    (2, Json("[\"echo\",\"{token}\"]")),
    (2, Json("{\"command\":\"echo {token}\"}")),
];

/// Forms of a base URL.
pub(super) const URLS: Table<DrawnValue> = &[
    (6, Text("{other}")),
    (3, Text("{upstream}/")),
    (3, Text("{upstream}/v1")),
    (2, Text("{upstream}/a/b/")),
    (3, Text("{upstream_host}")),
    (3, Text("http://user:word@{upstream_host}")),
    (2, Text("http://user@{upstream_host}/path")),
    (2, Text(" {upstream} ")),
    (2, Text("{upstream}\n")),
    (2, Text("\"{upstream}\"")),
    (3, Text("")),
    (2, Text("  ")),
    (2, Text("HTTP://{upstream_host}")),
    (2, Text("http:{upstream_host}")),
    (2, Text("//{upstream_host}")),
    (2, Text("{upstream}?a=b")),
    (2, Text("{upstream}#a")),
    (2, Text("{upstream}/v1/messages")),
    (2, Text("https://api.anthropic.com")),
    (2, Text("https://api.anthropic.com:443/")),
    (2, Text("HTTPS://API.ANTHROPIC.COM")),
    (1, Text("api.anthropic.com")),
    (1, Text("not a url")),
    (1, Text("ftp://{upstream_host}")),
    (2, Text("{upstream},{other}")),
    (2, Text("http://localhost:{upstream_port}")),
];

/// JSON values of other types than a text, for a base URL.
pub(super) const URL_JSON: Table<DrawnValue> = &[
    (3, Json("null")),
    (2, Json("7")),
    (2, Json("false")),
    (2, Json("[\"{other}\"]")),
    (2, Json("{\"url\":\"{other}\"}")),
];

/// Values of a switch.
pub(super) const SWITCHES: Table<DrawnValue> = &[
    (6, Text("1")),
    (3, Text("0")),
    (3, Text("true")),
    (2, Text("TRUE")),
    (2, Text("True")),
    (2, Text("false")),
    (2, Text("yes")),
    (2, Text("no")),
    (2, Text("on")),
    (2, Text("off")),
    (2, Text("y")),
    (1, Text("t")),
    (2, Text(" 1 ")),
    (2, Text("2")),
    (2, Text("")),
    (2, Text(" ")),
    (2, Text("enabled")),
    (1, Text("null")),
];

/// JSON values of other types than a text, for a switch.
pub(super) const SWITCH_JSON: Table<DrawnValue> = &[
    (3, Json("1")),
    (2, Json("0")),
    (4, Json("true")),
    (2, Json("false")),
    (2, Json("null")),
    (2, Json("[]")),
    (2, Json("{}")),
];

/// Forms of a directory's path.
pub(super) const PATHS: Table<DrawnValue> = &[
    (3, Text("{home}/elsewhere")),
    (2, Text("{home}/elsewhere/")),
    (2, Text(" {home}/elsewhere ")),
    (2, Text("")),
    (2, Text("  ")),
    (2, Text("~/elsewhere")),
    (2, Text("$HOME/elsewhere")),
    (2, Text("../home/elsewhere")),
    (2, Text("{home}/nowhere")),
    (2, Text("{home}/xdg")),
    (2, Text("{home}/sdk")),
    (2, Text("{home}/secure")),
    (2, Text("{home}/.claude")),
    (1, Text("{home}")),
    (2, Text("sdk")),
];

/// Forms of a profile's name.
pub(super) const NAMES: Table<DrawnValue> = &[
    (3, Text("work")),
    (2, Text("")),
    (2, Text("  ")),
    (3, Text(" work ")),
    (2, Text("work\n")),
    (2, Text("missing")),
    (2, Text("WORK")),
    (2, Text("work.json")),
    (2, Text("../configs/work")),
    (2, Text("default")),
    (1, Text(".work")),
    (1, Text("\"work\"")),
];

/// Values of any other field or variable.
pub(super) const OTHER_VALUES: Table<DrawnValue> = &[
    (3, Text("")),
    (2, Text(" ")),
    (2, Text("text")),
    (2, Json("null")),
    (2, Json("7")),
    (2, Json("true")),
    (2, Json("[]")),
    (2, Json("{}")),
    (4, Missing),
];
