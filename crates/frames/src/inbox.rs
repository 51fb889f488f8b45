//! What was received, by number: each message once, and gaps seen.

/// The numbers of one direction, at its reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inbox {
    last: u64,
}

/// What a number says about its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It carries no number: take it.
    Unnumbered,
    /// It is the next one: take it.
    Next,
    /// Some before it are missing: take it, and tell.
    Gap {
        /// The first that is missing.
        from: u64,
        /// The last that is missing.
        to: u64,
    },
    /// It was here before: leave it.
    Repeated,
}

impl Inbox {
    /// The numbers after `last`.
    #[must_use]
    pub fn after(last: u64) -> Self {
        Self { last }
    }

    /// The last number that was taken: what a `resume` or an `ack` says.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Takes note of a message's number; 0 is none.
    pub fn arrived(&mut self, sequence: u64) -> Arrival {
        if sequence == 0 {
            return Arrival::Unnumbered;
        }
        if sequence <= self.last {
            return Arrival::Repeated;
        }
        let expected = self.last + 1;
        self.last = sequence;
        if sequence == expected {
            Arrival::Next
        } else {
            Arrival::Gap {
                from: expected,
                to: sequence - 1,
            }
        }
    }
}

impl Arrival {
    /// Whether the message is to be taken.
    #[must_use]
    pub fn is_new(self) -> bool {
        self != Self::Repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_and_a_gap_names_what_is_missing() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.arrived(1), Arrival::Next);
        assert_eq!(inbox.arrived(0), Arrival::Unnumbered);
        assert_eq!(inbox.arrived(1), Arrival::Repeated);
        assert_eq!(inbox.arrived(5), Arrival::Gap { from: 2, to: 4 });
        assert_eq!(inbox.arrived(3), Arrival::Repeated);
        assert_eq!(
            inbox.arrived(u64::MAX),
            Arrival::Gap {
                from: 6,
                to: u64::MAX - 1
            }
        );
        assert_eq!(inbox.arrived(u64::MAX), Arrival::Repeated);
        assert_eq!(inbox.last(), u64::MAX);
    }
}
