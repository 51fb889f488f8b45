//! Methods that a binary frame names by number.

/// The payload names the method.
pub const NAMED: u16 = 0;

/// The methods with a number, each at `number - 1`.
pub const NUMBERED: [&str; 9] = [
    "initialize",
    "tool.list",
    "tool.execute",
    "context.get",
    "context.update",
    "event.subscribe",
    "event.unsubscribe",
    "ping",
    "pong",
];

/// The method of this number.
#[must_use]
pub fn name(number: u16) -> Option<&'static str> {
    let index = usize::from(number).checked_sub(1)?;
    NUMBERED.get(index).copied()
}

/// The number of a method; [`NAMED`] for one that has none.
#[must_use]
pub fn number(name: &str) -> u16 {
    let index = NUMBERED.iter().position(|known| *known == name);
    index
        .and_then(|index| u16::try_from(index + 1).ok())
        .unwrap_or(NAMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_name_lead_to_each_other_and_others_to_nothing() {
        for number in 1..=9 {
            assert_eq!(super::number(name(number).unwrap()), number);
        }
        assert_eq!((name(0), name(10), name(u16::MAX)), (None, None, None));
        assert_eq!(number("tools/call"), NAMED);
    }
}
