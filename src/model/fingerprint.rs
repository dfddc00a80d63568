//! What equations are, whatever is called how: a hash of the operations that lead to some nodes.

use super::graph::{Graph, NodeId};
use std::collections::HashMap;
use std::fmt::Write;

impl Graph {
    /// Equal for equal equations of populations and weights that were declared in the same order; names of `let`s, signals and
    /// settings are in no graph.
    pub fn fingerprint(&self, roots: &[NodeId]) -> String {
        let mut numbers: HashMap<NodeId, usize> = HashMap::new();
        let mut text = String::new();
        for root in roots {
            // Arguments before what is made of them, without recursion: settling makes deep graphs.
            let mut stack = vec![(*root, false)];
            while let Some((id, ready)) = stack.pop() {
                if numbers.contains_key(&id) {
                    continue;
                }
                let node = self.node(id);
                if !ready {
                    stack.push((id, true));
                    stack.extend(node.args.iter().rev().map(|a| (*a, false)));
                    continue;
                }
                let number = numbers.len();
                numbers.insert(id, number);
                let args: Vec<usize> = node.args.iter().filter_map(|a| numbers.get(a).copied()).collect();
                let _ = writeln!(text, "{:?} {args:?} {}", node.kind, node.ty.text());
            }
            let _ = writeln!(text, "= {:?}", numbers.get(root));
        }
        blake3::hash(text.as_bytes()).to_hex()[..32].to_string()
    }
}
