//! LOG: writes a topic and some texts into the receipt, for whoever follows the chain.

use starfire_proto::protocol;
use starfire_state::{Env, Event, Overlay, Rejection};

use crate::code;

/// The longest topic.
pub const TOPIC_BYTES_MAX: usize = 128;
/// The most texts of a log.
pub const DATAS_MAX: usize = 5;
/// The longest text.
pub const DATA_BYTES_MAX: usize = 1024;

/// A log entry.
#[derive(Debug, Clone)]
pub struct Log {
    topic: String,
    datas: Vec<String>,
}

impl TryFrom<protocol::OperationLog> for Log {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationLog) -> Result<Self, Rejection> {
        let refused = |detail: String| Err(Rejection::new(code::INVALID_PARAMETER, detail));
        if operation.topic.is_empty() || operation.topic.len() > TOPIC_BYTES_MAX {
            return refused(format!(
                "a topic has 1 to {TOPIC_BYTES_MAX} bytes, not {}",
                operation.topic.len()
            ));
        }
        if operation.datas.len() > DATAS_MAX {
            return refused(format!(
                "a log has at most {DATAS_MAX} texts, not {}",
                operation.datas.len()
            ));
        }
        if let Some(data) = operation
            .datas
            .iter()
            .find(|data| data.len() > DATA_BYTES_MAX)
        {
            return refused(format!(
                "a text of a log has at most {DATA_BYTES_MAX} bytes, not {}",
                data.len()
            ));
        }
        Ok(Self {
            topic: operation.topic,
            datas: operation.datas,
        })
    }
}

impl Log {
    /// Emits the entry.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let mut attributes = vec![("address", env.sender.clone()), ("topic", self.topic)];
        attributes.extend(self.datas.into_iter().map(|data| ("data", data)));
        state.emit(Event::new("account.log", attributes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_texts_have_limits() {
        let log = |topic: usize, datas: usize, data: usize| {
            Log::try_from(protocol::OperationLog {
                topic: "t".repeat(topic),
                datas: vec!["d".repeat(data); datas],
            })
            .is_ok()
        };
        assert!(log(1, 0, 0) && log(128, 5, 1024));
        assert!(!log(0, 1, 1) && !log(129, 1, 1) && !log(1, 6, 1) && !log(1, 1, 1025));
    }
}
