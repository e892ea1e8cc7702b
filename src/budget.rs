//! The bytes that batches of all flows may hold together.
//!
//! Half of the budget is dealt out in equal shares that are not lent, so a flow whose
//! endpoint is dead never starves another one. The other half is lent to flows whose destination
//! works. The counters are atomic: flows run on threads of their own and never wait here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{Gauge, gauge};

use crate::metrics::{float, name};

/// The budget of the process.
#[derive(Debug)]
pub struct Budget {
    total_bytes: usize,
    pool_bytes: usize,
    lent_bytes: AtomicUsize,
    held_bytes: AtomicUsize,
    /// Changes when flows come and go.
    share_bytes: AtomicUsize,
    used: Gauge,
}

/// Memory that is not for batches, lent for a while. It goes back when this is dropped.
#[derive(Debug)]
pub struct Loan {
    budget: Arc<Budget>,
    bytes: usize,
}

/// One flow's part in the budget.
#[derive(Debug)]
pub struct Account {
    budget: Arc<Budget>,
    held_bytes: usize,
    /// What of it is not its own share.
    borrowed_bytes: usize,
}

impl Budget {
    /// A budget of `total_bytes` for this many flows.
    #[must_use]
    pub fn new(total_bytes: usize, flows: usize) -> Arc<Self> {
        gauge!(name::MEMORY_BUDGET_BYTES).set(float(total_bytes as u64));
        Arc::new(Self {
            total_bytes,
            pool_bytes: total_bytes / 2,
            lent_bytes: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            share_bytes: AtomicUsize::new(share(total_bytes, flows)),
            used: gauge!(name::MEMORY_USED_BYTES),
        })
    }

    /// An account for one flow.
    #[must_use]
    pub fn account(self: &Arc<Self>) -> Account {
        Account { budget: Arc::clone(self), held_bytes: 0, borrowed_bytes: 0 }
    }

    /// From now on there are this many flows. What a flow holds beyond its new share counts as
    /// borrowed as soon as it asks for more.
    pub(crate) fn share_among(&self, flows: usize) {
        self.share_bytes.store(share(self.total_bytes, flows), Ordering::Relaxed);
    }

    /// What all flows may hold together, in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.total_bytes
    }

    /// What all flows hold, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }
}

impl Account {
    /// What this flow holds, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// What this flow can hold at most, if others need no more than their shares, in bytes.
    #[must_use]
    pub fn reach_bytes(&self) -> usize {
        self.budget.pool_bytes + self.budget.share_bytes.load(Ordering::Relaxed)
    }

    /// Asks to hold `wanted_bytes` in all. A flow that holds nothing gets it always, or it could
    /// never send a record larger than its share; beyond its share it borrows, if it may.
    pub fn grow_to(&mut self, wanted_bytes: usize, may_borrow: bool) -> bool {
        let Some(more) = wanted_bytes.checked_sub(self.held_bytes).filter(|more| *more > 0) else {
            return true;
        };
        let beyond = self.beyond_share(wanted_bytes).saturating_sub(self.borrowed_bytes);
        let first = self.held_bytes == 0;
        if beyond > 0 && !first && (!may_borrow || !self.borrow(beyond)) {
            return false;
        }
        if beyond > 0 && first {
            self.budget.lent_bytes.fetch_add(beyond, Ordering::Relaxed);
        }
        self.borrowed_bytes += beyond;
        self.held_bytes = wanted_bytes;
        let held = self.budget.held_bytes.fetch_add(more, Ordering::Relaxed) + more;
        self.budget.used.set(float(held as u64));
        true
    }

    /// Borrows memory that is not for batches. What is more than the pool has is lent only while
    /// there is no loan, so that there is always a moment for it.
    #[must_use]
    pub fn lend(&self, bytes: usize) -> Option<Loan> {
        let limit = self.budget.pool_bytes;
        let add = |lent: usize| (lent == 0 || lent + bytes <= limit).then_some(lent + bytes);
        let counter = &self.budget.lent_bytes;
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        let held = self.budget.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.budget.used.set(float(held as u64));
        Some(Loan { budget: Arc::clone(&self.budget), bytes })
    }

    /// Gives back everything above `kept_bytes`.
    pub fn shrink_to(&mut self, kept_bytes: usize) {
        let Some(less) = self.held_bytes.checked_sub(kept_bytes).filter(|less| *less > 0) else {
            return;
        };
        let returned = self.borrowed_bytes.saturating_sub(self.beyond_share(kept_bytes));
        self.borrowed_bytes -= returned;
        self.budget.lent_bytes.fetch_sub(returned, Ordering::Relaxed);
        self.held_bytes = kept_bytes;
        let held = self.budget.held_bytes.fetch_sub(less, Ordering::Relaxed) - less;
        self.budget.used.set(float(held as u64));
    }

    fn beyond_share(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.budget.share_bytes.load(Ordering::Relaxed))
    }

    fn borrow(&self, bytes: usize) -> bool {
        let limit = self.budget.pool_bytes;
        self.budget
            .lent_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |lent| {
                lent.checked_add(bytes).filter(|sum| *sum <= limit)
            })
            .is_ok()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.budget.lent_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let held = self.budget.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed) - self.bytes;
        self.budget.used.set(float(held as u64));
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

fn share(total_bytes: usize, flows: usize) -> usize {
    total_bytes / 2 / flows.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_always_there_whatever_others_hold() {
        let budget = Budget::new(1000, 2);
        let (mut a, mut b) = (budget.account(), budget.account());
        assert!(a.grow_to(250, true));
        assert!(a.grow_to(750, true), "its share and the whole pool");
        assert!(!a.grow_to(751, true));
        assert!(b.grow_to(250, false));
        assert!(!b.grow_to(251, true), "the pool is lent");
        a.shrink_to(0);
        assert!(b.grow_to(750, true));
    }

    #[test]
    fn nothing_stays_lent_whatever_the_shares_become_meanwhile() {
        let budget = Budget::new(1200, 1);
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let mut accounts: Vec<Account> = (0..3).map(|_| budget.account()).collect();
            for _ in 0..50 {
                budget.share_among(random.usize(1..9));
                let account = &mut accounts[random.usize(0..3)];
                if random.bool() {
                    account.grow_to(random.usize(0..900), random.bool());
                } else {
                    account.shrink_to(random.usize(0..900));
                }
                let held: usize = accounts.iter().map(Account::held_bytes).sum();
                assert_eq!(budget.held_bytes(), held);
            }
            drop(accounts);
            assert_eq!((budget.held_bytes(), budget.lent_bytes.load(Ordering::Relaxed)), (0, 0));
        }
    }

    #[test]
    fn a_flow_can_have_its_share_and_the_pool() {
        let account = Budget::new(1000, 2).account();
        assert_eq!(account.reach_bytes(), 750);
    }

    #[test]
    fn a_loan_is_given_from_the_pool_or_without_other_loans() {
        let budget = Budget::new(1000, 1);
        let mut a = budget.account();
        let loan = a.lend(400).unwrap();
        assert!(a.lend(101).is_none());
        assert!(a.grow_to(600, true), "its share and what is left of the pool");
        assert!(!a.grow_to(601, true));
        drop(loan);
        assert!(a.lend(401).is_none(), "100 are borrowed");
        a.shrink_to(500);
        assert_eq!(a.lend(5000).unwrap().bytes, 5000);
        assert_eq!(budget.held_bytes(), 500);
    }

    #[test]
    fn a_flow_whose_destination_fails_gets_its_share_only() {
        let budget = Budget::new(1000, 1);
        let mut a = budget.account();
        assert!(a.grow_to(100, false));
        assert!(!a.grow_to(501, false));
        assert!(a.grow_to(501, true));
    }

    #[test]
    fn a_flow_that_holds_nothing_may_always_take_one_batch() {
        let budget = Budget::new(1000, 1);
        let mut a = budget.account();
        assert!(a.grow_to(5000, false));
        a.shrink_to(0);
        assert!(a.grow_to(1000, true), "nothing of the pool stayed lent");
        assert_eq!(budget.held_bytes(), 1000);
        drop(a);
        assert_eq!(budget.held_bytes(), 0);
    }
}
