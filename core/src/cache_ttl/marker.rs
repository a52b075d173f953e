//! Finds the cache markers of a request: where the API takes them, and nowhere else (docs/facts.md#caching).
//!
//! Invariants: markers come in the order in which the API reads them: tools, system, messages, then the automatic one of
//! the request itself; a key of that name in a schema, in a tool's input, in metadata or deeper in a block of an unknown type
//! is nobody's marker; nesting is followed only as deep as the API's own types go, and no more markers are kept than
//! [`MOST`], so that what is kept beside a body is small.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use super::members::{Members, each, members};
use super::{Left, Ttl};

/// Blocks within blocks: a result holds a document, which holds text. One more is nobody's request.
const DEEPEST: usize = 3;

/// More markers than these no request has: the API takes a handful, and each costs more memory here than in the body.
const MOST: usize = 256;

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
    pub(super) ttl: Written,
    pub(super) held: Held,
}

/// How a marker says how long it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// Here, quotes included.
    At(Range<usize>, Ttl),
    /// Not at all; a member would follow the one that ends here.
    Not(usize),
}

/// Whether a marker can be edited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Free,
    /// It stands in what must go back to the API as it was sent.
    Fast,
}

impl Written {
    /// What it means.
    pub(super) fn ttl(&self) -> Ttl {
        match self {
            Self::At(_, ttl) => *ttl,
            Self::Not(_) => Ttl::FiveMinutes,
        }
    }
}

/// Finds all markers of a request body.
///
/// # Errors
/// Why one of them, or the body, is not understood.
pub(super) fn markers(body: &[u8]) -> Result<Vec<Marker>, Left> {
    let body = std::str::from_utf8(body).map_err(|_| Left::Shape)?;
    let mut walk = Walk {
        body,
        markers: Vec::new(),
    };
    let [tools, system, messages, automatic] =
        members(body, ["tools", "system", "messages", "cache_control"])?;
    if let Some(tools) = given(tools) {
        each(tools, ["cache_control"], |[marker]| {
            walk.marker(marker, Held::Free)
        })?;
    }
    walk.blocks(system, Held::Free, 0)?;
    if let Some(messages) = given(messages) {
        each(messages, ["content"], |[content]| {
            walk.blocks(content, Held::Free, 0)
        })?;
    }
    walk.marker(automatic, Held::Free)?;
    Ok(walk.markers)
}

struct Walk<'a> {
    body: &'a str,
    markers: Vec<Marker>,
}

impl<'a> Walk<'a> {
    /// Content as the API takes it: text, or an array of blocks.
    fn blocks(
        &mut self,
        content: Option<&'a RawValue>,
        held: Held,
        depth: usize,
    ) -> Result<(), Left> {
        match given(content) {
            None => Ok(()),
            Some(text) if text.get().starts_with('"') => Ok(()),
            Some(_) if depth >= DEEPEST => Err(Left::Shape),
            Some(array) => each(array, BLOCK, |block| self.block(block, held, depth)),
        }
    }

    /// A block: what it holds is read before its own end, where its marker stands.
    fn block(
        &mut self,
        [kind, marker, content, source, tool, changes]: Members<'a, 6>,
        held: Held,
        depth: usize,
    ) -> Result<(), Left> {
        let kind = given(kind).and_then(text).ok_or(Left::Shape)?;
        match &*kind {
            "tool_result" | "mcp_tool_result" | "search_result" => {
                self.blocks(content, held, depth + 1)?;
            }
            "document" => {
                let [content] = within(source, ["content"])?;
                self.blocks(content, held, depth + 1)?;
            }
            "web_fetch_tool_result" => {
                let [document] = within(content, ["content"])?;
                if let Some(document) = given(document) {
                    let block = members(document.get(), BLOCK)?;
                    self.nested(block, held, depth + 1)?;
                }
            }
            "tool_search_tool_result" => {
                let [references] = within(content, ["tool_references"])?;
                self.blocks(references, held, depth + 1)?;
            }
            "tool_addition" => {
                let [definition] = within(tool, ["definition"])?;
                let [marker] = within(definition, ["cache_control"])?;
                self.marker(marker, held)?;
            }
            // The API wants these back as it sent them.
            "compaction" => self.blocks(changes, Held::Fast, depth + 1)?,
            _ => {}
        }
        self.marker(marker, held)
    }

    fn nested(&mut self, block: Members<'a, 6>, held: Held, depth: usize) -> Result<(), Left> {
        if depth >= DEEPEST {
            return Err(Left::Shape);
        }
        self.block(block, held, depth)
    }

    fn marker(&mut self, marker: Option<&'a RawValue>, held: Held) -> Result<(), Left> {
        let Some(marker) = given(marker) else {
            return Ok(());
        };
        let [kind, ttl] = members(marker.get(), ["type", "ttl"]).map_err(|_| Left::Marker)?;
        let kind = kind.filter(|kind| text(kind).is_some_and(|kind| kind == "ephemeral"));
        let kind = kind.ok_or(Left::Marker)?;
        let ttl = match ttl {
            None => Written::Not(self.place(kind).end),
            Some(ttl) => {
                let word = text(ttl).ok_or(Left::Ttl)?;
                Written::At(self.place(ttl), Ttl::of(&word).ok_or(Left::Ttl)?)
            }
        };
        if self.markers.len() >= MOST {
            return Err(Left::Shape);
        }
        self.markers.push(Marker { ttl, held });
        Ok(())
    }

    /// Where a value stands in the body, of which it is a part.
    fn place(&self, value: &RawValue) -> Range<usize> {
        let begins = value.get().as_ptr().addr() - self.body.as_ptr().addr();
        begins..begins + value.get().len()
    }
}

/// Members of an object that may be missing, or be something else: a source may be text.
fn within<'a, const N: usize>(
    object: Option<&'a RawValue>,
    names: [&'static str; N],
) -> Result<Members<'a, N>, Left> {
    match given(object).filter(|it| it.get().starts_with('{')) {
        Some(object) => members(object.get(), names),
        None => Ok([None; N]),
    }
}

/// `null` is as good as nothing.
fn given(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

/// A string, its escapes resolved.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str(value.get())
        .ok()
        .map(|Text(text)| text)
}
