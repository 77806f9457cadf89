//! Which operations of a plan are computed together.
//!
//! Elementwise operations whose results have one shape become one unit with those of their inputs that are so too. Where a
//! reduction of long rows comes in, what is done with the one value of a row belongs to the unit as well. That no
//! unit waits for itself is seen to by stages: a value's stage is that of its inputs, or one more where the step from
//! input to value leaves a unit. Operations of one unit have one stage, so a way that leaves a unit never comes back.

use super::build::{Value, is_elementwise};
use super::rows::{LONGEST, SHORTEST};
use crate::kernels::map::MAX_OPERANDS;
use crate::shape::Shape;

/// The most operations in a unit: its program stays in the caches.
const MOST: usize = 256;

/// The units of a program, in the order in which they are computed.
pub(super) struct Units {
    /// For each value that is computed its unit.
    unit: Vec<Option<usize>>,
    units: Vec<Unit>,
    order: Vec<usize>,
}

#[derive(Clone)]
struct Unit {
    members: Vec<usize>,
    domain: Domain,
    /// The value that is computed in parts, of which the members are the epilogue.
    producer: Option<usize>,
}

/// What a unit computes.
#[derive(Clone, Copy, PartialEq)]
struct Domain {
    /// The shape of its values; of those that have whole rows, when it goes by rows.
    shape: Shape,
    /// Whether there are reductions of rows.
    by_rows: bool,
}

impl Domain {
    /// Whether a value of this shape can be one of the unit's.
    fn takes(self, shape: Shape) -> bool {
        shape == self.shape || (self.by_rows && shape == ones(self.shape))
    }
}

/// The shape of one value for each row.
fn ones(shape: Shape) -> Shape {
    if shape.ndim() == 0 { shape } else { shape.with_dim(shape.ndim() - 1, 1) }
}

impl Units {
    /// The members of each unit, and the producer of which they are the epilogue.
    pub fn in_order(&self) -> impl Iterator<Item = (&[usize], Option<usize>)> {
        self.order.iter().map(|&unit| (&self.units[unit].members[..], self.units[unit].producer))
    }

    /// Whether two values are computed together.
    pub fn same(&self, a: usize, b: usize) -> bool {
        self.unit[a].is_some() && self.unit[a] == self.unit[b]
    }

    /// The shape of a member's unit, and whether that goes by rows.
    pub fn domain(&self, member: usize) -> (Shape, bool) {
        let domain = self.unit[member].map(|unit| self.units[unit].domain);
        domain.map_or((Shape::SCALAR, false), |domain| (domain.shape, domain.by_rows))
    }
}

/// The shape of the unit that an operation could begin, if it can be computed with others.
fn own_domain(values: &[Value], number: usize) -> Option<Domain> {
    let (op, inputs) = values[number].computed()?;
    let last = values[*inputs.last()?].aval;
    if is_elementwise(op, Some(last)) {
        return Some(Domain { shape: values[number].aval.shape, by_rows: false });
    }
    let long = last.shape.last().is_some_and(|d| (SHORTEST..=LONGEST).contains(d));
    (long && last.shape.size() > 0 && op.run_fold(last).is_some())
        .then_some(Domain { shape: last.shape, by_rows: true })
}

/// The units of the values that results need.
pub(super) fn units(values: &[Value], results: &[usize]) -> Units {
    let mut units = Units { unit: vec![None; values.len()], units: Vec::new(), order: Vec::new() };
    let mut stage = vec![0usize; values.len()];
    let own: Vec<Option<Domain>> = (0..values.len()).map(|number| own_domain(values, number)).collect();
    for (number, value) in values.iter().enumerate() {
        let Some((_, inputs)) = value.computed() else { continue };
        if value.users.is_empty() && !results.contains(&number) {
            continue;
        }
        let computed = || inputs.iter().filter_map(|&k| units.unit[k].map(|unit| (k, unit)));
        // Whether the operation and the unit of an input can be one.
        let joins = |k: usize, unit: usize| {
            let (Some(own), Some(_)) = (own[number], own[k]) else { return false };
            let theirs = units.units[unit].domain;
            let shape = if own.by_rows { values[k].aval.shape } else { own.shape };
            theirs.takes(shape) && (!own.by_rows || theirs.shape == own.shape)
        };
        stage[number] = computed().map(|(k, unit)| stage[k] + usize::from(!joins(k, unit))).max().unwrap_or(0);
        let together = |&(k, unit): &(usize, usize)| stage[k] == stage[number] && joins(k, unit);
        let mut joined: Vec<usize> = computed().filter(together).map(|(_, unit)| unit).collect();
        // Scalars are computed together even where they have nothing to do with each other: a step costs more than they do.
        if own[number].is_some() && value.aval.shape.size() == 1 {
            let like = |&k: &usize| {
                stage[k] == stage[number] && values[k].aval.shape == value.aval.shape && own[k] == own[number]
            };
            joined.extend((0..number).rev().find(like).and_then(|k| units.unit[k]));
        }
        joined.sort_unstable();
        joined.dedup();
        let alone = own[number].unwrap_or(Domain { shape: value.aval.shape, by_rows: false });
        match units.common(alone, &joined).filter(|_| units.fits(values, &joined, number)) {
            Some(domain) => units.join(&joined, number, domain),
            None => {
                stage[number] += 1;
                units.join(&[], number, alone);
            }
        }
    }
    units.find_producers(values, results);
    units.sort(values);
    units
}

impl Units {
    /// The domain of these units and an operation together, if there is one that all of them fit in.
    fn common(&self, own: Domain, joined: &[usize]) -> Option<Domain> {
        let mut all = joined.iter().map(|&unit| self.units[unit].domain).chain([own]);
        let widest = all.clone().max_by_key(|domain| (domain.by_rows, domain.shape.size()))?;
        let inside = |domain: Domain| domain == widest || (!domain.by_rows && widest.takes(domain.shape));
        all.all(inside).then_some(widest)
    }

    /// Whether these units and one more value are not too much for one.
    fn fits(&self, values: &[Value], joined: &[usize], number: usize) -> bool {
        let members = || joined.iter().flat_map(|&unit| &self.units[unit].members).copied().chain([number]);
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
    fn join(&mut self, joined: &[usize], number: usize, domain: Domain) {
        let Some((&into, rest)) = joined.split_first() else {
            self.unit[number] = Some(self.units.len());
            return self.units.push(Unit { members: vec![number], domain, producer: None });
        };
        for &other in rest {
            for member in std::mem::take(&mut self.units[other].members) {
                self.unit[member] = Some(into);
                self.units[into].members.push(member);
            }
        }
        let unit = &mut self.units[into];
        unit.members.push(number);
        unit.members.sort_unstable();
        unit.domain = domain;
        self.unit[number] = Some(into);
    }

    /// Makes units of elementwise operations epilogues: each of one value of their shape that is computed in parts and that nobody
    /// else needs.
    fn find_producers(&mut self, values: &[Value], results: &[usize]) {
        for (number, value) in values.iter().enumerate() {
            let is_in_parts = value.computed().is_some_and(|(op, _)| op.in_parts().is_some());
            // One number alone stands for all elements, so it is read before anything is computed.
            if !is_in_parts || value.aval.shape.size() == 1 || results.contains(&number) {
                continue;
            }
            let of = |user: usize| self.unit[user].filter(|_| own_domain(values, user).is_some());
            let Some((own, unit)) = self.unit[number].zip(value.users.first().and_then(|&user| of(user))) else {
                continue;
            };
            let Unit { domain, producer, .. } = self.units[unit];
            let parts = Domain { shape: value.aval.shape, by_rows: false };
            if domain == parts && producer.is_none() && value.users.iter().all(|&user| of(user) == Some(unit)) {
                self.units[own].members.clear();
                self.units[unit].producer = Some(number);
                self.unit[number] = Some(unit);
            }
        }
    }

    /// Finds the order: as recorded, each unit when its last member comes, after the units that it reads.
    fn sort(&mut self, values: &[Value]) {
        let mut done = vec![false; self.units.len()];
        let mut stack: Vec<usize> = Vec::new();
        for number in 0..values.len() {
            let Some(unit) = self.unit[number].filter(|&unit| self.units[unit].members.last() == Some(&number)) else {
                continue;
            };
            stack.push(unit);
            while let Some(&unit) = stack.last() {
                let Unit { members, producer, .. } = &self.units[unit];
                let computed = members.iter().chain(producer);
                let inputs = computed.flat_map(|&m| values[m].computed().map_or(&[][..], |(_, x)| x));
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
