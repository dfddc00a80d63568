//! Axes looked at in windows, contracted by name, reshaped, and reduced one at a time.

use super::elaborate::Elab;
use super::fault::axis_diagnostic;
use super::graph::{Built, Fault, Graph, Kind, NodeId, NodeKind, Ty, Window};
use super::value::{Scope, Val};
use crate::diag::{Code, Diagnostic};
use crate::ir::axis::{Axis, AxisFault, shape_text};
use crate::ops::table::Surface;
use crate::ops::{Contraction, Reduction};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};

impl Graph {
    /// The windows of an axis.
    pub fn unfold(&mut self, w: Window, size: Axis, x: NodeId) -> Built {
        let ty = self.ty(x).clone();
        let count = ty.shape[w.axis].windows(&size, &w.stride, &w.dilation, &w.padding)?;
        let mut shape = ty.shape.clone();
        shape[w.axis] = count;
        shape.push(size);
        Ok(self.make(NodeKind::Unfold(w), vec![x], Ty { shape, ..ty }))
    }

    /// Elements of windows, along the last axis, added in an axis of this length.
    pub fn fold(&mut self, w: Window, length: Axis, x: NodeId) -> Built {
        let ty = self.ty(x).clone();
        let mut shape = ty.shape.clone();
        shape[w.axis] = length;
        shape.pop();
        Ok(self.make(NodeKind::Fold(w), vec![x], Ty { shape, kind: Kind::Real, ..ty }))
    }

    /// The sum over the letters that the result lacks, the others in the order of the result.
    fn summed(&mut self, letters: &[u8], out: &[u8], x: NodeId) -> Built {
        let gone: Vec<usize> = (0..letters.len()).filter(|i| !out.contains(&letters[*i])).collect();
        let kept: Vec<u8> = letters.iter().copied().filter(|l| out.contains(l)).collect();
        let x = self.reduce(Reduction::Sum, gone, x)?;
        let order = out.iter().filter_map(|l| kept.iter().position(|k| k == l)).collect();
        Ok(self.permute(order, x))
    }

    /// A contraction in which one side is the same number everywhere is a sum, repeated.
    fn uniform(&mut self, value: f64, own: (&[u8], NodeId), other: (&[u8], NodeId), out: &[u8]) -> Built {
        let ((lx, x), (lc, c)) = (own, other);
        let sum = self.summed(lx, out, x)?;
        let size = |g: &Graph, l: u8| lc.iter().position(|k| *k == l).map(|i| g.shape(c)[i].clone());
        let copies: Vec<Axis> =
            lc.iter().filter(|l| !out.contains(l) && !lx.contains(l)).filter_map(|l| size(self, *l)).collect();
        let copies = self.size(&Axis::product(&copies)?);
        let factor = self.number(value);
        let factor = self.mul(factor, copies)?;
        let sum = self.mul(factor, sum)?;
        let new: Vec<usize> = (0..out.len()).filter(|i| !lx.contains(&out[*i])).collect();
        let shape = out.iter().filter_map(|l| {
            let own = lx.iter().position(|k| k == l).map(|i| self.shape(x)[i].clone());
            own.or_else(|| size(self, *l))
        });
        let shape = shape.collect();
        Ok(self.expand(new, shape, sum))
    }

    pub fn einsum(&mut self, c: Contraction, a: NodeId, b: Option<NodeId>) -> Built {
        let Some(b) = b else { return self.summed(&c.a, &c.out, a) };
        let (ca, cb) = (self.const_value(a), self.const_value(b));
        let plain = |g: &Graph, x: NodeId| g.ty(x).unit == crate::ir::Unit::ONE;
        match (ca, cb) {
            (_, Some(v)) if plain(self, b) => self.uniform(v, (&c.a, a), (&c.b, b), &c.out),
            (Some(v), _) if plain(self, a) => self.uniform(v, (&c.b, b), (&c.a, a), &c.out),
            _ => self.contract(c, a, b),
        }
    }
}

/// `"m n, .. n -> .. m"`: the names of the axes of one or two arguments and of the result.
struct Pattern {
    args: Vec<Vec<String>>,
    out: Vec<String>,
}

const REST: &str = "..";

impl Pattern {
    fn read(text: &str) -> Result<Pattern, String> {
        let names = |part: &str| part.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        let Some((from, to)) = text.split_once("->") else {
            return Err("the axes of the result stand behind `->`".into());
        };
        let pattern = Pattern { args: from.split(',').map(names).collect(), out: names(to) };
        for part in pattern.args.iter().chain([&pattern.out]) {
            for (i, name) in part.iter().enumerate() {
                let fits = name == REST || name.chars().all(|c| c.is_alphanumeric() || c == '_');
                if !fits {
                    return Err(format!("`{name}` is no name of an axis"));
                }
                if part[..i].contains(name) {
                    return Err(format!("`{name}` stands twice for one tensor"));
                }
            }
        }
        match pattern.out.iter().find(|n| !pattern.args.iter().any(|a| a.contains(n))) {
            Some(n) => Err(format!("`{n}` of the result is in no argument")),
            None => Ok(pattern),
        }
    }

    /// The pattern with a letter for each axis of these shapes.
    fn letters(&self, shapes: &[Vec<Axis>]) -> Result<Contraction, String> {
        let mut named: Vec<(String, Axis)> = Vec::new();
        let mut rest: Vec<Axis> = Vec::new();
        let mut args = Vec::new();
        for (part, shape) in self.args.iter().zip(shapes) {
            let fixed = part.iter().filter(|n| *n != REST).count();
            let open = fixed < part.len();
            if shape.len() < fixed || !open && shape.len() > fixed {
                return Err(format!("`{}` names the axes of {}", part.join(" "), shape_text(shape)));
            }
            let mut axes = shape.iter();
            let mut letters = Vec::new();
            for name in part {
                if name == REST {
                    let these: Vec<Axis> = axes.by_ref().take(shape.len() - fixed).cloned().collect();
                    if !rest.is_empty() && !these.is_empty() && rest != these {
                        return Err(format!("`..` is {} and {}", shape_text(&rest), shape_text(&these)));
                    }
                    letters.push((name.clone(), these.len()));
                    if rest.is_empty() {
                        rest = these;
                    }
                    continue;
                }
                let Some(size) = axes.next().cloned() else { continue };
                letters.push((name.clone(), 1));
                match named.iter().find(|(n, _)| n == name) {
                    Some((_, known)) if *known != size => {
                        return Err(format!("`{name}` is {known} and {size}"));
                    }
                    Some(_) => {}
                    None => named.push((name.clone(), size)),
                }
            }
            args.push(letters);
        }
        let first = named.len() as u8;
        let letter = |name: &str| named.iter().position(|(n, _)| n == name).unwrap_or(0) as u8;
        let spread = |(name, count): &(String, usize)| -> Vec<u8> {
            if name == REST { (0..*count as u8).map(|i| first + i).collect() } else { vec![letter(name)] }
        };
        let all = |part: &[(String, usize)]| part.iter().flat_map(spread).collect::<Vec<u8>>();
        let out: Vec<(String, usize)> =
            self.out.iter().map(|n| (n.clone(), if n == REST { rest.len() } else { 1 })).collect();
        let b = args.get(1).map(|p| all(p)).unwrap_or_default();
        Ok(Contraction { a: all(&args[0]), b, out: all(&out) })
    }
}

impl Elab<'_> {
    /// `reshape(x, [1, 8, 8])`, or `reshape(x)` where the place says the shape.
    pub(crate) fn reshape_call(
        &mut self,
        scope: &Scope,
        span: Span,
        slots: &[Option<&Expr>],
        want: Option<&[Axis]>,
    ) -> Val {
        let [Some(x), given] = slots else { return Val::Error };
        let v = self.eval(scope, x, None);
        let Some(n) = self.tensor(&v, x.span) else { return Val::Error };
        let shape = match (given.map(|e| &e.kind), want) {
            (Some(ExprKind::List(items)), _) => {
                let sizes: Option<Vec<Axis>> = items.iter().map(|e| self.axis(scope, e)).collect();
                let Some(sizes) = sizes else { return Val::Error };
                sizes
            }
            (Some(_), _) => {
                let d = Diagnostic::new(Code::T0208, span, "a shape is a list of sizes", "");
                return self.report(d.help("write `reshape(x, [1, 8, 8])`"));
            }
            (None, Some(w)) => w.to_vec(),
            (None, None) => {
                let d = Diagnostic::new(Code::T0305, span, "the shape to give this is not told by its place", "");
                return self.report(d.help("write it: `reshape(x, [1, 8, 8])`"));
            }
        };
        let own = self.g.shape(n).to_vec();
        match self.g.reshape(shape.clone(), n) {
            Ok(n) => Val::Node(n),
            Err(Fault::Shapes { .. }) => {
                let count = |s: &[Axis]| Axis::product(s).map_or("too many".into(), |a| a.to_string());
                let m = format!(
                    "`reshape` keeps every element, but {} has {} and {} has {}",
                    shape_text(&own),
                    count(&own),
                    shape_text(&shape),
                    count(&shape)
                );
                let d = Diagnostic::new(Code::T0301, span, m, "");
                let d = d.also(x.span, format!("this is {}", shape_text(&own)));
                self.report(d.help("give a shape whose sizes have the same product"))
            }
            Err(f) => self.fault(f, span, "`reshape`", &[]),
        }
    }

    /// `einsum("m n, .. n -> .. m", W, x)`
    pub(crate) fn einsum_call(&mut self, scope: &Scope, span: Span, slots: &[Option<&Expr>]) -> Val {
        let [Some(text), Some(a), b] = slots else { return Val::Error };
        let ExprKind::Text(pattern) = &text.kind else {
            let d = Diagnostic::new(Code::T0208, text.span, "`einsum` needs the names of the axes as a text", "");
            return self.report(d.help("write `einsum(\"m n, n -> m\", W, x)`"));
        };
        let mut nodes = Vec::new();
        for e in std::iter::once(a).chain(b.iter()) {
            let v = self.eval(scope, e, None);
            let Some(n) = self.tensor(&v, e.span) else { return Val::Error };
            nodes.push((e.span, n));
        }
        let shapes: Vec<Vec<Axis>> = nodes.iter().map(|(_, n)| self.g.shape(*n).to_vec()).collect();
        let read = Pattern::read(pattern).and_then(|p| match p.args.len() == shapes.len() {
            true => Ok(p),
            false => Err(format!("axes of {} tensors are named, and {} given", p.args.len(), shapes.len())),
        });
        let pattern = match read {
            Ok(p) => p,
            Err(m) => {
                let d = Diagnostic::new(Code::T0208, text.span, format!("`einsum`: {m}"), "");
                return self.report(d.help("name each axis, as in \"m n, n -> m\"; `..` stands for any others"));
            }
        };
        match pattern.letters(&shapes) {
            Ok(c) => {
                let built = self.g.einsum(c, nodes[0].1, nodes.get(1).map(|n| n.1));
                match built {
                    Ok(n) => Val::Node(n),
                    Err(f) => self.fault(f, span, "`einsum`", &nodes),
                }
            }
            Err(m) => {
                let d = Diagnostic::new(Code::T0301, span, format!("these axes do not agree: {m}"), "");
                let label =
                    |d: Diagnostic, (s, n): &(Span, NodeId)| d.also(*s, format!("this is {}", self.g.ty(*n).text()));
                let d = nodes.iter().fold(d, label);
                self.report(d.help("one name stands for one size; give axes of other sizes other names"))
            }
        }
    }

    /// An axis by its number, from 1.
    fn axis_number(&mut self, scope: &Scope, e: &Expr, of: NodeId, extra: usize) -> Option<usize> {
        let k = self.count(scope, e)?;
        let rank = self.g.shape(of).len() - extra;
        if k >= 1 && k as usize <= rank {
            return Some(k as usize - 1);
        }
        let m = format!("there is no axis {k}: axes count from 1 to {rank} here");
        let text = self.g.ty(of).text();
        let d = Diagnostic::new(Code::T0307, e.span, m, format!("this is of {text}"));
        self.report(d.help(format!("write an axis from 1 to {rank}")).write(e.span, rank.max(1).to_string()));
        None
    }

    /// `sum(x, over = 2)`, `mean(x, over = [2, 3])`
    pub(crate) fn reduce_over(&mut self, scope: &Scope, span: Span, how: Reduction, slots: &[Option<&Expr>]) -> Val {
        let [Some(x), Some(over)] = slots else { return Val::Error };
        let v = self.eval(scope, x, None);
        let Some(n) = self.tensor(&v, x.span) else { return Val::Error };
        let listed = match &over.kind {
            ExprKind::List(items) => items.iter().collect(),
            _ => vec![*over],
        };
        let mut axes = Vec::new();
        for e in listed {
            let Some(axis) = self.axis_number(scope, e, n, 0) else { return Val::Error };
            axes.push(axis);
        }
        axes.sort();
        axes.dedup();
        self.built(|g| g.reduce(how, axes, n), span, "a reduction")
    }

    /// `unfold(x, 2, size)` and `fold(x, 2, length)`
    pub(crate) fn windows_call(&mut self, scope: &Scope, span: Span, surface: Surface, slots: &[Option<&Expr>]) -> Val {
        let [Some(x), Some(at), Some(size), stride, dilation, padding] = slots else { return Val::Error };
        let v = self.eval(scope, x, None);
        let Some(n) = self.tensor(&v, x.span) else { return Val::Error };
        let Some(axis) = self.axis_number(scope, at, n, usize::from(surface == Surface::Fold)) else {
            return Val::Error;
        };
        let mut sizes = Vec::new();
        for (e, default, least) in [(Some(*size), 1, 1), (*stride, 1, 1), (*dilation, 1, 1), (*padding, 0, 0)] {
            let Some(e) = e else {
                sizes.push(Axis::Known(default));
                continue;
            };
            let Some(a) = self.axis(scope, e) else { return Val::Error };
            if a.known().is_some_and(|a| a < least) {
                let d = Diagnostic::new(Code::T0307, e.span, format!("this must be {least} or more"), "");
                return self.report(d.help(format!("write `{least}` or more")).write(e.span, least.to_string()));
            }
            sizes.push(a);
        }
        let Ok([size, stride, dilation, padding]) = <[Axis; 4]>::try_from(sizes) else { return Val::Error };
        let window = Window { axis, stride, dilation: dilation.clone(), padding };
        let own = self.g.shape(n)[axis].clone();
        let made = match surface {
            Surface::Fold => self.g.fold(window, size.clone(), n),
            _ => self.g.unfold(window, size.clone(), n),
        };
        match made {
            Ok(n) => Val::Node(n),
            Err(Fault::Axis(AxisFault::Negative)) => {
                let reach = Axis::reach(&size, &dilation).unwrap_or(size);
                let m = format!("a window of {reach} does not fit into an axis of {own}");
                self.report(Diagnostic::new(Code::T0307, span, m, "").help("shrink the window, or pad the axis"))
            }
            Err(Fault::Axis(f)) => self.report(axis_diagnostic(f, span)),
            Err(f) => self.fault(f, span, "windows", &[]),
        }
    }
}
