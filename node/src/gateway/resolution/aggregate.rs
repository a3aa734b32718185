//! Aggregate mode: the documents that the same account has on the sub-chains which its main-chain document names.
// RFC-005 §6.2: "acsns" of the main chain's document, and the same suffix on each of those chains.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Map, Value};
use starfire_did::Did;
use starfire_did::resolution::{At, Problem, ProblemKind, Question, Representation};
use starfire_state::Rejection;
use tokio::time::timeout;

use super::super::{Gateway, error};
use super::lookup::Answer;
use super::reply::unresolved;
use super::{Wanted, result};

/// Chains that are asked at one time.
const CHAINS_AT_ONCE: usize = 8;
/// How long all of them together may take: well below what one request may. Each may take its [`share`].
const CHAINS_TIME_MAX: Duration = Duration::from_secs(20);

/// Adds `didDocumentMetadata.subChains`: by chain code, the whole result of that chain, or the error.
///
/// A chain that does not answer leaves its error there and takes nothing from the others, nor more than its share of the time.
pub(super) async fn add(
    gateway: &Gateway,
    question: &Question,
    answer: &Answer,
    form: Representation,
    wanted: Wanted,
    whole: &mut Value,
) -> Result<(), Problem> {
    if question.did.chain_code().is_some() {
        let detail = "only a DID of the main chain has its like on others";
        return Err(Problem::new(ProblemKind::InvalidOptions, detail));
    }
    let record = answer.found.record.as_ref();
    let Some(document) = record.and_then(|record| record.document.as_ref()) else {
        return Ok(());
    };
    let suffix = document.id.strip_prefix("did:bid:").unwrap_or_default();
    let question = |code: &String| {
        let did = Did::parse(&format!("did:bid:{code}:{suffix}")).ok()?;
        let at = At::Newest;
        Some((code.clone(), Question { did, at }))
    };
    let questions: Vec<(String, Question)> = document.acsn.iter().filter_map(question).collect();
    let asked = questions.iter();
    let asked = asked.map(|(_, question)| gateway.look_up(*question, wanted));
    let answers = answers(asked.collect(), CHAINS_TIME_MAX).await;
    let mut chains = Map::new();
    for ((code, question), answer) in questions.into_iter().zip(answers) {
        let one = match answer {
            Ok(answer) => result(&question, &answer, form)?,
            Err(rejection) => unresolved(&super::problem(rejection)),
        };
        chains.insert(code, one);
    }
    whole["didDocumentMetadata"]["subChains"] = Value::Object(chains);
    Ok(())
}

/// How long one of so many chains may take, so that each is asked in time though all before it stay silent.
fn share(time_max: Duration, chains: usize) -> Duration {
    let waves = chains.div_ceil(CHAINS_AT_ONCE).max(1);
    time_max / u32::try_from(waves).expect("a document names few chains")
}

/// The answers in the order of the questions, of which a few are asked at one time. Those that are not there in time are refused.
async fn answers<T>(
    asked: Vec<impl Future<Output = Result<T, Rejection>>>,
    time_max: Duration,
) -> Vec<Result<T, Rejection>> {
    let one_max = share(time_max, asked.len());
    let late = || {
        let detail = format!("the chain did not answer within {one_max:?}");
        Rejection::new(error::RESOLVER_UNREACHABLE, detail)
    };
    let asked = asked.into_iter().enumerate();
    // The time of each begins when it is asked.
    let asked = asked.map(|(place, one)| async move { (place, timeout(one_max, one).await) });
    let asked: Vec<_> = asked.collect();
    let answers = stream::iter(asked).buffer_unordered(CHAINS_AT_ONCE);
    let mut answers: Vec<_> = answers.collect().await;
    answers.sort_by_key(|(place, _)| *place);
    let answers = answers.into_iter();
    answers
        .map(|(_, answer)| answer.unwrap_or_else(|_| Err(late())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn chains_that_stay_silent_leave_the_others_their_answers() {
        const CHAINS: usize = 4 * CHAINS_AT_ONCE;
        let chain = |place: usize| async move {
            match place % 2 {
                0 => pending().await,
                _ => Ok::<usize, Rejection>(place),
            }
        };
        let asked = (0..CHAINS).map(chain).collect();
        let answers = answers(asked, Duration::from_millis(20)).await;
        assert_eq!(answers.len(), CHAINS);
        for (place, answer) in answers.into_iter().enumerate() {
            match place % 2 {
                0 => assert_eq!(answer.unwrap_err().code, error::RESOLVER_UNREACHABLE),
                _ => assert_eq!(answer.unwrap(), place),
            }
        }
    }

    #[tokio::test]
    async fn a_chain_is_asked_after_many_that_stay_silent() {
        const SILENT: usize = 3 * CHAINS_AT_ONCE;
        let chain = |place: usize| async move {
            if place < SILENT {
                pending::<()>().await;
            }
            // Not at once: an answer that is there when it is asked for is never late.
            tokio::task::yield_now().await;
            Ok::<usize, Rejection>(place)
        };
        let asked = (0..=SILENT).map(chain).collect();
        let mut answers = answers(asked, Duration::from_millis(400)).await;
        assert_eq!(answers.pop().unwrap().unwrap(), SILENT);
        assert!(answers.iter().all(Result::is_err));
    }

    #[test]
    fn all_chains_together_take_no_longer_than_they_may() {
        let whole = Duration::from_secs(20);
        for chains in [0, 1, CHAINS_AT_ONCE] {
            assert_eq!(share(whole, chains), whole);
        }
        assert_eq!(share(whole, CHAINS_AT_ONCE + 1), whole / 2);
        assert_eq!(share(whole, 4 * CHAINS_AT_ONCE), whole / 4);
    }

    #[tokio::test]
    async fn chains_are_asked_at_one_time() {
        let all_asked = Barrier::new(CHAINS_AT_ONCE);
        let chain = |place: usize| {
            let all_asked = &all_asked;
            async move {
                all_asked.wait().await;
                Ok::<usize, Rejection>(place)
            }
        };
        let asked = (0..CHAINS_AT_ONCE).map(chain).collect();
        let answers = answers(asked, Duration::from_secs(60)).await;
        let places: Vec<usize> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(places, (0..CHAINS_AT_ONCE).collect::<Vec<_>>());
    }
}
