//! From the tree of a pattern to instructions for the backtracking machine.

use super::error::PatternError;
use super::node::{Assertion, Fold, Greed, Node};
use super::parse::Tree;

/// Instructions in a program, at most: repetition counts are written out.
const INSTRUCTIONS_MAX: usize = 50_000;

/// What a pattern is compiled to.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) code: Vec<Instruction>,
    pub(super) sets: Vec<Vec<(char, char)>>,
    /// Two for each group, group 0 included, and one for each loop that may match nothing.
    pub(super) slots: usize,
}

/// The rounds of a loop.
struct Rounds {
    may_be_empty: bool,
    /// The last instruction of each, with the slot of its start and where the next one begins.
    ends: Vec<(usize, usize, usize)>,
}

/// One step of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instruction {
    Assert(Assertion),
    /// Runs what follows up to `end` on its own and makes its first match final.
    Atomic {
        end: usize,
    },
    BackReference {
        group: usize,
        fold: Fold,
    },
    Char(char),
    Jump(usize),
    /// Runs what follows up to `end` on its own and goes back to where it stood.
    Look {
        behind: bool,
        negative: bool,
        lengths: (usize, usize),
        end: usize,
    },
    Match,
    /// Goes on with the round at `head`, or where the loop is `over` if nothing was matched since
    /// the slot was saved.
    NextRound {
        slot: usize,
        head: usize,
        over: usize,
    },
    Save(usize),
    Set(usize),
    /// Tries the first, then the second.
    Split {
        first: usize,
        second: usize,
    },
}

impl Program {
    /// Compiles a pattern; one that must match `whole` texts does not stop before their end.
    pub(super) fn new(tree: &Tree, whole: bool) -> Result<Self, PatternError> {
        let mut program = Self { code: Vec::new(), sets: Vec::new(), slots: 2 * (tree.groups + 1) };
        program.emit(Instruction::Save(0))?;
        program.compile(&tree.node)?;
        if whole {
            program.emit(Instruction::Assert(Assertion::TextEnd))?;
        }
        program.emit(Instruction::Save(1))?;
        program.emit(Instruction::Match)?;
        Ok(program)
    }

    fn emit(&mut self, instruction: Instruction) -> Result<usize, PatternError> {
        let at = self.code.len();
        if at >= INSTRUCTIONS_MAX {
            return Err(PatternError::TooLarge { what: format!("over {at} instructions") });
        }
        self.code.push(instruction);
        Ok(at)
    }

    fn compile(&mut self, node: &Node) -> Result<(), PatternError> {
        match node {
            Node::Alternatives(nodes) => return self.alternatives(nodes),
            Node::Concat(nodes) => return nodes.iter().try_for_each(|node| self.compile(node)),
            Node::Group { index, node } => {
                self.emit(Instruction::Save(2 * index))?;
                self.compile(node)?;
                self.emit(Instruction::Save(2 * index + 1))?;
            }
            Node::Assertion(assertion) => {
                self.emit(Instruction::Assert(*assertion))?;
            }
            Node::Atomic(node) => return self.atomic(|program| program.compile(node)),
            &Node::BackReference { group, fold } => {
                self.emit(Instruction::BackReference { group, fold })?;
            }
            Node::Class(class) => {
                self.sets.push(class.ranges.clone());
                self.emit(Instruction::Set(self.sets.len() - 1))?;
            }
            Node::Literal(char) => {
                self.emit(Instruction::Char(*char))?;
            }
            Node::Look { behind, negative, lengths, node } => {
                let (behind, negative, lengths) = (*behind, *negative, *lengths);
                let look = |end| Instruction::Look { behind, negative, lengths, end };
                let at = self.emit(look(0))?;
                self.compile(node)?;
                self.emit(Instruction::Match)?;
                self.patch(at, look(self.code.len()));
            }
            Node::Repeat { node, min, max, greed: Greed::Possessive } => {
                // Java does not go back into a round either, before the last one is over.
                let round = Node::Atomic(node.clone());
                return self.atomic(|program| program.repeat(&round, *min, *max, false));
            }
            Node::Repeat { node, min, max, greed } => {
                return self.repeat(node, *min, *max, *greed == Greed::Lazy);
            }
        }
        Ok(())
    }

    fn alternatives(&mut self, nodes: &[Node]) -> Result<(), PatternError> {
        let mut jumps = Vec::new();
        let Some((last, others)) = nodes.split_last() else { return Ok(()) };
        for node in others {
            let split = self.emit(Instruction::Match)?;
            self.compile(node)?;
            jumps.push(self.emit(Instruction::Match)?);
            let second = self.code.len();
            self.patch(split, Instruction::Split { first: split + 1, second });
        }
        self.compile(last)?;
        let end = self.code.len();
        for jump in jumps {
            self.patch(jump, Instruction::Jump(end));
        }
        Ok(())
    }

    fn atomic(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<(), PatternError>,
    ) -> Result<(), PatternError> {
        let at = self.emit(Instruction::Atomic { end: 0 })?;
        body(self)?;
        self.emit(Instruction::Match)?;
        self.patch(at, Instruction::Atomic { end: self.code.len() });
        Ok(())
    }

    fn repeat(
        &mut self,
        node: &Node,
        min: u32,
        max: Option<u32>,
        lazy: bool,
    ) -> Result<(), PatternError> {
        // In Java a round that matches nothing is the last one, even if more are asked for.
        let mut rounds = Rounds { may_be_empty: node.lengths().0 == 0, ends: Vec::new() };
        for _ in 0..min {
            self.round(node, None, &mut rounds)?;
        }
        let mut splits = Vec::new();
        match max {
            None => {
                let head = self.emit(Instruction::Match)?;
                splits.push(head);
                self.round(node, Some(head), &mut rounds)?;
            }
            Some(max) => {
                for _ in min..max {
                    splits.push(self.emit(Instruction::Match)?);
                    self.round(node, None, &mut rounds)?;
                }
            }
        }
        let end = self.code.len();
        for at in splits {
            self.split(at, at + 1, end, lazy);
        }
        for (at, slot, head) in rounds.ends {
            self.patch(at, Instruction::NextRound { slot, head, over: end });
        }
        Ok(())
    }

    /// One round of a loop; then goes back to `head`, if there is one.
    fn round(
        &mut self,
        node: &Node,
        head: Option<usize>,
        rounds: &mut Rounds,
    ) -> Result<(), PatternError> {
        if !rounds.may_be_empty {
            self.compile(node)?;
            if let Some(head) = head {
                self.emit(Instruction::Jump(head))?;
            }
            return Ok(());
        }
        let slot = self.slots;
        self.slots += 1;
        self.emit(Instruction::Save(slot))?;
        self.compile(node)?;
        let at = self.emit(Instruction::Match)?;
        rounds.ends.push((at, slot, head.unwrap_or(at + 1)));
        Ok(())
    }

    fn split(&mut self, at: usize, body: usize, end: usize, lazy: bool) {
        let (first, second) = if lazy { (end, body) } else { (body, end) };
        self.patch(at, Instruction::Split { first, second });
    }

    fn patch(&mut self, at: usize, instruction: Instruction) {
        if let Some(slot) = self.code.get_mut(at) {
            *slot = instruction;
        }
    }
}
