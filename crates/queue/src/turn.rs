//! Whose turn it is: urgent classes first, and none waits for ever.

/// How many turns it takes until every class has been first at least once.
const CYCLE: u32 = 32;

/// The order in which the classes are asked on turn number `turn`, as positions in `Priority::ALL`.
///
/// Most turns go by urgency. Of 32, two begin with `high`, one with `normal` and one with `low`, so that a class is
/// never starved by the ones above it, however full they are.
pub(crate) fn order(turn: u32) -> [usize; 4] {
    match turn % CYCLE {
        7 | 23 => [1, 0, 2, 3],
        15 => [2, 0, 1, 3],
        31 => [3, 0, 1, 2],
        _ => [0, 1, 2, 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_first_within_any_cycle() {
        for start in 0..CYCLE {
            let firsts: Vec<usize> = (start..start + CYCLE).map(|turn| order(turn)[0]).collect();
            assert!(
                (0..4).all(|class| firsts.contains(&class)),
                "from turn {start}: {firsts:?}"
            );
        }
    }

    #[test]
    fn most_turns_go_by_urgency() {
        let by_urgency = (0..CYCLE).filter(|turn| order(*turn) == [0, 1, 2, 3]).count();
        assert_eq!(by_urgency, 28);
    }

    #[test]
    fn every_turn_asks_every_class_once() {
        for turn in 0..CYCLE {
            let mut asked = order(turn);
            asked.sort_unstable();
            assert_eq!(asked, [0, 1, 2, 3]);
        }
    }
}
