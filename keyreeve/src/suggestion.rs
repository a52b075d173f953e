//! Suggestions for mistyped names.

/// Minimum similarity of a name that is suggested.
const MIN_SIMILARITY: f64 = 0.7;

/// Like [`did_you_mean`], for names that also have other words: pairs of a word and the name it stands for.
pub(crate) fn suggest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
    other_words: &[(&str, &str)],
) -> String {
    let mut other_words = other_words.iter();
    match other_words.find(|(word, _)| word.eq_ignore_ascii_case(typed)) {
        Some((_, name)) => format!(". Did you mean `{name}`?"),
        None => did_you_mean(typed, names),
    }
}

/// Returns `. Did you mean …?` with the candidate most similar to `typed`, or nothing if none is similar.
pub(crate) fn did_you_mean<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let typed = typed.to_ascii_lowercase();
    let nearest = candidates
        .into_iter()
        .map(|candidate| {
            let similarity = strsim::jaro_winkler(&typed, &candidate.to_ascii_lowercase());
            (similarity, candidate)
        })
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map_or_else(String::new, |(_, candidate)| {
        format!(". Did you mean `{candidate}`?")
    })
}
