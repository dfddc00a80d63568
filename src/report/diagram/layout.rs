//! Places for the boxes and lines of a diagram, in layers from the inputs down to the objective.
//!
//! The usual four steps (Sugiyama, Tagawa & Toda 1981, IEEE Trans. SMC 11:109-125): lines that run back are turned
//! round, every box gets a layer, boxes of a layer are put in an order with few crossings, and then moved towards what
//! they are tied to. A label takes part as a box of its own half-way, so that no two lie on each other.

use super::{Diagram, Node, Role};

/// Of a character of the text in a box, on average, and of a label's.
const CHARACTER: f64 = 7.8;
const SMALL: f64 = 6.6;
const HEIGHT: f64 = 44.0;
const LABEL_HEIGHT: f64 = 20.0;
/// Between layers, and between neighbours of a layer.
const DOWN: f64 = 22.0;
const ACROSS: f64 = 22.0;
const MARGIN: f64 = 12.0;
/// The longest text that a box shows in full.
const LONGEST: usize = 44;

#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub width: f64,
    pub height: f64,
    /// One a node of the diagram.
    pub boxes: Vec<Rect>,
    /// One an edge of the diagram.
    pub lines: Vec<Route>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Rect {
    /// Of the centre.
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Route {
    /// From the box it leaves to the box it enters.
    pub points: Vec<(f64, f64)>,
    /// The middle of its label.
    pub label: (f64, f64),
    /// It returns to where it began.
    pub loops: bool,
}

/// What takes room in a layer: a box, or a place that a line passes through.
struct Item {
    layer: usize,
    width: f64,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
}

pub fn layout(diagram: &Diagram) -> Layout {
    let count = diagram.nodes.len();
    let turned = turned(diagram);
    let layers = layers(diagram, &turned);
    let mut items: Vec<Item> = diagram
        .nodes
        .iter()
        .enumerate()
        .map(|(i, n)| {
            let width = node_width(n) + 2.0 * loop_room(diagram, i);
            Item { layer: 2 * layers[i], width, above: vec![], below: vec![], x: 0.0 }
        })
        .collect();
    let passes = pass(diagram, &turned, &mut items);
    let depth = items.iter().map(|i| i.layer).max().unwrap_or(0) + 1;
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); depth];
    (0..items.len()).for_each(|i| rows[items[i].layer].push(i));
    order(&mut rows, &items);
    places(&rows, &mut items);
    let left = items.iter().map(|i| i.x - i.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = items.iter().map(|i| i.x + i.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    items.iter_mut().for_each(|i| i.x += MARGIN - left);
    let (mut y, mut middles) = (MARGIN, Vec::new());
    for row in &rows {
        let tall = if row.iter().any(|&i| i < count) { HEIGHT } else { LABEL_HEIGHT };
        middles.push(y + tall / 2.0);
        y += tall + DOWN;
    }
    let boxes: Vec<Rect> = (0..count)
        .map(|i| Rect {
            x: items[i].x,
            y: middles[items[i].layer],
            width: node_width(&diagram.nodes[i]),
            height: HEIGHT,
        })
        .collect();
    let lines =
        (0..diagram.edges.len()).map(|e| route(diagram, e, &turned, &passes[e], &items, &middles, &boxes)).collect();
    let width = if items.is_empty() { 2.0 * MARGIN } else { right - left + 2.0 * MARGIN };
    Layout { width, height: y - DOWN + MARGIN, boxes, lines }
}

/// A text as a box shows it.
pub fn cut(text: &str) -> String {
    match text.chars().count() > LONGEST {
        true => text.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => text.to_string(),
    }
}

fn node_width(node: &Node) -> f64 {
    let name = cut(&node.name).chars().count() as f64 * CHARACTER;
    let detail = cut(&node.detail).chars().count() as f64 * SMALL;
    (name.max(detail) + 24.0).max(72.0)
}

/// Of the text at a line; nothing takes no room.
pub fn label_width(text: &str) -> f64 {
    match text.chars().count() {
        0 => 0.0,
        n => n as f64 * SMALL + 6.0,
    }
}

/// Room beside a box for the lines that return to it, and their labels.
fn loop_room(diagram: &Diagram, node: usize) -> f64 {
    let own = diagram.edges.iter().enumerate().filter(|(_, e)| e.from == node && e.to == node);
    own.map(|(i, _)| 34.0 + label_width(&diagram.edges[i].text())).fold(0.0, f64::max)
}

/// The edges that run back to a box that leads to where they come from.
fn turned(diagram: &Diagram) -> Vec<bool> {
    let mut turned = vec![false; diagram.edges.len()];
    // 0: not seen, 1: on the way, 2: done.
    let mut state = vec![0u8; diagram.nodes.len()];
    for root in 0..diagram.nodes.len() {
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.pop() {
            let Some((e, edge)) = diagram.edges.iter().enumerate().skip(next).find(|(_, e)| e.from == node) else {
                state[node] = 2;
                continue;
            };
            stack.push((node, e + 1));
            match state[edge.to] {
                _ if edge.to == node => {}
                0 => {
                    state[edge.to] = 1;
                    stack.push((edge.to, 0));
                }
                1 => turned[e] = true,
                _ => {}
            }
        }
    }
    turned
}

/// Ends of an edge, downwards.
fn ends(diagram: &Diagram, turned: &[bool], e: usize) -> (usize, usize) {
    let edge = &diagram.edges[e];
    if turned[e] { (edge.to, edge.from) } else { (edge.from, edge.to) }
}

/// The layer of each box: one below the lowest that leads to it. What only the objective reads lies just above it.
fn layers(diagram: &Diagram, turned: &[bool]) -> Vec<usize> {
    let mut layers = vec![0usize; diagram.nodes.len()];
    let ties: Vec<(usize, usize)> =
        (0..diagram.edges.len()).map(|e| ends(diagram, turned, e)).filter(|(a, b)| a != b).collect();
    // No path is longer than there are boxes.
    for _ in 0..diagram.nodes.len() {
        let mut moved = false;
        for &(from, to) in &ties {
            if layers[to] <= layers[from] {
                layers[to] = layers[from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let targets = (0..diagram.nodes.len()).filter(|i| diagram.nodes[*i].role == Role::Target);
    for i in targets {
        let below = ties.iter().filter(|t| t.0 == i).map(|t| layers[t.1]).min();
        layers[i] = below.map_or(layers[i], |l| l.saturating_sub(1));
    }
    layers
}

/// The places that each line passes, from above; a label sits at the middle one.
fn pass(diagram: &Diagram, turned: &[bool], items: &mut Vec<Item>) -> Vec<Vec<usize>> {
    let mut passes = Vec::new();
    for e in 0..diagram.edges.len() {
        let (top, bottom) = ends(diagram, turned, e);
        let mut path = Vec::new();
        if top != bottom {
            let (from, to) = (items[top].layer, items[bottom].layer);
            let middle = (from + to) / 2;
            let mut last = top;
            for layer in from + 1..to {
                let width = if layer == middle { label_width(&diagram.edges[e].text()).max(8.0) } else { 8.0 };
                items.push(Item { layer, width, above: vec![last], below: vec![], x: 0.0 });
                let new = items.len() - 1;
                items[last].below.push(new);
                path.push(new);
                last = new;
            }
            items[last].below.push(bottom);
            items[bottom].above.push(last);
        }
        passes.push(path);
    }
    passes
}

/// Puts each row in the order with the fewest crossings that sweeping down and up finds.
fn order(rows: &mut Vec<Vec<usize>>, items: &[Item]) {
    let mut best = rows.clone();
    let mut fewest = crossings(rows, items);
    for sweep in 0..12 {
        let down = sweep % 2 == 0;
        let numbers: Vec<usize> =
            if down { (1..rows.len()).collect() } else { (0..rows.len().saturating_sub(1)).rev().collect() };
        for r in numbers {
            let position = positions(rows, items.len());
            let key = |i: usize| {
                let near = if down { &items[i].above } else { &items[i].below };
                let own = position[i] as f64;
                if near.is_empty() {
                    own
                } else {
                    near.iter().map(|&n| position[n] as f64).sum::<f64>() / near.len() as f64
                }
            };
            rows[r].sort_by(|a, b| key(*a).total_cmp(&key(*b)));
        }
        let now = crossings(rows, items);
        if now < fewest {
            (fewest, best) = (now, rows.clone());
        }
    }
    *rows = best;
}

fn positions(rows: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut position = vec![0; count];
    rows.iter().for_each(|row| row.iter().enumerate().for_each(|(at, &i)| position[i] = at));
    position
}

fn crossings(rows: &[Vec<usize>], items: &[Item]) -> usize {
    let position = positions(rows, items.len());
    rows.iter()
        .map(|row| {
            let ties: Vec<(usize, usize)> = row
                .iter()
                .flat_map(|&i| items[i].below.iter().map(move |&b| (i, b)))
                .map(|(a, b)| (position[a], position[b]))
                .collect();
            let crossed = |a: &(usize, usize), b: &(usize, usize)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
            ties.iter().enumerate().map(|(i, a)| ties[i + 1..].iter().filter(|b| crossed(a, b)).count()).sum::<usize>()
        })
        .sum()
}

/// Moves every row towards the middle of what it is tied to, without changing its order.
fn places(rows: &[Vec<usize>], items: &mut [Item]) {
    for row in rows {
        let wanted = vec![0.0; row.len()];
        settle(row, items, &wanted);
    }
    for sweep in 0..24 {
        let down = sweep % 2 == 0;
        let numbers: Vec<usize> = if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for r in numbers {
            let wanted: Vec<f64> = rows[r]
                .iter()
                .map(|&i| {
                    let near = if down { &items[i].above } else { &items[i].below };
                    if near.is_empty() {
                        items[i].x
                    } else {
                        near.iter().map(|&n| items[n].x).sum::<f64>() / near.len() as f64
                    }
                })
                .collect();
            settle(&rows[r], items, &wanted);
        }
    }
}

/// The places nearest to the wanted ones that keep neighbours apart: regression under an order, by pooling adjacent
/// violators.
fn settle(row: &[usize], items: &mut [Item], wanted: &[f64]) {
    let mut offset = 0.0;
    let mut offsets = Vec::new();
    for (at, &i) in row.iter().enumerate() {
        if at > 0 {
            offset += (items[row[at - 1]].width + items[i].width) / 2.0 + ACROSS;
        }
        offsets.push(offset);
    }
    // Sum and number of each pool.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (want, offset) in wanted.iter().zip(&offsets) {
        pools.push((want - offset, 1));
        while let [.., a, b] = pools[..]
            && a.0 / a.1 as f64 > b.0 / b.1 as f64
        {
            pools.pop();
            pools.pop();
            pools.push((a.0 + b.0, a.1 + b.1));
        }
    }
    let levels = pools.iter().flat_map(|&(sum, n)| std::iter::repeat_n(sum / n as f64, n));
    for ((&i, level), offset) in row.iter().zip(levels).zip(&offsets) {
        items[i].x = level + offset;
    }
}

fn route(
    diagram: &Diagram,
    e: usize,
    turned: &[bool],
    path: &[usize],
    items: &[Item],
    middles: &[f64],
    boxes: &[Rect],
) -> Route {
    let (top, bottom) = ends(diagram, turned, e);
    let (a, b) = (boxes[top], boxes[bottom]);
    if top == bottom {
        let side = a.x + a.width / 2.0;
        let points = vec![(side, a.y - 10.0), (side + 26.0, a.y - 14.0), (side + 26.0, a.y + 14.0), (side, a.y + 10.0)];
        return Route { points, label: (side + 30.0 + label_width(&diagram.edges[e].text()) / 2.0, a.y), loops: true };
    }
    let inner: Vec<(f64, f64)> = path.iter().map(|&i| (items[i].x, middles[items[i].layer])).collect();
    // Lines leave and enter a box apart from each other, each on the side that it goes to.
    let near = |from: Rect, to: Option<&(f64, f64)>| {
        let reach = from.width / 2.0 - 14.0;
        to.map_or(from.x, |p| from.x + ((p.0 - from.x) * 0.25).clamp(-reach, reach))
    };
    let mut points = vec![(near(a, inner.first()), a.y + a.height / 2.0)];
    points.extend(&inner);
    points.push((near(b, inner.last()), b.y - b.height / 2.0));
    let layer = (items[top].layer + items[bottom].layer) / 2;
    let label = path
        .iter()
        .find(|&&i| items[i].layer == layer)
        .map_or(((a.x + b.x) / 2.0, (a.y + b.y) / 2.0), |&i| (items[i].x, middles[layer]));
    if turned[e] {
        points.reverse();
    }
    Route { points, label, loops: false }
}

#[cfg(test)]
mod tests {
    use super::super::{Edge, Tie};
    use super::*;

    fn diagram(count: usize, ties: &[(usize, usize)]) -> Diagram {
        let node = |i| Node { name: format!("h{i}"), detail: "[32]".into(), role: Role::Population };
        let edge = |&(from, to)| Edge { from, to, label: "dense".into(), parameters: Some(10), kind: Tie::Projection };
        Diagram { nodes: (0..count).map(node).collect(), edges: ties.iter().map(edge).collect(), ..Diagram::default() }
    }

    #[test]
    fn boxes_do_not_lie_on_each_other() {
        let ties = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (0, 4), (4, 1), (2, 2)];
        let found = layout(&diagram(5, &ties));
        for (i, a) in found.boxes.iter().enumerate() {
            assert!(a.x - a.width / 2.0 >= 0.0 && a.x + a.width / 2.0 <= found.width);
            for b in &found.boxes[i + 1..] {
                let apart = |d: f64, room: f64| d.abs() >= room;
                assert!(apart(a.x - b.x, (a.width + b.width) / 2.0) || apart(a.y - b.y, HEIGHT));
            }
        }
        assert!(found.lines[8].loops);
        // Labels of lines between the same layers lie beside each other.
        let (one, two) = (found.lines[0].label, found.lines[1].label);
        assert!(one.1 != two.1 || (one.0 - two.0).abs() > 50.0);
    }

    #[test]
    fn a_chain_is_straight_and_nothing_is_nothing() {
        let found = layout(&diagram(3, &[(0, 1), (1, 2)]));
        assert!(found.boxes.windows(2).all(|w| (w[0].x - w[1].x).abs() < 1e-9 && w[0].y < w[1].y));
        assert!(layout(&Diagram::default()).width > 0.0);
    }
}
