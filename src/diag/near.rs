//! What a typing error may have stood for. It must not know what the words mean.

/// A longer text is no typing error.
const LONGEST: usize = 80;

/// The candidate that a typing error may have stood for.
#[must_use]
pub fn nearest<'k>(text: &str, candidates: &[&'k str]) -> Option<&'k str> {
    if text.len() > LONGEST {
        return None;
    }
    let lower = text.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
    let (near, steps) = candidates.iter().map(|known| (*known, distance(known))).min_by_key(|(_, steps)| *steps)?;
    let tolerated = (near.chars().count() / 3).max(1);
    (steps <= tolerated).then_some(near)
}
