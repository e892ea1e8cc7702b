//! `PARSECRI` and `PARSEDOCKER`: the lines that container runtimes write around what a container
//! says. An entry that is too long for one line comes in several; they are put together.

use super::{Context, Step, Stop, Unparsable};
use crate::frame::{Framing, cri_line, docker_line};
use crate::record::{Name, Record};
use crate::scan_json;

/// `PARSECRI`.
#[derive(Debug, Clone)]
pub struct ParseCri {
    /// What is made of an entry.
    pub shape: Shape,
}

/// `PARSEDOCKER`.
#[derive(Debug, Clone)]
pub struct ParseDocker {
    /// What is made of an entry.
    pub shape: Shape,
}

/// What is made of an entry: its message alone, or an object.
#[derive(Debug, Clone)]
pub struct Shape {
    /// `fields`: the names of the time, the stream and the message in the object.
    names: Option<[Name; 3]>,
}

impl Shape {
    /// The bare message, or an object of `time`, `stream` and `message`.
    #[must_use]
    pub fn new(fields: bool) -> Self {
        let names = || ["time", "stream", "message"].map(Name::new);
        Self { names: fields.then(names) }
    }

    fn put(&self, record: &mut Record, time: &[u8], stream: &[u8], message: &[u8]) {
        match &self.names {
            None => record.set_text(|_, out| out.extend_from_slice(message)),
            Some([time_name, stream_name, message_name]) => {
                record.begin();
                record.push_text(time_name.json(), time);
                record.push_text(stream_name.json(), stream);
                let message = message.strip_suffix(b"\n").unwrap_or(message);
                let text = String::from_utf8_lossy(message);
                record.push_text(message_name.json(), text.as_bytes());
            }
        }
    }
}

impl Step for ParseCri {
    fn name(&self) -> &'static str {
        "PARSECRI"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        let text = record.render();
        let Some(first) = text.split_inclusive(|byte| *byte == b'\n').next() else {
            return Err(Unparsable::NoMatch.into());
        };
        let header = cri_line(first).ok_or(Unparsable::NoMatch)?;
        if self.shape.names.is_none() && first.len() == text.len() {
            // One line, which is what most entries are.
            let end = first.strip_suffix(b"\n").unwrap_or(first).len();
            let start = end - header.message.len();
            record.set_text(|text, out| {
                out.extend_from_slice(text.get(start..end).unwrap_or_default());
                out.push(b'\n');
            });
            return Ok(());
        }
        let (time, stream) = (header.time.to_vec(), header.stream.to_vec());
        let mut message = Vec::with_capacity(text.len());
        let mut ended = false;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let part = cri_line(line).ok_or(Unparsable::NoMatch)?;
            // Whole lines, which `multiLineStartPattern` has joined.
            if ended {
                message.push(b'\n');
            }
            message.extend_from_slice(part.message);
            ended = !part.partial;
        }
        message.push(b'\n');
        self.shape.put(record, &time, &stream, &message);
        Ok(())
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Cri)
    }
}

impl Step for ParseDocker {
    fn name(&self) -> &'static str {
        "PARSEDOCKER"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        let text = record.render();
        let mut message = Vec::with_capacity(text.len());
        let (mut time, mut stream) = (Vec::new(), Vec::new());
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let part = docker_line(line).ok_or(Unparsable::NoMatch)?;
            if index == 0 {
                scan_json::decode(part.time, &mut time);
                scan_json::decode(part.stream, &mut stream);
            }
            scan_json::decode(part.log, &mut message);
        }
        if text.is_empty() {
            return Err(Unparsable::NoMatch.into());
        }
        if !message.ends_with(b"\n") {
            message.push(b'\n');
        }
        self.shape.put(record, &time, &stream, &message);
        Ok(())
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Docker)
    }
}
