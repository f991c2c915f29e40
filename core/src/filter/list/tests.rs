//! Lists against trying one rule after the other.

use super::*;
use alloc::format;
use proptest::prelude::*;

/// The first rule that applies, one by one.
fn naive(rules: &[Rule], subject: &Subject<'_>, check: Check) -> Verdict {
    for rule in rules {
        if let Action::Choose(choice, pattern) = &rule.action
            && check.counts(rule)
            && pattern.matches(subject) != rule.negated
        {
            return verdict(*choice);
        }
    }
    Verdict::Default
}

fn rule() -> impl Strategy<Value = Rule> {
    let pattern = "/?([ab]{1,2}|\\*[ab]{1,2}|[ab]{1,2}\\*|\\*|a/b|\\*\\*b|\\?|a/\\*)/?";
    (pattern, any::<bool>(), 0..12u32, 0..6u32).prop_map(|(pattern, include, negated, sides)| {
        let choice = if include { Choice::Include } else { Choice::Exclude };
        let sides = [Sides::SENDER, Sides::RECEIVER].get(sides as usize).copied().unwrap_or_default();
        Rule { negated: negated == 0, perishable: negated == 1, sides, ..Rule::new(choice, pattern.as_bytes()) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn looking_up_agrees_with_trying(
        rules in proptest::collection::vec(rule(), 0..12), name in "[ab]{1,3}(/[ab]{1,2}){0,2}", is_dir: bool, receiver: bool, in_deletion: bool,
    ) {
        let check = Check { in_deletion, ..if receiver { Check::RECEIVER } else { Check::SENDER } };
        let subject = Subject::new(name.as_bytes(), is_dir);
        let expect = naive(&rules, &subject, check);
        let list = FilterList::new(rules, false, 0);
        prop_assert_eq!(list.check(&subject, check, &PerDir::default()), expect);
    }
}

fn list(rules: &[(&str, Choice)]) -> FilterList {
    let rules = rules.iter().map(|(pattern, choice)| Rule::new(*choice, pattern.as_bytes()));
    FilterList::new(rules.collect(), false, 0)
}

#[test]
fn the_first_rule_decides() {
    let list = list(&[("keep.o", Choice::Include), ("*.o", Choice::Exclude), ("/sub/*", Choice::Exclude)]);
    let check = |name: &str| list.check(&Subject::new(name.as_bytes(), false), Check::SENDER, &PerDir::default());
    assert_eq!(check("a/keep.o"), Verdict::Included);
    assert_eq!(check("a/x.o"), Verdict::Excluded);
    assert_eq!(check("sub/x"), Verdict::Excluded);
    assert_eq!(check("x.c"), Verdict::Default);
}

#[test]
fn delete_excluded_leaves_nothing_protected() {
    let rules = alloc::vec![Rule::new(Choice::Exclude, b"x")];
    let list = FilterList::new(rules, true, 0);
    let subject = Subject::new(b"x", false);
    assert_eq!(list.check(&subject, Check::SENDER, &PerDir::default()), Verdict::Excluded);
    assert_eq!(list.check(&subject, Check::RECEIVER, &PerDir::default()), Verdict::Default);
}

#[test]
fn a_negated_rule_for_directories_applies_to_files() {
    let rule = Rule { negated: true, ..Rule::new(Choice::Exclude, b"*/") };
    let list = FilterList::new(alloc::vec![rule], false, 0);
    let check = |is_dir| list.check(&Subject::new(b"x", is_dir), Check::SENDER, &PerDir::default());
    assert_eq!((check(false), check(true)), (Verdict::Excluded, Verdict::Default));
}

#[test]
fn many_rules_are_hardly_slower_than_few() {
    let names: Vec<_> = (0..1000).map(|n| (format!("name{n}"), format!("*.ext{n}"))).collect();
    let rules = names.iter().flat_map(|(a, b)| [a, b]).map(|text| Rule::new(Choice::Exclude, text.as_bytes()));
    let list = FilterList::new(rules.collect(), false, 0);
    assert!(list.index.tried.is_empty());
    let check = |name: &str| list.check(&Subject::new(name.as_bytes(), false), Check::SENDER, &PerDir::default());
    assert_eq!(
        (check("a/name999"), check("b.ext5"), check("name")),
        (Verdict::Excluded, Verdict::Excluded, Verdict::Default)
    );
}
