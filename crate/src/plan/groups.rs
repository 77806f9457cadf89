//! Which operations of a plan are computed together.
//!
//! Elementwise operations whose results have one shape become one unit with those of their inputs that are so too. That no
//! unit waits for itself is seen to by stages: a value's stage is that of its inputs, or one more where the step from
//! input to value leaves a unit. Operations of one unit have one stage, so a way that leaves a unit never comes back.

use super::build::{Value, is_elementwise};
use crate::kernels::map::MAX_OPERANDS;

/// The most operations in a unit: its program stays in the caches.
const MOST: usize = 256;

/// The units of a program, in the order in which they are computed.
pub(super) struct Units {
    /// For each value that is computed its unit.
    unit: Vec<Option<usize>>,
    members: Vec<Vec<usize>>,
    order: Vec<usize>,
}

impl Units {
    /// The members of each unit.
    pub fn in_order(&self) -> impl Iterator<Item = &[usize]> {
        self.order.iter().map(|&unit| &self.members[unit][..])
    }

    /// Whether two values are computed together.
    pub fn same(&self, a: usize, b: usize) -> bool {
        self.unit[a].is_some() && self.unit[a] == self.unit[b]
    }
}

/// The units of the values that results need.
pub(super) fn units(values: &[Value], results: &[usize]) -> Units {
    let mut units = Units { unit: vec![None; values.len()], members: Vec::new(), order: Vec::new() };
    let mut stage = vec![0usize; values.len()];
    for (number, value) in values.iter().enumerate() {
        let Some((op, inputs)) = value.computed() else { continue };
        if value.users.is_empty() && !results.contains(&number) {
            continue;
        }
        let elementwise = |k: usize| {
            values[k].computed().is_some_and(|(op, x)| is_elementwise(op, x.last().map(|&x| values[x].aval)))
        };
        let together = is_elementwise(op, inputs.last().map(|&x| values[x].aval));
        let joins = |k: usize| together && elementwise(k) && values[k].aval.shape == value.aval.shape;
        let computed = inputs.iter().copied().filter(|&k| values[k].computed().is_some());
        stage[number] = computed.clone().map(|k| stage[k] + usize::from(!joins(k))).max().unwrap_or(0);
        let mut joined: Vec<usize> =
            computed.filter(|&k| joins(k) && stage[k] == stage[number]).filter_map(|k| units.unit[k]).collect();
        // Scalars are computed together even where they have nothing to do with each other: a step costs more than they do.
        if together && value.aval.shape.size() == 1 {
            let like =
                |&k: &usize| stage[k] == stage[number] && values[k].aval.shape == value.aval.shape && elementwise(k);
            joined.extend((0..number).rev().find(like).and_then(|k| units.unit[k]));
        }
        joined.sort_unstable();
        joined.dedup();
        if !units.fits(values, &joined, number) {
            joined.clear();
            stage[number] += 1;
        }
        units.join(&joined, number);
    }
    units.sort(values);
    units
}

impl Units {
    /// Whether these units and one more value are not too much for one.
    fn fits(&self, values: &[Value], joined: &[usize], number: usize) -> bool {
        let members = || joined.iter().flat_map(|&unit| &self.members[unit]).copied().chain([number]);
        if members().count() > MOST {
            return false;
        }
        // Operands other than scalars, which have to be walked over.
        let mut operands: Vec<usize> = Vec::new();
        for member in members() {
            for &x in values[member].computed().map_or(&[][..], |(_, inputs)| inputs) {
                let inside = self.unit[x].is_some_and(|unit| joined.contains(&unit));
                if !inside && values[x].aval.shape.size() != 1 && !operands.contains(&x) {
                    operands.push(x);
                }
            }
        }
        operands.len() <= MAX_OPERANDS
    }

    /// Makes one unit of some and a value.
    fn join(&mut self, joined: &[usize], number: usize) {
        let Some((&into, rest)) = joined.split_first() else {
            self.unit[number] = Some(self.members.len());
            return self.members.push(vec![number]);
        };
        for &other in rest {
            for member in std::mem::take(&mut self.members[other]) {
                self.unit[member] = Some(into);
                self.members[into].push(member);
            }
        }
        self.members[into].push(number);
        self.members[into].sort_unstable();
        self.unit[number] = Some(into);
    }

    /// Finds the order: as recorded, each unit when its last member comes, after the units that it reads.
    fn sort(&mut self, values: &[Value]) {
        let mut done = vec![false; self.members.len()];
        let mut stack: Vec<usize> = Vec::new();
        for number in 0..values.len() {
            let Some(unit) = self.unit[number].filter(|&unit| self.members[unit].last() == Some(&number)) else {
                continue;
            };
            stack.push(unit);
            while let Some(&unit) = stack.last() {
                let inputs = self.members[unit].iter().flat_map(|&m| values[m].computed().map_or(&[][..], |(_, x)| x));
                let waiting = inputs.filter_map(|&x| self.unit[x]).find(|&other| other != unit && !done[other]);
                match waiting {
                    Some(other) if !done[unit] => stack.push(other),
                    _ => {
                        stack.pop();
                        if !std::mem::replace(&mut done[unit], true) {
                            self.order.push(unit);
                        }
                    }
                }
            }
        }
    }
}
