//! What becomes of each request: the plans, the script and the seeded generator that they draw
//! from. Pure: it decides, [`super::exchange`] carries it out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::fault::{Fault, FaultError, FaultPlan, SCRIPT_MAX, Scope};
use super::names::{Operation, Service, StreamId};
use super::response::{ErrorResponse, ResponseShape};

/// An answer that breaks off.
const GARBAGE: &[u8] = b"{\"FailedRecordCount\":0,\"Records\":[{\"Sequ";

/// What goes wrong with one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordFault {
    Custom { code: String, message: String },
    Failed,
    Throttled,
}

/// What the client gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Close,
    Error(ErrorResponse),
    Hang,
    Honest,
    Raw { status: u16, content_type: String, body: Vec<u8> },
    Truncated,
}

impl Reply {
    fn garbage(body: Vec<u8>) -> Self {
        Self::Raw { status: 200, content_type: "application/x-amz-json-1.1".to_owned(), body }
    }

    /// Its name in the request log.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Close => "closed",
            Self::Error(error) => &error.code,
            Self::Hang => "none",
            Self::Honest => "ok",
            Self::Raw { .. } => "garbage",
            Self::Truncated => "truncated",
        }
    }
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether records that are not at fault are stored.
    pub(super) stores: bool,
    /// One entry a record; empty when none is at fault.
    pub(super) records: Vec<Option<RecordFault>>,
    pub(super) reply: Reply,
    pub(super) shape: ResponseShape,
    pub(super) latency: Duration,
}

impl Decision {
    fn new(stores: bool, reply: Reply) -> Self {
        let (shape, latency) = (ResponseShape::default(), Duration::ZERO);
        Self { stores, records: Vec::new(), reply, shape, latency }
    }

    fn store(reply: Reply) -> Self {
        Self::new(true, reply)
    }

    fn refuse(reply: Reply) -> Self {
        Self::new(false, reply)
    }

    fn store_in_shape(shape: ResponseShape) -> Self {
        Self { shape, ..Self::store(Reply::Honest) }
    }

    fn store_except(count: usize, fault_at: impl Fn(usize) -> Option<RecordFault>) -> Self {
        Self { records: (0..count).map(fault_at).collect(), ..Self::store(Reply::Honest) }
    }

    fn scripted(fault: Fault, count: usize) -> Self {
        match fault {
            Fault::CommitThenDrop => Self::store(Reply::Close),
            Fault::CommitThenHang => Self::store(Reply::Hang),
            Fault::CommitThenRespond(error) => Self::store(Reply::Error(error)),
            Fault::Delay(latency) => Self { latency, ..Self::store(Reply::Honest) },
            Fault::DropBeforeAnswer | Fault::DropBeforeRead => Self::refuse(Reply::Close),
            Fault::ExplicitNulls => Self::store_in_shape(ResponseShape {
                explicit_nulls: true,
                ..ResponseShape::default()
            }),
            Fault::FailRecords(places) => Self::store_except(count, |place| {
                places.contains(&place).then_some(RecordFault::Failed)
            }),
            Fault::GarbageAnswer(body) => Self::store(Reply::garbage(body)),
            Fault::Hang => Self::refuse(Reply::Hang),
            Fault::LyingFailedCount(failed) => Self::store_in_shape(ResponseShape {
                failed_count: Some(failed),
                ..ResponseShape::default()
            }),
            Fault::RawAnswer { status, content_type, body } => {
                Self::refuse(Reply::Raw { status, content_type, body })
            }
            Fault::RecordErrors(errors) => Self::store_except(count, |place| {
                errors.iter().find(|(at, ..)| *at == place).map(|(_, code, message)| {
                    RecordFault::Custom { code: code.clone(), message: message.clone() }
                })
            }),
            Fault::Respond(error) => Self::refuse(Reply::Error(error)),
            Fault::ThrottleAllBut(places) => Self::store_except(count, |place| {
                (!places.contains(&place)).then_some(RecordFault::Throttled)
            }),
            Fault::ThrottleRecords(places) => Self::store_except(count, |place| {
                places.contains(&place).then_some(RecordFault::Throttled)
            }),
            Fault::TruncateAnswer => Self::store(Reply::Truncated),
            Fault::WrongEntryCount(entries) => Self::store_in_shape(ResponseShape {
                entries: Some(entries),
                ..ResponseShape::default()
            }),
        }
    }
}

/// The plans and the script in force, and the generator that they draw from.
#[derive(Debug)]
pub(super) struct Faults {
    rng: fastrand::Rng,
    plan: FaultPlan,
    stream_plans: BTreeMap<StreamId, FaultPlan>,
    script: VecDeque<(Scope, Fault)>,
}

impl Faults {
    pub(super) fn new(seed: u64, plan: FaultPlan) -> Result<Self, FaultError> {
        plan.check()?;
        let rng = fastrand::Rng::with_seed(seed);
        Ok(Self { rng, plan, stream_plans: BTreeMap::new(), script: VecDeque::new() })
    }

    pub(super) fn set_plan(&mut self, plan: FaultPlan) -> Result<(), FaultError> {
        plan.check()?;
        self.plan = plan;
        Ok(())
    }

    /// Puts `plan` in the place of the general one for one stream.
    pub(super) fn set_stream_plan(
        &mut self,
        stream: StreamId,
        plan: FaultPlan,
    ) -> Result<(), FaultError> {
        plan.check()?;
        self.stream_plans.insert(stream, plan);
        Ok(())
    }

    pub(super) fn script(&mut self, scope: Scope, fault: Fault) -> Result<(), FaultError> {
        if self.script.len() >= SCRIPT_MAX {
            return Err(FaultError::ScriptFull);
        }
        self.script.push_back((scope, fault));
        Ok(())
    }

    pub(super) fn waiting(&self) -> usize {
        self.script.len()
    }

    /// Before the body is read: whether the connection is to be closed right away.
    pub(super) fn drops_before_read(&mut self, operation: Operation) -> bool {
        let next = self.script.iter().position(|(scope, _)| covers(scope, operation, None));
        let drops = |at: &usize| {
            self.script.get(*at).is_some_and(|(_, fault)| *fault == Fault::DropBeforeRead)
        };
        match next.filter(drops) {
            Some(at) => self.script.remove(at).is_some(),
            None => false,
        }
    }

    /// What becomes of a put of `count` records.
    pub(super) fn decide_put(
        &mut self,
        operation: Operation,
        stream: &StreamId,
        count: usize,
    ) -> Decision {
        if let Some(fault) = self.take_scripted(operation, Some(stream)) {
            return Decision::scripted(fault, count);
        }
        let plan = self.stream_plans.get(stream).unwrap_or(&self.plan);
        let mut decision = draw_request(plan, &mut self.rng, stream.service());
        decision.latency = Duration::from_millis(plan.latency_millis);
        if decision.stores {
            decision.records = draw_records(plan, &mut self.rng, count);
        }
        decision
    }

    /// What becomes of any other request: only the script touches those.
    pub(super) fn decide_other(&mut self, operation: Operation) -> Decision {
        match self.take_scripted(operation, None) {
            Some(fault) => Decision::scripted(fault, 0),
            None => Decision::store(Reply::Honest),
        }
    }

    fn take_scripted(&mut self, operation: Operation, stream: Option<&StreamId>) -> Option<Fault> {
        let at = self.script.iter().position(|(scope, _)| covers(scope, operation, stream))?;
        self.script.remove(at).map(|(_, fault)| fault)
    }
}

fn covers(scope: &Scope, operation: Operation, stream: Option<&StreamId>) -> bool {
    match scope {
        Scope::AnyPut => operation.puts_to().is_some(),
        Scope::Operation(wanted) => *wanted == operation,
        Scope::Stream(wanted) => stream == Some(wanted),
    }
}

/// One draw decides, so the shares come out as they are and exclude each other.
fn draw_request(plan: &FaultPlan, rng: &mut fastrand::Rng, service: Service) -> Decision {
    let draw = rng.f64();
    let mut bound = 0.0;
    let hit = plan.request_ratios().iter().position(|ratio| {
        bound += ratio;
        draw < bound
    });
    match hit {
        Some(0) => Decision::refuse(Reply::Error(ErrorResponse::throttled(service))),
        Some(1) => Decision::refuse(Reply::Error(plan.error_request.clone())),
        Some(2) => Decision::refuse(Reply::Close),
        Some(3) => Decision::store(Reply::Close),
        Some(4) => Decision::store(Reply::Error(ErrorResponse::internal_failure())),
        Some(_) => Decision::store(Reply::garbage(GARBAGE.to_vec())),
        None => Decision::store(Reply::Honest),
    }
}

/// One entry a record; empty when the plan spares records.
fn draw_records(
    plan: &FaultPlan,
    rng: &mut fastrand::Rng,
    count: usize,
) -> Vec<Option<RecordFault>> {
    let throttled_below = plan.throttle_record_ratio;
    let failed_below = throttled_below + plan.fail_record_ratio;
    if failed_below <= 0.0 {
        return Vec::new();
    }
    let draw = |_| match rng.f64() {
        draw if draw < throttled_below => Some(RecordFault::Throttled),
        draw if draw < failed_below => Some(RecordFault::Failed),
        _ => None,
    };
    (0..count).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: Operation = Operation::PutRecords;

    fn stream(name: &str) -> StreamId {
        StreamId::kinesis(name).unwrap()
    }

    fn faults(plan: FaultPlan) -> Faults {
        Faults::new(7, plan).unwrap()
    }

    #[test]
    fn shares_come_out_as_asked_and_exclude_each_other() {
        let mut faults = faults(FaultPlan {
            error_request_ratio: 0.3,
            commit_then_drop_ratio: 0.3,
            throttle_record_ratio: 0.2,
            fail_record_ratio: 0.1,
            ..FaultPlan::default()
        });
        let (mut errors, mut drops, mut throttled, mut failed, mut records) = (0, 0, 0, 0, 0);
        for _ in 0..2_000 {
            let decision = faults.decide_put(PUT, &stream("s"), 100);
            match decision.reply {
                Reply::Error(_) => errors += 1,
                Reply::Close => drops += 1,
                _ => {}
            }
            assert_eq!(decision.stores, !matches!(decision.reply, Reply::Error(_)));
            records += decision.records.len();
            for record in decision.records.into_iter().flatten() {
                match record {
                    RecordFault::Throttled => throttled += 1,
                    _ => failed += 1,
                }
            }
        }
        assert!((550..650).contains(&errors), "{errors}");
        assert!((550..650).contains(&drops), "{drops}");
        assert!((18..22).contains(&(throttled * 100 / records)), "{throttled} of {records}");
        assert!((8..12).contains(&(failed * 100 / records)), "{failed} of {records}");
    }

    #[test]
    fn one_seed_is_one_run() {
        let plan = FaultPlan {
            throttle_record_ratio: 0.5,
            commit_then_500_ratio: 0.5,
            ..FaultPlan::default()
        };
        let (mut one, mut other) = (faults(plan.clone()), faults(plan));
        for _ in 0..50 {
            let of = |faults: &mut Faults| faults.decide_put(PUT, &stream("s"), 10);
            assert_eq!(of(&mut one), of(&mut other));
        }
    }

    #[test]
    fn a_scripted_fault_waits_for_its_stream_and_happens_once() {
        let mut faults = faults(FaultPlan::default());
        faults.script(Scope::Stream(stream("b")), Fault::Hang).unwrap();
        assert_eq!(faults.decide_put(PUT, &stream("a"), 1).reply, Reply::Honest);
        assert_eq!(faults.decide_put(PUT, &stream("b"), 1).reply, Reply::Hang);
        assert_eq!(faults.decide_put(PUT, &stream("b"), 1).reply, Reply::Honest);
    }

    #[test]
    fn other_operations_do_not_use_up_faults_of_puts() {
        let mut faults = faults(FaultPlan::default());
        faults.script(Scope::AnyPut, Fault::DropBeforeRead).unwrap();
        assert!(!faults.drops_before_read(Operation::ListShards));
        assert_eq!(faults.decide_other(Operation::ListShards).reply, Reply::Honest);
        assert!(faults.drops_before_read(PUT));
        assert!(!faults.drops_before_read(PUT));
    }

    #[test]
    fn faults_keep_their_order_even_when_one_acts_before_the_body() {
        let mut faults = faults(FaultPlan::default());
        faults.script(Scope::AnyPut, Fault::Hang).unwrap();
        faults.script(Scope::AnyPut, Fault::DropBeforeRead).unwrap();
        assert!(!faults.drops_before_read(PUT));
        assert_eq!(faults.decide_put(PUT, &stream("s"), 1).reply, Reply::Hang);
        assert!(faults.drops_before_read(PUT));
    }

    #[test]
    fn a_plan_for_one_stream_leaves_the_others_alone() {
        let mut faults = faults(FaultPlan::default());
        let broken = FaultPlan { error_request_ratio: 1.0, ..FaultPlan::default() };
        faults.set_stream_plan(stream("b"), broken).unwrap();
        assert_eq!(faults.decide_put(PUT, &stream("a"), 1).reply, Reply::Honest);
        assert!(matches!(faults.decide_put(PUT, &stream("b"), 1).reply, Reply::Error(_)));
    }

    #[test]
    fn the_script_is_bounded() {
        let mut faults = faults(FaultPlan::default());
        for _ in 0..SCRIPT_MAX {
            faults.script(Scope::AnyPut, Fault::Hang).unwrap();
        }
        assert_eq!(faults.script(Scope::AnyPut, Fault::Hang), Err(FaultError::ScriptFull));
    }
}
