//! From an instruction to the line of the spec that asked for it.

use super::Program;
use crate::source::Span;

impl Program {
    /// The first place for which `wanted` holds among those that read, directly or not, what was computed at `from`.
    pub fn leads_to(&self, from: Span, wanted: &dyn Fn(Span) -> bool) -> Option<Span> {
        let mut reached = vec![false; self.values.len()];
        let mut begun = false;
        for i in &self.instrs {
            let reads = i.args.iter().any(|a| reached.get(a.0 as usize).copied().unwrap_or(false));
            let starts = !begun && i.span == from;
            if reads && wanted(i.span) {
                return Some(i.span);
            }
            if reads || starts {
                begun = true;
                if let Some(r) = reached.get_mut(i.out.0 as usize) {
                    *r = true;
                }
            }
        }
        None
    }
}
