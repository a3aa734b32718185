//! Whatever is tried, in whatever order.

use proptest::prelude::*;

use super::*;

/// What somebody may try, in whatever order.
#[derive(Debug, Clone)]
enum Attempt {
    Motion(u8, u32, i64),
    Withdraw(u8),
    Grant(u8, u8, u32, i64),
    Revoke(u8, u8),
    Wait,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let (who, depth) = (1..6_u8, 0..4_u32);
    // Terms that end soon, or never.
    let until = prop_oneof![Just(0_i64), 1_000_000..1_060_000_i64];
    prop_oneof![
        2 => (who.clone(), depth.clone(), until.clone())
            .prop_map(|(to, depth, until)| Attempt::Motion(to, depth, until)),
        1 => who.clone().prop_map(Attempt::Withdraw),
        8 => (who.clone(), who.clone(), depth, until)
            .prop_map(|(by, to, depth, until)| Attempt::Grant(by, to, depth, until)),
        2 => (who.clone(), who).prop_map(|(by, of)| Attempt::Revoke(by, of)),
        2 => Just(Attempt::Wait),
    ]
}

fn try_it(world: &mut World, attempt: Attempt) -> Result<(), Rejection> {
    let now = world.now_ms;
    match attempt {
        Attempt::Motion(to, depth, until) => give(
            world,
            v1::Accredit {
                issuer: person(to).did.to_string(),
                delegation_depth: depth,
                ..accredit(now, until)
            },
        ),
        Attempt::Withdraw(from) => take_from(world, from),
        Attempt::Grant(by, to, depth, until) => {
            let message = v1::AccreditationGrant {
                valid_from_ms: now,
                valid_until_ms: until,
                ..granted(to, depth)
            };
            grant(world, by, message)
        }
        Attempt::Revoke(by, of) => revoke(world, by, of),
        Attempt::Wait => {
            world.now_ms += 10_000;
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_order_of_gifts_takes_away_what_held(attempts in proptest::collection::vec(attempt(), 1..60)) {
        let mut world = World::main();
        let began_ms = world.now_ms;
        for attempt in attempts {
            let over = (began_ms..world.now_ms).step_by(10_000);
            let held: Vec<(u8, i64)> = over
                .flat_map(|at_ms| (1..6).map(move |holder| (holder, at_ms)))
                .filter(|(holder, at_ms)| judged(&world, *holder, *at_ms).is_ok())
                .collect();
            drop(try_it(&mut world, attempt.clone()));
            for (holder, at_ms) in held {
                let still = judged(&world, holder, at_ms);
                prop_assert!(still.is_ok(), "{holder} at {at_ms} by {attempt:?}: {still:?}");
            }
        }
    }

    #[test]
    fn no_order_of_gifts_makes_a_cycle(attempts in proptest::collection::vec(attempt(), 1..60)) {
        let mut world = World::main();
        for attempt in attempts {
            drop(try_it(&mut world, attempt));
            for holder in 1..6 {
                let levels = levels(&world, holder);
                let mut holders: Vec<_> = levels.iter().map(|level| &level.issuer).collect();
                holders.sort();
                holders.dedup();
                prop_assert_eq!(holders.len(), levels.len(), "nobody stands twice in a chain");
                let rooted = levels.last().is_none_or(|root| root.motion != 0);
                prop_assert!(rooted, "a motion stands at the root of every chain");
            }
        }
    }
}
