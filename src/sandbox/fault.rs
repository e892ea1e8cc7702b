//! What goes wrong, and when: seeded shares of requests and records, and a script of single
//! faults. Pure: it decides, [`super::server`] carries it out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::answer::{AnswerShape, ErrorAnswer};
use super::names::{Operation, Service, StreamId};

/// Scripted faults that may wait at a time.
pub const SCRIPT_MAX: usize = 10_000;

const GARBAGE: &[u8] = b"{\"FailedRecordCount\":0,\"Records\":[{\"Sequ";

/// Which share of requests and records goes wrong. Ratios are between 0 and 1; those of requests
/// exclude each other and together make at most 1, and so do those of records.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultPlan {
    /// Records refused with a throttling error inside a successful answer.
    pub throttle_record_ratio: f64,
    /// Records refused with `InternalFailure` inside a successful answer.
    pub fail_record_ratio: f64,
    /// Requests refused as a whole with the service's throttling error.
    pub whole_request_throttle_ratio: f64,
    /// Requests refused with [`FaultPlan::error_request`]; nothing is stored.
    pub error_request_ratio: f64,
    /// What [`FaultPlan::error_request_ratio`] answers.
    pub error_request: ErrorAnswer,
    /// Requests that store nothing and whose connection closes without an answer.
    pub drop_connection_before_answer_ratio: f64,
    /// Requests that are stored and whose connection closes without an answer.
    pub commit_then_drop_ratio: f64,
    /// Requests that are stored and answered 500 `InternalFailure`.
    pub commit_then_500_ratio: f64,
    /// Requests that are stored and answered with status 200 and JSON that breaks off.
    pub malformed_answer_ratio: f64,
    /// How long every answer takes at least.
    pub latency_millis: u64,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            throttle_record_ratio: 0.0,
            fail_record_ratio: 0.0,
            whole_request_throttle_ratio: 0.0,
            error_request_ratio: 0.0,
            error_request: ErrorAnswer::internal_failure(),
            drop_connection_before_answer_ratio: 0.0,
            commit_then_drop_ratio: 0.0,
            commit_then_500_ratio: 0.0,
            malformed_answer_ratio: 0.0,
            latency_millis: 0,
        }
    }
}

impl FaultPlan {
    fn request_ratios(&self) -> [f64; 6] {
        [
            self.whole_request_throttle_ratio,
            self.error_request_ratio,
            self.drop_connection_before_answer_ratio,
            self.commit_then_drop_ratio,
            self.commit_then_500_ratio,
            self.malformed_answer_ratio,
        ]
    }

    /// Whether the ratios make sense.
    ///
    /// # Errors
    /// When one is outside 0 to 1, or those of requests or of records make more than 1 together.
    pub fn check(&self) -> Result<(), FaultError> {
        let of_records = [self.throttle_record_ratio, self.fail_record_ratio];
        for ratios in [&of_records[..], &self.request_ratios()[..]] {
            let each_ok = ratios.iter().all(|ratio| (0.0..=1.0).contains(ratio));
            // Sums such as 0.7 + 0.2 + 0.1 miss 1 by a rounding error.
            if !each_ok || ratios.iter().sum::<f64>() > 1.0 + 1e-9 {
                return Err(FaultError::Ratio);
            }
        }
        Ok(())
    }

    fn draw_request(&self, rng: &mut fastrand::Rng, service: Service) -> Decision {
        let draw = rng.f64();
        let mut bound = 0.0;
        let hit = self.request_ratios().iter().position(|ratio| {
            bound += ratio;
            draw < bound
        });
        match hit {
            Some(0) => Decision::refuse(Reply::Error(ErrorAnswer::throttled(service))),
            Some(1) => Decision::refuse(Reply::Error(self.error_request.clone())),
            Some(2) => Decision::refuse(Reply::Close),
            Some(3) => Decision::store(Reply::Close),
            Some(4) => Decision::store(Reply::Error(ErrorAnswer::internal_failure())),
            Some(_) => Decision::store(Reply::garbage(GARBAGE.to_vec())),
            None => Decision::store(Reply::Honest),
        }
    }

    fn draw_records(&self, rng: &mut fastrand::Rng, count: usize) -> Vec<Option<RecordFault>> {
        let throttled_below = self.throttle_record_ratio;
        let failed_below = throttled_below + self.fail_record_ratio;
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
}

/// A fault that happens once, to the next request that its [`Scope`] covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Store, then close the connection without an answer.
    CommitThenDrop,
    /// Store, then never answer.
    CommitThenHang,
    /// Store, then answer with an error.
    CommitThenRespond(ErrorAnswer),
    /// Store, but only answer after this long.
    Delay(Duration),
    /// Read the request, store nothing, close the connection without an answer.
    DropBeforeAnswer,
    /// Close the connection while the body is still on its way. A scope that names a stream
    /// cannot be checked before the body is read; it makes this a [`Fault::DropBeforeAnswer`].
    DropBeforeRead,
    /// Successful entries carry `"ErrorCode":null` and `"ErrorMessage":null`.
    ExplicitNulls,
    /// These records (places from 0) fail with `InternalFailure`; the others are stored.
    FailRecords(Vec<usize>),
    /// Store, then answer status 200 with this body.
    GarbageAnswer(Vec<u8>),
    /// Read the request, store nothing, never answer.
    Hang,
    /// Store, but claim that this many records failed.
    LyingFailedCount(i64),
    /// Store nothing and answer with this status, content type and body, like a proxy in between.
    RawAnswer {
        /// The HTTP status.
        status: u16,
        /// The `content-type` header.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// These records fail with any code and message; the others are stored.
    RecordErrors(Vec<(usize, String, String)>),
    /// Store nothing and answer with an error.
    Respond(ErrorAnswer),
    /// All records are throttled but these, which are stored.
    ThrottleAllBut(Vec<usize>),
    /// These records are throttled; the others are stored.
    ThrottleRecords(Vec<usize>),
    /// Store, then send the head of the answer and half of its body, and close.
    TruncateAnswer,
    /// Store, but answer with this many entries, whatever the request had.
    WrongEntryCount(usize),
}

/// Which requests a scripted fault waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The next `PutRecords` or `PutRecordBatch` on any stream.
    AnyPut,
    /// The next request for this operation.
    Operation(Operation),
    /// The next put on this stream.
    Stream(StreamId),
}

/// A fault that cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// A ratio that is none, or ratios that make more than a whole.
    #[error("fault ratios lie between 0 and 1 and make at most 1 together")]
    Ratio,
    /// Nobody takes the scripted faults.
    #[error("{SCRIPT_MAX} scripted faults are waiting already")]
    ScriptFull,
}

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
    Error(ErrorAnswer),
    Hang,
    Honest,
    Raw { status: u16, content_type: String, body: Vec<u8> },
    Truncated,
}

impl Reply {
    fn garbage(body: Vec<u8>) -> Self {
        Self::Raw { status: 200, content_type: "application/x-amz-json-1.1".to_owned(), body }
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
    pub(super) shape: AnswerShape,
    pub(super) latency: Duration,
}

impl Decision {
    fn new(stores: bool, reply: Reply) -> Self {
        let (shape, latency) = (AnswerShape::default(), Duration::ZERO);
        Self { stores, records: Vec::new(), reply, shape, latency }
    }

    fn store(reply: Reply) -> Self {
        Self::new(true, reply)
    }

    fn refuse(reply: Reply) -> Self {
        Self::new(false, reply)
    }

    fn store_in_shape(shape: AnswerShape) -> Self {
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
            Fault::ExplicitNulls => {
                Self::store_in_shape(AnswerShape { explicit_nulls: true, ..AnswerShape::default() })
            }
            Fault::FailRecords(places) => Self::store_except(count, |place| {
                places.contains(&place).then_some(RecordFault::Failed)
            }),
            Fault::GarbageAnswer(body) => Self::store(Reply::garbage(body)),
            Fault::Hang => Self::refuse(Reply::Hang),
            Fault::LyingFailedCount(failed) => Self::store_in_shape(AnswerShape {
                failed_count: Some(failed),
                ..AnswerShape::default()
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
            Fault::WrongEntryCount(entries) => Self::store_in_shape(AnswerShape {
                entries: Some(entries),
                ..AnswerShape::default()
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
        let mut decision = plan.draw_request(&mut self.rng, stream.service());
        decision.latency = Duration::from_millis(plan.latency_millis);
        if decision.stores {
            decision.records = plan.draw_records(&mut self.rng, count);
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
    fn ratios_that_make_no_sense_are_refused() {
        let plans = [
            FaultPlan { throttle_record_ratio: 1.1, ..FaultPlan::default() },
            FaultPlan { error_request_ratio: -0.1, ..FaultPlan::default() },
            FaultPlan { fail_record_ratio: f64::NAN, ..FaultPlan::default() },
            FaultPlan {
                commit_then_drop_ratio: 0.6,
                commit_then_500_ratio: 0.6,
                ..FaultPlan::default()
            },
        ];
        for plan in plans {
            assert_eq!(plan.check(), Err(FaultError::Ratio), "{plan:?}");
        }
        let full = FaultPlan {
            error_request_ratio: 0.7,
            commit_then_drop_ratio: 0.2,
            malformed_answer_ratio: 0.1,
            ..FaultPlan::default()
        };
        assert_eq!(full.check(), Ok(()));
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
