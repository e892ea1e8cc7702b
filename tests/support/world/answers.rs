//! The store and the service answer.

use kinetail::batch::body::Body;
use kinetail::checkpoint::Change;
use kinetail::checkpoint::store::CommitResult;
use kinetail::flow::Message;
use kinetail::send::{Outcome, RejectedRecord, SenderEvent, Submission};
use kinetail::tail::disk::Disk as _;

use super::World;
use super::kept::records_and_keys_of;

impl World {
    pub(super) fn answer(&mut self) {
        while !self.store_down
            && let Some((changes, token)) = self.outlet.commits.pop_front()
        {
            for change in changes {
                match change {
                    Change::Forget(file) => {
                        self.rows.remove(&file);
                    }
                    Change::Save(row) => self.add_row(row),
                }
            }
            self.known_flow = true;
            let now = self.disk.now_nanos(self.wall_now());
            self.times = Some((self.times.map_or(now, |(first, _)| first), now));
            self.unwritten.clear();
            self.tell(Message::Written { token, result: CommitResult::Durable });
        }
        if self.endpoint_down {
            return;
        }
        for _ in 0..self.acks_per_step {
            let Some(submission) = self.outlet.submissions.pop_front() else { return };
            self.acknowledge(submission);
        }
    }

    fn acknowledge(&mut self, mut submission: Submission) {
        let records = submission.body.records();
        let bytes = submission.body.data_bytes();
        let body = submission.body.finish();
        let (mut data, mut keys) = records_and_keys_of(&body);
        let rejected = self.rejected(&submission.body, &data);
        for record in rejected.iter().rev() {
            data.remove(record.index);
            if !keys.is_empty() {
                keys.remove(record.index);
            }
        }
        self.keys.extend(keys);
        self.unwritten.extend_from_slice(&data);
        self.stream.extend(data);
        let outcome = Outcome {
            batch: submission.batch,
            records_delivered: records - rejected.len(),
            bytes_delivered: bytes,
            rejected,
            took: self.answers_take,
            attempts: 1,
            throttled: false,
            pushed_back: false,
            speak: None,
            spare: None,
            maybe_duplicated: false,
        };
        self.tell(Message::Sender(SenderEvent::Outcome(outcome)));
    }

    /// What the service refuses of a batch, as the sender tells it.
    fn rejected(&self, body: &Body, data: &[Vec<u8>]) -> Vec<RejectedRecord> {
        let Some(refuses) = &self.refuses else { return Vec::new() };
        let places = (0..).zip(data).filter(|(_, data)| refuses(data)).map(|(place, _)| place);
        let rejected = |index| RejectedRecord {
            index,
            records: body.records_in(index),
            code: "Refused".to_owned(),
            message: "by the test".to_owned(),
            origins: body.origins_of(index).to_vec(),
            data: body.record_data(index),
        };
        places.map(rejected).collect()
    }
}
