//! Finds the cache markers of a request, only at the positions where the API accepts them (docs/facts.md#caching).
//!
//! Invariants: markers are in the order in which the API processes them: tools, system, messages, then the automatic
//! marker of the request itself; a key of that name in a schema, in a tool's input, in metadata or deeper in a block of
//! an unknown type is not a marker; nesting is followed only to the depth of the API's own types, and at most
//! [`MAX_MARKERS`] markers are collected, which bounds the memory used.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use super::{Ttl, TtlSkipReason};
use crate::json_members::{Members, MembersError, for_each_object, pick_members};

/// Maximum nesting of blocks: a result contains a document, which contains text.
const MAX_BLOCK_DEPTH: usize = 3;

/// Maximum number of markers: the API accepts a handful, and each takes more memory here than in the body.
const MAX_MARKERS: usize = 256;

/// The members of a block that are picked.
const BLOCK: [&str; 6] = [
    "type",
    "cache_control",
    "content",
    "source",
    "tool",
    "tool_changes",
];

/// A cache marker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Marker {
    pub(super) ttl: MarkerTtl,
    pub(super) editability: Editability,
}

/// The lifetime of a marker, and its position in the body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum MarkerTtl {
    /// A `ttl` value in this range, including its quotes.
    Explicit(Range<usize>, Ttl),
    /// No `ttl`; a new one would be inserted at this offset.
    Implicit(usize),
}

/// The permission to edit a marker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Editability {
    /// It may be edited.
    Editable,
    /// It is part of content that must be returned to the API unchanged.
    Fixed,
}

impl MarkerTtl {
    /// Returns the lifetime.
    pub(super) fn ttl(&self) -> Ttl {
        match self {
            Self::Explicit(_, ttl) => *ttl,
            Self::Implicit(_) => Ttl::FiveMinutes,
        }
    }
}

/// Finds all markers of a request body.
///
/// # Errors
/// [`TtlSkipReason`] if one of them, or the body, cannot be parsed.
pub(super) fn markers(body: &[u8]) -> Result<Vec<Marker>, TtlSkipReason> {
    let body = std::str::from_utf8(body).map_err(|_| TtlSkipReason::Shape)?;
    let mut walk = MarkerWalk {
        body,
        markers: Vec::new(),
    };
    let [tools, system, messages, automatic] =
        pick_members(body, ["tools", "system", "messages", "cache_control"])?;
    if let Some(tools) = non_null(tools) {
        for_each_object(tools, ["cache_control"], |[marker]| {
            walk.marker(marker, Editability::Editable)
        })?;
    }
    walk.blocks(system, Editability::Editable, 0)?;
    if let Some(messages) = non_null(messages) {
        for_each_object(messages, ["content"], |[content]| {
            walk.blocks(content, Editability::Editable, 0)
        })?;
    }
    walk.marker(automatic, Editability::Editable)?;
    Ok(walk.markers)
}

struct MarkerWalk<'a> {
    body: &'a str,
    markers: Vec<Marker>,
}

impl<'a> MarkerWalk<'a> {
    /// Collects the markers of content: text, or an array of blocks.
    fn blocks(
        &mut self,
        content: Option<&'a RawValue>,
        editability: Editability,
        depth: usize,
    ) -> Result<(), TtlSkipReason> {
        match non_null(content) {
            None => Ok(()),
            Some(text) if text.get().starts_with('"') => Ok(()),
            Some(_) if depth >= MAX_BLOCK_DEPTH => Err(TtlSkipReason::Shape),
            Some(array) => {
                for_each_object(array, BLOCK, |block| self.block(block, editability, depth))
            }
        }
    }

    /// Collects the markers of a block: its content first, then its own marker.
    fn block(
        &mut self,
        [kind, marker, content, source, tool, changes]: Members<'a, 6>,
        editability: Editability,
        depth: usize,
    ) -> Result<(), TtlSkipReason> {
        let kind = non_null(kind)
            .and_then(parse_text)
            .ok_or(TtlSkipReason::Shape)?;
        match &*kind {
            "tool_result" | "mcp_tool_result" | "search_result" => {
                self.blocks(content, editability, depth + 1)?;
            }
            "document" => {
                let [content] = optional_members(source, ["content"])?;
                self.blocks(content, editability, depth + 1)?;
            }
            "web_fetch_tool_result" => {
                let [document] = optional_members(content, ["content"])?;
                if let Some(document) = non_null(document) {
                    let block = pick_members(document.get(), BLOCK)?;
                    self.nested(block, editability, depth + 1)?;
                }
            }
            "tool_search_tool_result" => {
                let [references] = optional_members(content, ["tool_references"])?;
                self.blocks(references, editability, depth + 1)?;
            }
            "tool_addition" => {
                let [definition] = optional_members(tool, ["definition"])?;
                let [marker] = optional_members(definition, ["cache_control"])?;
                self.marker(marker, editability)?;
            }
            // These must be returned to the API unchanged.
            "compaction" => self.blocks(changes, Editability::Fixed, depth + 1)?,
            _ => {}
        }
        self.marker(marker, editability)
    }

    fn nested(
        &mut self,
        block: Members<'a, 6>,
        editability: Editability,
        depth: usize,
    ) -> Result<(), TtlSkipReason> {
        if depth >= MAX_BLOCK_DEPTH {
            return Err(TtlSkipReason::Shape);
        }
        self.block(block, editability, depth)
    }

    fn marker(
        &mut self,
        marker: Option<&'a RawValue>,
        editability: Editability,
    ) -> Result<(), TtlSkipReason> {
        let Some(marker) = non_null(marker) else {
            return Ok(());
        };
        let [kind, ttl] =
            pick_members(marker.get(), ["type", "ttl"]).map_err(|_| TtlSkipReason::Marker)?;
        let kind = kind.filter(|kind| parse_text(kind).is_some_and(|kind| kind == "ephemeral"));
        let kind = kind.ok_or(TtlSkipReason::Marker)?;
        let ttl = match ttl {
            None => MarkerTtl::Implicit(self.range(kind).end),
            Some(ttl) => {
                let word = parse_text(ttl).ok_or(TtlSkipReason::Ttl)?;
                MarkerTtl::Explicit(
                    self.range(ttl),
                    Ttl::parse(&word).ok_or(TtlSkipReason::Ttl)?,
                )
            }
        };
        if self.markers.len() >= MAX_MARKERS {
            return Err(TtlSkipReason::Shape);
        }
        self.markers.push(Marker { ttl, editability });
        Ok(())
    }

    /// Returns the range of a value within the body. The value must be a slice of the body.
    fn range(&self, value: &RawValue) -> Range<usize> {
        let start = value.get().as_ptr().addr() - self.body.as_ptr().addr();
        start..start + value.get().len()
    }
}

/// Picks the members of an object that may be missing or of another type: a source may be text.
fn optional_members<'a, const N: usize>(
    object: Option<&'a RawValue>,
    names: [&'static str; N],
) -> Result<Members<'a, N>, TtlSkipReason> {
    match non_null(object).filter(|it| it.get().starts_with('{')) {
        Some(object) => Ok(pick_members(object.get(), names)?),
        None => Ok([None; N]),
    }
}

/// Returns the value unless it is `null`.
fn non_null(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

/// Parses a string, resolving its escapes.
fn parse_text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct JsonString<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str(value.get())
        .ok()
        .map(|JsonString(text)| text)
}

impl From<MembersError> for TtlSkipReason {
    fn from(_: MembersError) -> Self {
        Self::Shape
    }
}
