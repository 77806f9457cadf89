//! Results whose derivative is said by a program of its own: custom rules, and checkpoints.
//!
//! A rule is recorded when its function is called, on placeholders for what is not known yet: the cotangent of the result,
//! or the tangents of the arguments. A pass replays that program with the real ones. What is recorded is ordinary nodes,
//! so derivatives of every order follow; and since a rule is linear in its placeholders, differentiating it by them gives
//! the rule of the other mode (the transposition of Radul et al., "You only linearize once", 2023).

use smallvec::SmallVec;

use crate::batch::Batched;
use crate::diff;
use crate::error::{Code, Error, Result};
use crate::op::{Aval, Keeps, Primitive};
use crate::ops::alias::Alias;
use crate::tape::{Tape, bit};
use crate::var::Var;

/// How the derivative is said, and which inputs follow the arguments and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The placeholder of the cotangent, then the cotangent of each argument.
    Vjp,
    /// The placeholder of each argument's tangent, then the tangent of the value.
    Jvp,
    /// Nothing: the program from the arguments to the value is the rule. Reverse mode runs it again rather than keep what
    /// it computed (A. Griewank, "Achieving logarithmic growth of temporal and spatial complexity", 1992).
    Checkpoint,
}

/// The value of input `arguments`, as a function of those before it with a derivative by [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custom {
    /// Where the derivative comes from.
    pub rule: Rule,
    /// Number of arguments.
    pub arguments: usize,
}

impl Primitive for Custom {
    fn name(&self) -> &'static str {
        match self.rule {
            Rule::Vjp => "customVjp",
            Rule::Jvp => "customJvp",
            Rule::Checkpoint => "checkpoint",
        }
    }

    fn infer(&self, x: &[Aval]) -> Result<Aval> {
        Ok(x[self.arguments])
    }

    fn is_identity(&self) -> bool {
        true
    }

    fn runs_again(&self) -> bool {
        self.rule == Rule::Checkpoint
    }

    fn reads(&self, i: usize) -> bool {
        i == self.arguments
    }

    fn active(&self, i: usize) -> bool {
        i < self.arguments
    }

    fn keeps(&self, _: u32) -> Option<Keeps> {
        // The program starts again from the arguments and from what it closes over.
        let all = if self.arguments < 31 { !bit(self.arguments) } else { u32::MAX };
        Some(Keeps { inputs: all, output: false })
    }

    fn batch<'t>(&self, x: &[Batched<'t>], size: usize) -> Option<Var<'t>> {
        // Placeholders have been given examples in front, and a rule goes with arguments of that shape. A checkpoint has
        // its program to go by.
        let alone = |i: usize| self.rule == Rule::Checkpoint && i < self.arguments;
        let all = x.iter().enumerate().map(|(i, x)| if alone(i) { x.var } else { x.stacked(size) });
        let all: SmallVec<[Var<'t>; 8]> = all.collect();
        Some(all[0].tape().apply(*self, &all))
    }

    fn pullback<'t>(&self, wanted: u32, x: &[Var<'t>], _: Var<'t>, g: Var<'t>) -> SmallVec<[Option<Var<'t>>; 3]> {
        let (tape, n) = (g.tape(), self.arguments);
        let by: Vec<usize> = (0..n).filter(|&i| wanted & bit(i) != 0).collect();
        let pick = |from: usize| by.iter().map(|&i| x[from + i]).collect::<Vec<_>>();
        let found = match self.rule {
            Rule::Vjp => {
                let parts = pick(n + 2);
                let found = tape.replay(&parts, false, &[(x[n + 1], g)]);
                parts.iter().zip(found).map(|(part, c)| (!part.is_zero()).then_some(c)).collect()
            }
            Rule::Jvp => {
                let tangent = x[2 * n + 1];
                let found = diff::vjp(tape, &[tangent], &[g], &pick(n + 1));
                or_fail(tape, found.and_then(|found| self.linear(found, &[tangent], &x[n + 1..=2 * n])))
            }
            Rule::Checkpoint => {
                // By arguments of its own: one that was computed from another is not gone through here.
                let own: Vec<(Var<'t>, Var<'t>)> =
                    x[..n].iter().map(|&x| (x, x.apply(Alias { stop: false }))).collect();
                let again = tape.replay(&[x[n]], true, &own);
                let by: Vec<Var<'t>> = by.iter().map(|&i| own[i].1).collect();
                or_fail(tape, diff::vjp(tape, &again, &[g], &by))
            }
        };
        let mut all = SmallVec::from_elem(None, x.len());
        by.into_iter().zip(found).for_each(|(i, c)| all[i] = c);
        all
    }

    fn vjp<'t>(&self, i: usize, x: &[Var<'t>], y: Var<'t>, g: Var<'t>) -> Option<Var<'t>> {
        self.pullback(bit(i), x, y, g)[i]
    }

    fn jvp<'t>(&self, x: &[Var<'t>], y: Var<'t>, t: &[Option<Var<'t>>]) -> Option<Var<'t>> {
        let (tape, n) = (y.tape(), self.arguments);
        let moves = |i: usize| t[i].filter(|t| !t.is_constant_zero()).map(|t| (i, t));
        let moving: Vec<(usize, Var<'t>)> = (0..n).filter_map(moves).collect();
        let found = match self.rule {
            Rule::Vjp => {
                let cotangents: Vec<Var<'t>> = moving.iter().map(|&(i, _)| x[n + 2 + i]).collect();
                let tangents: Vec<Var<'t>> = moving.iter().map(|&(i, t)| t.expand(x[n + 2 + i].shape())).collect();
                let found = diff::vjp(tape, &cotangents, &tangents, &[x[n + 1]]);
                or_fail(tape, found.and_then(|found| self.linear(found, &cotangents, &[x[n + 1]])))
            }
            Rule::Jvp => {
                // A rule that reads no tangent but zeros makes zero of them, if it is linear.
                let (all, part) = (&x[n + 1..=2 * n], x[2 * n + 1]);
                let read: Vec<Var<'t>> = moving.iter().map(|&(i, _)| all[i]).collect();
                if !tape.depends(&[part], &read) {
                    or_fail(tape, self.linear(Vec::new(), &[part], all));
                    return None;
                }
                let tangents: Vec<(Var<'t>, Var<'t>)> =
                    (0..n).map(|i| (all[i], t[i].unwrap_or_else(|| x[i].full_like(0.0)))).collect();
                tape.replay(&[part], false, &tangents).into_iter().map(Some).collect()
            }
            Rule::Checkpoint => {
                // Arguments that vmap has made one node move once: the pass adds up the tangents that a node is given.
                let first = |&(i, _): &(usize, Var<'t>)| !x[..i].contains(&x[i]);
                let (xs, ts): (Vec<Var<'t>>, Vec<Var<'t>>) =
                    moving.iter().filter(|m| first(m)).map(|&(i, t)| (x[i], t)).unzip();
                or_fail(tape, diff::jvp(tape, &[x[n]], &xs, &ts))
            }
        };
        found.first().copied().flatten()
    }
}

impl Custom {
    /// What transposing a rule gave, if the rule is linear in its placeholders: then what was found does not depend on them
    /// any more, and a part of the rule that does not depend on them either is zero.
    fn linear<'t>(
        self,
        found: Vec<Option<Var<'t>>>,
        parts: &[Var<'t>],
        placeholders: &[Var<'t>],
    ) -> Result<Vec<Option<Var<'t>>>> {
        let tape = placeholders[0].tape();
        let made: Vec<Var<'t>> = found.iter().copied().flatten().collect();
        // A zero may have been made of others.
        let is_zero = |part: Var<'t>| part.is_zero() || tape.read(part).is_ok_and(|value| value.is_zero());
        let constant = |part: &Var<'t>| !tape.depends(&[*part], placeholders) && !is_zero(*part);
        if !tape.depends(&made, placeholders) && !parts.iter().any(constant) {
            return Ok(found);
        }
        let sentence = format!("the rule of {} must be linear, because the other mode transposes it", self.name());
        Err(Error::new(Code::Gradient, self.name(), sentence))
    }
}

/// What was found; nothing where that was refused, and the tape keeps the refusal.
fn or_fail<'t>(tape: &'t Tape, found: Result<Vec<Option<Var<'t>>>>) -> Vec<Option<Var<'t>>> {
    found.unwrap_or_else(|e| {
        tape.fail(e);
        Vec::new()
    })
}
