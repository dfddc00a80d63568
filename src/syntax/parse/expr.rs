//! Expressions: from the grammar's flat rows of operands and operators to trees.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::Rule;
use super::build::{Builder, Parts};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::*;

/// Loosest first.
static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let infix = |r: Rule| Op::infix(r, Assoc::Left);
    PrattParser::new()
        .op(Op::prefix(Rule::minimize)
            | Op::prefix(Rule::maximize)
            | Op::prefix(Rule::condition)
            | Op::prefix(Rule::during))
        .op(infix(Rule::or_))
        .op(infix(Rule::and_))
        .op(Op::prefix(Rule::not))
        .op(infix(Rule::compare))
        .op(infix(Rule::range))
        .op(infix(Rule::add) | infix(Rule::subtract))
        .op(infix(Rule::multiply) | infix(Rule::divide) | infix(Rule::contract))
        .op(Op::prefix(Rule::negate))
        .op(Op::infix(Rule::power, Assoc::Right))
        .op(Op::prefix(Rule::sample))
        .op(Op::postfix(Rule::call) | Op::postfix(Rule::index) | Op::postfix(Rule::field) | Op::postfix(Rule::as_))
});

/// An expression tree is never deeper than this, so that later stages may walk it by recursion.
const MAX_HEIGHT: usize = 1000;

/// An expression, and whether brackets held it together (`(a < b) == c` is no chain).
struct Part {
    expr: Expr,
    closed: bool,
}

impl Builder<'_> {
    pub fn expr_or_error(&self, pair: Option<Pair<'_, Rule>>) -> Expr {
        match pair {
            Some(p) => self.expr(p),
            None => Expr { span: Span { file: self.file, ..Span::default() }, kind: ExprKind::Error },
        }
    }

    /// Builds a `Rule::expr`.
    pub fn expr(&self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let before = self.height.get();
        let height = before + pair.clone().into_inner().len();
        if height > MAX_HEIGHT {
            let d = Diagnostic::new(Code::T0104, span, "this expression has too many parts", "nested too deeply")
                .help("name its parts with `let`, and combine the names");
            self.report(d);
            return Expr { span, kind: ExprKind::Error };
        }
        self.height.set(height);
        let parts = pair.into_inner();
        let ordering = self.ordering.take();
        let built = PRATT
            .map_primary(|p| self.primary(p))
            .map_prefix(|op, rhs| self.prefix(op, rhs))
            .map_infix(|lhs, op, rhs| self.infix(lhs, op, rhs, ordering))
            .map_postfix(|lhs, op| self.postfix(lhs, op))
            .parse(parts);
        self.height.set(before);
        built.expr
    }

    fn primary(&self, pair: Pair<'_, Rule>) -> Part {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => self.number(pair),
            Rule::text => ExprKind::Text(pair.as_str().trim_matches('"').to_string()),
            Rule::bool => ExprKind::Bool(pair.as_str() == "true"),
            Rule::hole => ExprKind::Hole,
            Rule::name => match self.ident(pair).name {
                // A word that is no name has been told of.
                name if name == "vary" => ExprKind::Error,
                name => ExprKind::Name(name),
            },
            Rule::paren => {
                let inner = self.expr_or_error(pair.into_inner().next());
                return Part { expr: Expr { span, kind: inner.kind }, closed: true };
            }
            Rule::list => ExprKind::List(Parts::of(pair).map(|e| self.expr(e)).collect()),
            Rule::braces => {
                let (entries, unit) = self.braces(pair);
                ExprKind::Braces { entries, unit }
            }
            Rule::vary => self.choice(Choice::Vary, pair),
            Rule::tune => self.choice(Choice::Tune, pair),
            Rule::relaxed => {
                ExprKind::Relax(Parts::of(pair).get(Rule::block).map(|b| self.block(b)).unwrap_or_default())
            }
            _ => ExprKind::Error,
        };
        Part { expr: Expr { span, kind }, closed: true }
    }

    fn prefix(&self, op: Pair<'_, Rule>, operand: Part) -> Part {
        let span = self.span(&op).to(operand.expr.span);
        if op.as_rule() == Rule::negate && op.get_input()[..op.as_span().start()].ends_with('-') {
            let d = Diagnostic::new(Code::T0101, self.span(&op), "`--`: one sign too many", "");
            self.report(d.help("write `-` once; what is meant twice has brackets: `a - (-b)`"));
        }
        let of = Box::new(operand.expr);
        let kind = match op.as_rule() {
            Rule::negate => ExprKind::Unary(UnaryOp::Negate, of),
            Rule::not => ExprKind::Unary(UnaryOp::Not, of),
            Rule::minimize => ExprKind::Minimize(of),
            Rule::maximize => ExprKind::Maximize(of),
            Rule::sample => ExprKind::Sample(of),
            Rule::during => match Parts::of(op).get(Rule::name) {
                Some(n) => ExprKind::During(self.ident(n), of),
                None => ExprKind::Error,
            },
            Rule::condition => {
                let mut parts = Parts::of(op);
                let condition = Box::new(self.expr_or_error(parts.get(Rule::expr)));
                let then = Box::new(self.expr_or_error(parts.get(Rule::expr)));
                ExprKind::If { condition, then, otherwise: of }
            }
            _ => ExprKind::Error,
        };
        Part { expr: Expr { span, kind }, closed: false }
    }

    fn infix(&self, left: Part, op: Pair<'_, Rule>, right: Part, ordering: bool) -> Part {
        let span = left.expr.span.to(right.expr.span);
        let sign = op.as_str();
        let Some(op_kind) = binary_op(sign) else {
            return Part { expr: Expr { span, kind: ExprKind::Error }, closed: false };
        };
        if let (false, ExprKind::Binary(inner, ..)) = (left.closed, &left.expr.kind)
            && chained(*inner, op_kind)
            && !(ordering && one_way(*inner, op_kind))
        {
            let help = match op_kind {
                BinaryOp::Range => "write one range, `first..last`",
                _ if ordering => "an ordering goes one way: `a > b > c`, or `a < b <= c`",
                _ => "compare two at a time, and join them: `a < b and b < c`",
            };
            let message = format!("`{}` and `{sign}` cannot follow each other", inner.sign());
            self.report(Diagnostic::new(Code::T0101, self.span(&op), message, "the second one").help(help));
            if ordering {
                return Part { expr: Expr { span, kind: ExprKind::Error }, closed: false };
            }
        }
        let kind = ExprKind::Binary(op_kind, Box::new(left.expr), Box::new(right.expr));
        Part { expr: Expr { span, kind }, closed: false }
    }

    fn postfix(&self, of: Part, suffix: Pair<'_, Rule>) -> Part {
        let span = of.expr.span.to(self.span(&suffix));
        let kind = self.suffix(of.expr, suffix);
        Part { expr: Expr { span, kind }, closed: true }
    }

    fn suffix(&self, of: Expr, suffix: Pair<'_, Rule>) -> ExprKind {
        let rule = suffix.as_rule();
        let mut parts = Parts::of(suffix);
        match rule {
            Rule::field => match parts.next() {
                Some(id) => ExprKind::Field(Box::new(of), self.any_word(id)),
                None => ExprKind::Error,
            },
            Rule::as_ => match parts.next() {
                Some(name) => ExprKind::As(Box::new(of), self.ident(name)),
                None => ExprKind::Error,
            },
            Rule::index => ExprKind::Index(Box::new(of), parts.map(|e| self.expr(e)).collect()),
            Rule::call => match parts.get(Rule::binder) {
                Some(binder) => self.reduce(of, binder),
                None => ExprKind::Call(Box::new(of), parts.map(|a| self.arg(a)).collect()),
            },
            _ => ExprKind::Error,
        }
    }

    fn arg(&self, pair: Pair<'_, Rule>) -> Arg {
        let mut parts = Parts::of(pair);
        let name = parts.get(Rule::arg_name).and_then(|n| n.into_inner().next()).map(|n| self.any_word(n));
        Arg { name, value: self.expr_or_error(parts.get(Rule::expr)) }
    }

    /// `sum(q in n.out: e)`: a name called with a binder.
    fn reduce(&self, function: Expr, pair: Pair<'_, Rule>) -> ExprKind {
        let ExprKind::Name(name) = function.kind else {
            let d = Diagnostic::new(Code::T0101, function.span, "only a name can be called with a letter and `:`", "")
                .help("name what is summed with `let`, and write `sum(q in n.out: e)`");
            self.report(d);
            return ExprKind::Error;
        };
        let function = Ident { name, span: function.span };
        let mut parts = Parts::of(pair);
        let Some(var) = parts.get(Rule::name).map(|n| self.ident(n)) else {
            return ExprKind::Error;
        };
        // `q in e: body` has two expressions, `q: body` one.
        let guard_or = |p: &mut Parts<'_>| p.get(Rule::where_).map(|w| self.guard(w));
        let first = parts.get(Rule::expr).map(|e| self.expr(e));
        let guard = guard_or(&mut parts);
        let second = parts.get(Rule::expr).map(|e| self.expr(e));
        let (over, body) = match (first, second) {
            (over, Some(body)) => (over, body),
            (Some(body), None) => (None, body),
            (None, None) => return ExprKind::Error,
        };
        ExprKind::Reduce { function, binder: Box::new(Binder { var, over, guard }), body: Box::new(body) }
    }

    pub fn guard(&self, pair: Pair<'_, Rule>) -> Expr {
        self.expr_or_error(Parts::of(pair).get(Rule::expr))
    }

    fn braces(&self, pair: Pair<'_, Rule>) -> (Vec<Entry>, Option<Ident>) {
        let mut parts = Parts::of(pair);
        let entries = parts.get_all(Rule::entry).into_iter().map(|e| self.entry(e)).collect();
        (entries, parts.get(Rule::unit).map(|u| self.any_word(u)))
    }

    fn entry(&self, pair: Pair<'_, Rule>) -> Entry {
        let mut parts = Parts::of(pair);
        let label = parts.get(Rule::label).map(|l| self.dotted(l));
        Entry { label, value: self.expr_or_error(parts.get(Rule::expr)) }
    }

    /// `pyramidal.basal` as one name.
    fn dotted(&self, pair: Pair<'_, Rule>) -> Ident {
        let span = self.span(&pair);
        let words: Vec<String> = pair
            .into_inner()
            .map(|w| if w.as_rule() == Rule::name { self.ident(w) } else { self.any_word(w) }.name)
            .collect();
        Ident { name: words.join("."), span }
    }

    fn choice(&self, choice: Choice, pair: Pair<'_, Rule>) -> ExprKind {
        match Parts::of(pair).get(Rule::braces) {
            Some(braces) => ExprKind::Vary(choice, self.varied(braces)),
            None => ExprKind::Error,
        }
    }

    /// The alternatives of a `vary`; a unit behind the braces goes to each number.
    fn varied(&self, braces: Pair<'_, Rule>) -> Vec<Entry> {
        let (mut entries, unit) = self.braces(braces);
        let Some(word) = unit else { return entries };
        for entry in &mut entries {
            if !give_unit(&mut entry.value, &word) {
                let message = format!("`{}` stands behind braces that hold more than numbers", word.name);
                let d =
                    Diagnostic::new(Code::T0105, word.span, message, "").also(entry.value.span, "not a plain number");
                self.report(d.help("write the unit behind each number"));
            }
        }
        entries
    }

    /// The value of digits, `10_000` among them.
    pub fn numeral(&self, pair: &Pair<'_, Rule>) -> Option<f64> {
        let text = pair.as_str();
        let mut groups = text.split(['.', 'e', 'E']).flat_map(|part| part.split('_'));
        if groups.any(str::is_empty) {
            let d = Diagnostic::new(Code::T0105, self.span(pair), format!("`{text}` is not a number"), "");
            let joined: Vec<&str> = text.split('_').filter(|g| !g.is_empty()).collect();
            self.report(d.help(format!("a `_` stands between two digits: `{}`", joined.join("_"))));
            return None;
        }
        let value = text.replace('_', "").parse::<f64>().ok().filter(|v| v.is_finite());
        if value.is_none() {
            let d = Diagnostic::new(Code::T0105, self.span(pair), format!("`{text}` is too large for a number"), "");
            self.report(d.help("the largest number is about 1.8e308"));
        }
        value
    }

    fn number(&self, pair: Pair<'_, Rule>) -> ExprKind {
        let mut parts = Parts::of(pair);
        let Some(numeral) = parts.get(Rule::numeral) else {
            return ExprKind::Error;
        };
        let Some(value) = self.numeral(&numeral) else { return ExprKind::Error };
        let text = numeral.as_str().to_string();
        ExprKind::Number { value, text, unit: parts.get(Rule::unit).map(|u| self.any_word(u)) }
    }

    /// `name`, `a.b`, `f(x)`, `h[i]`: what a change or a setting writes to.
    pub fn place(&self, pair: Pair<'_, Rule>) -> Expr {
        let mut parts = Parts::of(pair);
        let mut built = match parts.get(Rule::name) {
            Some(n) => {
                let id = self.ident(n);
                Expr { span: id.span, kind: ExprKind::Name(id.name) }
            }
            None => self.expr_or_error(None),
        };
        for suffix in parts {
            let span = built.span.to(self.span(&suffix));
            built = Expr { span, kind: self.suffix(built, suffix) };
        }
        built
    }
}

fn give_unit(e: &mut Expr, word: &Ident) -> bool {
    match &mut e.kind {
        ExprKind::Number { unit, .. } if unit.is_none() => {
            *unit = Some(word.clone());
            true
        }
        ExprKind::Unary(UnaryOp::Negate, of) => give_unit(of, word),
        ExprKind::Error => true,
        _ => false,
    }
}

/// Two signs that may not follow each other without brackets.
fn chained(a: BinaryOp, b: BinaryOp) -> bool {
    (is_comparison(a) && is_comparison(b)) || (a == BinaryOp::Range && b == BinaryOp::Range)
}

/// Two comparisons that make an ordering together.
pub fn one_way(a: BinaryOp, b: BinaryOp) -> bool {
    use BinaryOp::*;
    let falls = |op| matches!(op, Greater | GreaterEqual);
    let rises = |op| matches!(op, Less | LessEqual);
    (falls(a) && falls(b)) || (rises(a) && rises(b))
}

pub fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
}

fn binary_op(sign: &str) -> Option<BinaryOp> {
    use BinaryOp::*;
    let all = [
        Add,
        Subtract,
        Multiply,
        Divide,
        Contract,
        Power,
        Equal,
        NotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        And,
        Or,
        Range,
    ];
    all.into_iter().find(|op| op.sign() == sign)
}
