//! The graph that made a tensor, as data: nodes with values, adjoints and formulas, and edges.

use std::collections::HashMap;
use std::fmt::Write;

use crate::array::Array;
use crate::error::{Result, camel, json_string};
use crate::tape::{Edges, Id, Tape, bit};
use crate::var::Var;

/// Values of more elements than this are left out.
const SMALL: usize = 64;

/// The nodes that `y` was computed from, in order, as JSON
/// `{"nodes": [{id, op, name, shape, dtype, value, gradient, parameters, vjp, keeps}], "edges": [{from, to, input}]}`.
///
/// `value` and `gradient` are flat lists of numbers (strings for those that JSON lacks) or null; `op` is null for a leaf
/// and "constant" for a number; `vjp` has the derivative by each input as the table writes it, in the
/// names of `parameters`. After a `backward` from y
/// that kept its graph, `gradient` is there for every node. Errors: `memory`.
pub fn to_json(tape: &Tape, y: Var<'_>) -> Result<String> {
    let order = tape.reached(&[y.id()], Edges::Shown, &|_, _| true);
    let place: HashMap<Id, usize> = order.iter().enumerate().map(|(k, &id)| (id, k)).collect();
    let gradients = adjoints(tape, y, &order)?;
    let nodes = tape.nodes.borrow();
    let mut text = String::from("{\"nodes\":[");
    for (k, &id) in order.iter().enumerate() {
        let node = &nodes.slots[id as usize];
        let op = match &node.op {
            Some(op) => json_string(&camel(op.name())),
            None if node.constant => "\"constant\"".into(),
            None => "null".into(),
        };
        let formulas: Vec<String> = (0..node.inputs.len())
            .map(|i| node.op.as_ref().and_then(|op| op.formula(i)).map_or("null".into(), json_string))
            .collect();
        let named = |i: usize| node.op.as_ref().and_then(|op| op.parameter(i)).map(|name| json_string(&camel(name)));
        let parameters: Vec<String> = (0..node.inputs.len()).filter_map(named).collect();
        let kept = node.kept.unwrap_or_default();
        let keeps: Vec<String> = (0..node.inputs.len())
            .filter(|i| kept.inputs & bit(*i) != 0)
            .map(|i| i.to_string())
            .chain(kept.output.then(|| "\"output\"".into()))
            .collect();
        let comma = if k == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"id\":{k},\"op\":{op},\"name\":{},\"shape\":{:?},\"dtype\":\"{}\",\"value\":{},\"gradient\":{},\"parameters\":[{}],\"vjp\":[{}],\"keeps\":[{}]}}",
            node.name.as_deref().map_or("null".into(), json_string),
            &node.aval.shape[..],
            node.aval.dtype.name(),
            numbers(node.value.as_ref())?,
            numbers(gradients[k].as_ref())?,
            parameters.join(","),
            formulas.join(","),
            keeps.join(",")
        );
    }
    text.push_str("],\"edges\":[");
    let mut comma = "";
    for (to, &id) in order.iter().enumerate() {
        for (i, input) in nodes.slots[id as usize].inputs.iter().enumerate() {
            let shown = nodes.slots[id as usize]
                .op
                .as_ref()
                .is_none_or(|op| op.shown(i, nodes.slots[id as usize].inputs.len()));
            let Some(from) = place.get(input).filter(|_| shown) else { continue };
            let _ = write!(text, "{comma}{{\"from\":{from},\"to\":{to},\"input\":{i}}}");
            comma = ",";
        }
    }
    text.push_str("]}");
    Ok(text)
}

/// The adjoint of every node when `backward` has gone through and its graph is there; else what has been accumulated.
fn adjoints(tape: &Tape, y: Var<'_>, order: &[Id]) -> Result<Vec<Option<Array>>> {
    let (seed, xs): (Option<Id>, Vec<Option<Var<'_>>>) = {
        let nodes = tape.nodes.borrow();
        let variable = |&id: &Id| {
            let node = &nodes.slots[id as usize];
            (node.aval.dtype.is_float() && !node.constant).then(|| Var::new(tape, id))
        };
        (nodes.slots[y.id() as usize].seed, order.iter().map(variable).collect())
    };
    let Some(seed) = seed.filter(|_| tape.depth() == 0) else {
        return Ok(order.iter().map(|&id| tape.grad(Var::new(tape, id)).and_then(Var::value)).collect());
    };
    let wanted: Vec<Var<'_>> = xs.iter().flatten().copied().collect();
    let was = tape.set_no_grad(true);
    let found = tape.pullback(&[y], &[Some(Var::new(tape, seed))], &wanted, true);
    let computed = found.and_then(|gradients| tape.settle(&gradients).map(|()| gradients));
    tape.set_no_grad(was);
    let mut computed = computed?.into_iter();
    Ok(xs.iter().map(|x| x.and_then(|_| computed.next()).and_then(Var::value)).collect())
}

fn numbers(value: Option<&Array>) -> Result<String> {
    let Some(value) = value.filter(|v| v.shape().size() <= SMALL) else { return Ok("null".into()) };
    let text = |x: f64| if x.is_finite() { format!("{x:e}") } else { format!("\"{x}\"") };
    let list: Vec<String> = value.to_f64s()?.into_iter().map(text).collect();
    Ok(format!("[{}]", list.join(",")))
}
