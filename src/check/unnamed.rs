//! Messages on a declaration that is tried on a network of ours: nobody has written its names, so nobody is told them.

use crate::diag::Diagnostic;

/// Its sizes, from the input to the output.
const SIZES: [&str; 4] = ["in", "first", "second", "out"];
const EDGES: [&str; 3] = ["x -> a", "a -> b", "b -> z"];
const POPULATIONS: [&str; 4] = ["x", "a", "b", "z"];

/// The same message with what the names stand for.
pub fn unnamed(mut d: Diagnostic) -> Diagnostic {
    let texts = || d.labels.iter().map(|l| &l.text).chain(&d.help).chain([&d.message]);
    let mut found: Vec<usize> = texts().flat_map(|t| shapes(t)).flat_map(|(_, s)| s).collect();
    found.sort_unstable();
    found.dedup();
    d.message = told(&d.message, &found);
    d.help = d.help.map(|h| told(&h, &found));
    d.labels.iter_mut().for_each(|l| l.text = told(&l.text, &found));
    d
}

/// The shapes in a text that are made of the network's sizes alone, each with where it stands.
fn shapes(text: &str) -> Vec<(std::ops::Range<usize>, Vec<usize>)> {
    let mut out = Vec::new();
    for (at, _) in text.match_indices('[') {
        let Some(length) = text[at..].find(']') else { break };
        let sizes = text[at + 1..at + length].split(", ").map(|w| SIZES.iter().position(|s| *s == w));
        if let Some(sizes) = sizes.collect::<Option<Vec<usize>>>() {
            out.push((at..at + length + 1, sizes));
        }
    }
    out
}

/// Two layers that a message speaks of are the two sides of a projection.
fn told(text: &str, found: &[usize]) -> String {
    let word = |size: &usize| match found.iter().position(|f| f == size) {
        _ if found.len() == 1 => "units",
        Some(0) => "pre",
        Some(i) if i + 1 == found.len() => "post",
        _ => "units",
    };
    let mut out = text.to_string();
    for (at, sizes) in shapes(text).into_iter().rev() {
        out.replace_range(at, &format!("[{}]", sizes.iter().map(word).collect::<Vec<_>>().join(", ")));
    }
    for edge in EDGES {
        for (word, article) in [("the projection", "a projection"), ("the plain edge", "a plain edge")] {
            out = out.replace(&format!("{word} {edge}"), article);
        }
    }
    for p in POPULATIONS {
        out = out.replace(&format!("the population `{p}`, [units]"), "a population, [units]");
        out = out.replace(&format!("the population `{p}`"), "a population");
        out = out.replace(&format!("`{p}` is an input"), "this is an input");
        out = out.replace(&format!("`{p}` is not sampled"), "a population is not sampled");
        out = out.replace(&format!("`{p}` is not an output"), "a population is not an output");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    #[test]
    fn sizes_of_our_network_are_told_as_sides() {
        let say = |m: &str| unnamed(Diagnostic::new(Code::T0301, Default::default(), m, "")).message;
        assert_eq!(say("`a'` needs [first] here, but this is [second]"), "`a'` needs [pre] here, but this is [post]");
        assert_eq!(say("[first, in] cannot be called"), "[post, pre] cannot be called");
        assert_eq!(say("nothing ranges over [first]"), "nothing ranges over [units]");
        assert_eq!(say("this needs [n, m], but this is [first]"), "this needs [n, m], but this is [units]");
        assert_eq!(say("the projection x -> a has no weight `V`"), "a projection has no weight `V`");
        assert_eq!(say("`x` is an input, and signals are not"), "this is an input, and signals are not");
    }
}
