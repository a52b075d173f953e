//! Shrinks a world: removes ingredients, and makes odd values ordinary, while a difference of the same kind remains.

use super::grammar;
use super::world::{DrawnItem, DrawnValue, DrawnWorld, StartDirectory};

/// Maximum number of runs to shrink one world.
const MAX_RUNS: usize = 40;

/// Returns the smallest world found for which `differs` is `true`.
pub(super) fn shrink(
    world: &DrawnWorld,
    mut differs: impl FnMut(&DrawnWorld) -> bool,
) -> DrawnWorld {
    let mut smallest = world.clone();
    let mut runs = 0;
    let mut attempt = |candidate: &DrawnWorld| {
        runs += 1;
        runs <= MAX_RUNS && differs(candidate)
    };
    // Ingredients that were drawn last are the odd ones: those before them are removed first.
    let mut number = 0;
    while number < smallest.items.len() {
        let mut candidate = smallest.clone();
        candidate.items.remove(number);
        if attempt(&candidate) {
            smallest = candidate;
        } else {
            number += 1;
        }
    }
    for number in 0..smallest.items.len() {
        let Some(simpler) = simpler(smallest.items[number]) else {
            continue;
        };
        let mut candidate = smallest.clone();
        candidate.items[number] = simpler;
        if attempt(&candidate) {
            smallest = candidate;
        }
    }
    smallest
}

/// Returns an ordinary ingredient in place of an odd one.
fn simpler(item: DrawnItem) -> Option<DrawnItem> {
    let value = match item {
        DrawnItem::Directory(StartDirectory::WorktreeSubdirectory) => {
            return Some(DrawnItem::Directory(StartDirectory::Subdirectory));
        }
        DrawnItem::Field(_, "apiKeyHelper", _) => grammar::HELPER,
        DrawnItem::Variable("ANTHROPIC_BASE_URL", _)
        | DrawnItem::Field(_, "env.ANTHROPIC_BASE_URL", _) => DrawnValue::Text("{other}"),
        _ if item.value()?.1.to_string().contains("{token}") => grammar::TOKEN,
        _ => return None,
    };
    (item.value()?.1 != value).then(|| item.with_value(value))
}

#[cfg(test)]
mod tests {
    use super::super::draw::draw;
    use super::*;
    use crate::programs::Program;

    #[test]
    fn difference_remains() {
        let is_token =
            |item: &DrawnItem| matches!(item, DrawnItem::Variable("ANTHROPIC_AUTH_TOKEN", _));
        let differs = |world: &DrawnWorld| world.items.iter().any(is_token);
        let worlds = (0..200).map(|number| draw(3, Program::ClaudeCode("2.1.332"), number));
        let mut count = 0;
        for world in worlds.filter(differs) {
            let smallest = shrink(&world, differs);
            assert!(
                differs(&smallest) && smallest.items.len() == 1,
                "{smallest}"
            );
            count += 1;
        }
        assert!(count > 10, "{count}");
    }

    #[test]
    fn number_of_runs_is_bounded() {
        let world = draw(3, Program::ClaudeCode("2.1.332"), 1);
        let mut runs = 0;
        let mut many = world.clone();
        many.items = world.items.iter().cycle().take(100).copied().collect();
        let smallest = shrink(&many, |_| {
            runs += 1;
            false
        });
        assert_eq!((smallest, runs), (many, MAX_RUNS));
    }
}
