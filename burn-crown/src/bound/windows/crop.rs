//! The part of a graph that a window of a node depends on.

use std::sync::Arc;

use super::lanes::Lanes;
use crate::bound::intervals::Intervals;
use crate::graph::{Graph, Node, Source};
use crate::ops::{Operator, Region, Slice, Window};

/// A graph of the windows of nodes. Its images are lanes: each is some image of the whole graph,
/// which may have several.
pub(super) struct Crop {
    /// For one lane.
    graph: Graph,
    parts: Vec<Part>,
}

/// What a node of a cropped graph is.
struct Part {
    /// The node in the whole graph.
    node: usize,
    /// The window of it; none for a fixed value without a batch, taken as it is.
    window: Option<Window>,
    /// Whether lanes of different images have different values.
    by_lane: bool,
    /// Whether a backward pass reads its region.
    is_read: bool,
}

/// A node of the whole graph on the way.
struct Made {
    window: Window,
    /// None for a leaf.
    operator: Option<Arc<dyn Operator>>,
    operands: Vec<Option<Window>>,
}

impl Crop {
    /// What a window of `target` depends on; none where an operator on the way has no windows, or a
    /// region cannot be cut.
    pub(super) fn new(known: &Intervals, target: usize, window: &Window) -> Option<Self> {
        let graph = &known.graph;
        let mut wanted: Vec<Option<Window>> = vec![None; target + 1];
        wanted[target] = Some(window.clone());
        let mut made: Vec<Option<Made>> = Vec::new();
        for index in (0..=target).rev() {
            let window = wanted[index].take();
            let on_the_way = window.map(|window| make(known, index, window));
            let on_the_way = match on_the_way {
                Some(None) => return None,
                Some(made) => made,
                None => None,
            };
            if let Some(made) = &on_the_way {
                for (&input, part) in graph.inputs(index).iter().zip(&made.operands) {
                    if !graph.nodes[input].perturbed {
                        continue;
                    }
                    let part = part.as_ref()?;
                    let hull = wanted[input]
                        .as_ref()
                        .map_or(part.clone(), |own| own.hull(part));
                    wanted[input] = Some(hull);
                }
            }
            made.push(on_the_way);
        }
        made.reverse();
        let mut build = Build {
            whole: graph,
            made: &made,
            places: vec![None; target + 1],
            crop: Self {
                graph: Graph {
                    nodes: Vec::new(),
                    outputs: Vec::new(),
                    batch: 1,
                },
                parts: Vec::new(),
            },
        };
        for index in 0..=target {
            build.add(index);
        }
        let output = build.read(target, Some(window));
        let mut crop = build.crop;
        crop.graph.outputs.push(output);
        Some(crop)
    }

    /// The node that is the window.
    pub(super) fn target(&self) -> usize {
        self.graph.outputs[0]
    }

    /// The graph for one lane.
    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// How many coefficients of a form there are on the way.
    pub(super) fn elements(&self) -> usize {
        let perturbed = (0..self.parts.len()).filter(|&index| self.graph.nodes[index].perturbed);
        perturbed.map(|index| self.graph.features(index)).sum()
    }

    /// What is known of the windows, in so many lanes.
    pub(super) fn known(&self, whole: &Intervals, lanes: &Lanes) -> Intervals {
        let mut graph = self.graph.clone();
        graph.batch = lanes.count();
        for (node, part) in graph.nodes.iter_mut().zip(&self.parts) {
            if part.by_lane {
                node.shape[0] = lanes.count();
            }
        }
        let images = lanes.images(whole.like());
        let cut = |part: &Part| {
            let region = whole.known(part.node).filter(|_| part.is_read)?;
            Some(match &part.window {
                None => region.clone(),
                Some(window) if part.by_lane => region.rearrange(|x| images.of(window.of(x))),
                Some(window) => region.rearrange(|x| window.of(x)),
            })
        };
        let regions = self.parts.iter().map(cut).collect();
        Intervals::new(Arc::new(graph), whole.like().clone(), regions)
    }
}

/// How a window of a node is made, or what holds it and can be made.
fn make(known: &Intervals, index: usize, window: Window) -> Option<Made> {
    let graph = &known.graph;
    let node = &graph.nodes[index];
    let Source::Operator { operator, inputs } = &node.source else {
        let is_cut = !matches!(known.get(index), Region::Substitution(_));
        return is_cut.then(|| Made {
            window,
            operator: None,
            operands: Vec::new(),
        });
    };
    let shapes: Vec<&[usize]> = inputs
        .iter()
        .map(|&input| graph.nodes[input].shape.as_slice())
        .collect();
    let by = |window: Window| {
        let windowed = operator.window(&window, &node.shape, &shapes)?;
        Some(Made {
            window,
            operator: Some(windowed.operator.unwrap_or_else(|| operator.clone())),
            operands: windowed.operands,
        })
    };
    by(window).or_else(|| by(Window::whole(&node.shape)))
}

struct Build<'a> {
    whole: &'a Graph,
    made: &'a [Option<Made>],
    /// Where nodes of the whole graph are in the cropped one.
    places: Vec<Option<usize>>,
    crop: Crop,
}

impl Build<'_> {
    /// Adds a node of the whole graph, if it is on the way.
    fn add(&mut self, index: usize) {
        let (whole, made) = (self.whole, self.made);
        let Some(made) = &made[index] else {
            return;
        };
        let source = match &made.operator {
            None => Source::Known,
            Some(operator) => {
                let operands = whole.inputs(index).iter().zip(&made.operands);
                let inputs: Vec<usize> = operands
                    .map(|(&input, part)| self.read(input, part.as_ref()))
                    .collect();
                if !operator.is_affine() {
                    for &input in &inputs {
                        self.crop.parts[input].is_read = true;
                    }
                }
                Source::Operator {
                    operator: operator.clone(),
                    inputs,
                }
            }
        };
        self.places[index] = Some(self.push(index, source, Some(made.window.clone())));
    }

    /// The node that is a window of a node of the whole graph.
    fn read(&mut self, index: usize, window: Option<&Window>) -> usize {
        let (Some(place), Some(window)) = (self.places[index], window) else {
            return self.push(index, Source::Known, window.cloned());
        };
        let own = self.crop.parts[place].window.as_ref();
        match own.filter(|own| *own != window) {
            None => place,
            Some(own) => {
                let shape = &self.crop.graph.nodes[place].shape;
                let slice = Source::Operator {
                    operator: Arc::new(Slice::of_window(&window.inside(own), shape)),
                    inputs: vec![place],
                };
                self.push(index, slice, Some(window.clone()))
            }
        }
    }

    fn push(&mut self, index: usize, source: Source, window: Option<Window>) -> usize {
        let node = &self.whole.nodes[index];
        let by_lane = node.perturbed
            || (window.is_some() && node.shape[0] == self.whole.batch && node.shape[0] > 1);
        let shape = match &window {
            None => node.shape.clone(),
            Some(window) => window.shape(1),
        };
        self.crop.parts.push(Part {
            node: index,
            window,
            by_lane,
            is_read: matches!(source, Source::Known),
        });
        self.crop.graph.nodes.push(Node {
            source,
            shape,
            perturbed: node.perturbed,
            module: None,
            origin: None,
        });
        self.crop.parts.len() - 1
    }
}
