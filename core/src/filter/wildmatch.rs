//! The wildcard matcher (spec 4.18): `?`, `*`, `**`, `[sets]` and `\` over bytes.
//!
//! A pattern may come from a peer, so it must not be able to take exponential time. Stars are tried from the left, each as
//! short as possible, going back only to the last one: that decides nearly everything in one pass. Where it takes too long,
//! all ways through the pattern are followed at once instead, which takes length times length and no more.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

mod set;

use set::{ByteSet, compile_set, has};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    /// `?`
    Any,
    Set(Box<ByteSet>),
    /// `*`
    Star,
    /// `**`
    DeepStar,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// `None`: malformed, so that it matches nothing.
    elements: Option<Vec<Element>>,
    folds_case: bool,
}

/// Whether `text` matches `pattern`.
pub fn wildmatch(pattern: &[u8], text: &[u8]) -> bool {
    Glob::new(pattern).matches(text)
}

/// Whether `text` matches `pattern`, ASCII letters of either case being the same.
pub fn wildmatch_fold(pattern: &[u8], text: &[u8]) -> bool {
    Glob::new_fold(pattern).matches(text)
}

impl Glob {
    /// Compiles a pattern.
    pub fn new(pattern: &[u8]) -> Glob {
        Glob { elements: compile(pattern), folds_case: false }
    }

    /// Compiles a pattern that ignores the case of ASCII letters.
    pub fn new_fold(pattern: &[u8]) -> Glob {
        Glob { elements: compile(&pattern.to_ascii_lowercase()), folds_case: true }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let Some(elements) = &self.elements else {
            return false;
        };
        if self.folds_case {
            return matches(elements, &text.to_ascii_lowercase());
        }
        matches(elements, text)
    }

    /// The bytes that any text that matches has, wherever.
    pub(super) fn needs(&self) -> impl Iterator<Item = u8> {
        let elements = self.elements.iter().flatten().filter(|_| !self.folds_case);
        elements.filter_map(|element| if let Element::Byte(byte) = element { Some(*byte) } else { None })
    }

    /// The literal that a text must end in, if the pattern is `*` and a literal: such patterns can be looked up.
    pub(super) fn literal_suffix(&self) -> Option<Vec<u8>> {
        match self.elements.as_deref()? {
            [Element::Star, rest @ ..] if !self.folds_case => literal(rest),
            _ => None,
        }
    }

    /// The literal that a text must start with, if the pattern is a literal and `*`.
    pub(super) fn literal_prefix(&self) -> Option<Vec<u8>> {
        match self.elements.as_deref()? {
            [rest @ .., Element::Star] if !self.folds_case => literal(rest),
            _ => None,
        }
    }
}

fn literal(elements: &[Element]) -> Option<Vec<u8>> {
    elements.iter().map(|element| if let Element::Byte(byte) = element { Some(*byte) } else { None }).collect()
}

impl Element {
    fn matches_byte(&self, byte: u8) -> bool {
        match self {
            Element::Byte(wanted) => *wanted == byte,
            Element::Any => byte != b'/',
            Element::Set(set) => has(set, byte),
            Element::Star | Element::DeepStar => false,
        }
    }
}

fn matches(elements: &[Element], text: &[u8]) -> bool {
    let steps_max = 256 + 8 * (elements.len() + text.len());
    match_greedily(elements, text, steps_max).unwrap_or_else(|| match_all_ways(elements, text))
}

/// Goes back to the last star only. A match of what stands between two stars that ends earlier leaves the second star at
/// least as much to choose from, so trying later ones is pointless. `None`: took more than `steps_max` comparisons.
fn match_greedily(elements: &[Element], text: &[u8], steps_max: usize) -> Option<bool> {
    let (mut at, mut byte_at) = (0, 0);
    // Where to go on if what follows the last `*` or `**` does not match: element, and text that the star has not taken.
    let mut star: Option<(usize, usize)> = None;
    let mut deep_star: Option<(usize, usize)> = None;
    let mut steps = 0;
    while steps < steps_max {
        while let Some(&byte) = text.get(byte_at) {
            steps += 1;
            match elements.get(at) {
                Some(Element::Star) => {
                    at += 1;
                    star = Some((at, byte_at));
                }
                Some(Element::DeepStar) => {
                    at += 1;
                    if at == elements.len() {
                        return Some(true);
                    }
                    star = None;
                    deep_star = Some((at, byte_at));
                }
                Some(element) if element.matches_byte(byte) => {
                    at += 1;
                    byte_at += 1;
                }
                _ => break,
            }
        }
        if byte_at == text.len() {
            // Starting any later would leave even less text for what is left of the pattern.
            let rest = elements.get(at..).unwrap_or_default();
            return Some(rest.iter().all(|element| matches!(element, Element::Star | Element::DeepStar)));
        }
        match (&mut star, &mut deep_star) {
            (Some((after, taken)), _) if text.get(*taken).is_some_and(|&byte| byte != b'/') => {
                *taken += 1;
                (at, byte_at) = (*after, *taken);
            }
            (_, Some((after, taken))) => {
                *taken += 1;
                (at, byte_at) = (*after, *taken);
                star = None;
            }
            _ => return Some(false),
        }
    }
    None
}

/// Follows all ways at once: `reached[n]` says whether the text so far can be matched by the first `n` elements.
fn match_all_ways(elements: &[Element], text: &[u8]) -> bool {
    let mut reached = vec![false; elements.len() + 1];
    let mut next = reached.clone();
    reached[0] = true;
    skip_stars(elements, &mut reached);
    for &byte in text {
        next.fill(false);
        for (at, element) in elements.iter().enumerate().filter(|&(at, _)| reached[at]) {
            match element {
                Element::Star => next[at] |= byte != b'/',
                Element::DeepStar => next[at] = true,
                element => next[at + 1] |= element.matches_byte(byte),
            }
        }
        skip_stars(elements, &mut next);
        core::mem::swap(&mut reached, &mut next);
    }
    reached[elements.len()]
}

/// A star may match nothing.
fn skip_stars(elements: &[Element], reached: &mut [bool]) {
    for (at, element) in elements.iter().enumerate() {
        if reached[at] && matches!(element, Element::Star | Element::DeepStar) {
            reached[at + 1] = true;
        }
    }
}

fn compile(pattern: &[u8]) -> Option<Vec<Element>> {
    let mut elements = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        elements.push(match byte {
            b'?' => Element::Any,
            b'*' => {
                let stars = rest.iter().take_while(|&&byte| byte == b'*').count();
                rest = &rest[stars..];
                if stars > 0 { Element::DeepStar } else { Element::Star }
            }
            b'[' => {
                let (set, after) = compile_set(rest)?;
                rest = after;
                Element::Set(Box::new(set))
            }
            b'\\' => {
                let (&quoted, after) = rest.split_first()?;
                rest = after;
                Element::Byte(quoted)
            }
            byte => Element::Byte(byte),
        });
    }
    Some(elements)
}

#[cfg(test)]
mod tests;
