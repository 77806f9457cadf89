//! What is met again and again, and the plan that it gets for that.

use crate::plan::Plan;

/// Meetings without a plan: making one costs about what it saves in so many.
pub const WALKED: usize = 8;

/// A list of what was met, the last first.
pub(crate) struct Recent<K> {
    entries: Vec<(K, State)>,
}

enum State {
    /// So often.
    Met(usize),
    /// Often enough; there is a plan where there can be one.
    Tried(Option<Plan>),
}

/// What is to be done at a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// What is done without a plan.
    Walk,
    /// To make a plan, and to give it to [`Recent::set_plan`].
    Make,
    /// To run [`Recent::plan`].
    Run,
}

impl<K> Recent<K> {
    pub const fn new() -> Recent<K> {
        Recent { entries: Vec::new() }
    }

    /// Puts the entry that `is` the one in front. `None` where there is none.
    pub fn meet(&mut self, is: impl FnMut(&K) -> bool) -> Option<Turn> {
        let found = self.entries.iter().map(|(key, _)| key).position(is)?;
        self.entries[..=found].rotate_right(1);
        Some(match &mut self.entries[0].1 {
            State::Met(times) if *times + 1 < WALKED => {
                *times += 1;
                Turn::Walk
            }
            State::Met(_) => Turn::Make,
            State::Tried(None) => Turn::Walk,
            State::Tried(Some(_)) => Turn::Run,
        })
    }

    /// Whether this is the entry that was met last.
    pub fn first_is(&self, is: impl FnOnce(&K) -> bool) -> bool {
        self.entries.first().is_some_and(|(key, _)| is(key))
    }

    /// Adds an entry that was met for the first time; of more than `most` the one goes that was not met for longest.
    pub fn add(&mut self, key: K, most: usize) {
        self.entries.truncate(most - 1);
        self.entries.insert(0, (key, State::Met(1)));
    }

    /// Ends the meetings of the first entry without a plan.
    pub fn set_plan(&mut self, plan: Option<Plan>) {
        if let Some((_, state)) = self.entries.first_mut() {
            *state = State::Tried(plan);
        }
    }

    /// The plan of the first entry.
    pub fn plan(&mut self) -> Option<&mut Plan> {
        match self.entries.first_mut() {
            Some((_, State::Tried(plan))) => plan.as_mut(),
            _ => None,
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
