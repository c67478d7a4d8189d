use super::*;
use crate::ids::{AlertIds, DeliveryId, MessageId, RecipientId};
use std::sync::Arc;

const NOW: u64 = 1_795_488_660_000;

fn policy() -> RetryPolicy {
    let secs = Duration::from_secs;
    RetryPolicy {
        backoff: Backoff { first: secs(1), max: secs(60), asked_max: secs(86_400) },
        attempts_max: 3,
    }
}

fn tried(number: u32) -> Tried {
    Tried { number, forgiven: 0, at_ms: NOW - 5, now_ms: NOW, jitter: 1.0 }
}

fn deliveries(count: usize) -> Vec<Delivery> {
    let ids = AlertIds::default();
    (0..count)
        .map(|_| {
            let alert = Arc::new(crate::alert::tests::alert());
            let id = DeliveryId { alert: ids.next(NOW), recipient: RecipientId(1) };
            Delivery { id, alert, attempts: 0, forgiven: 0, first_ms: None, previous: None }
        })
        .collect()
}

fn message(deliveries: &[Delivery]) -> Message {
    let members: Vec<_> = deliveries.iter().map(|one| one.id).collect();
    Message {
        id: MessageId::of(members.iter().copied()),
        members,
        summary: "s".into(),
        content_type: "text/plain".into(),
        body: b"b".to_vec(),
        notes: vec![],
        repeat_safe_ms: 0,
        carry: None,
        component: [1; 32],
        settings: [2; 32],
    }
}

fn answered() -> Seen {
    Seen { origin: Some("http://127.0.0.1:1".into()), status: Some(200), ..Seen::default() }
}

fn outcome(verdicts: Vec<kind::Verdict>) -> kind::Outcome {
    kind::Outcome { verdicts, carry: None, budgets: vec![], corrections: vec![], extra: vec![] }
}

fn delivered() -> kind::Verdict {
    kind::Verdict::Delivered(kind::Receipt {
        remote_id: Some("r-1".into()),
        duplicate: false,
        proof: kind::Proof::Confirmed,
        warning: None,
        detail: String::new(),
    })
}

fn delay(after_ms: Option<u32>, scope: Scope) -> kind::Delay {
    kind::Delay { after_ms, scope, code: "503".into(), detail: "later".into() }
}

fn reason() -> kind::Reason {
    kind::Reason { code: "400".into(), detail: "no".into() }
}

fn judged(count: usize, outcome: Result<kind::Outcome, Fault>, seen: Seen, number: u32) -> Judged {
    let deliveries = deliveries(count);
    let message = message(&deliveries);
    let told = Told { seen, ..Told::unmade(outcome) };
    judge(told, message, &deliveries, tried(number), &policy())
}

#[test]
fn each_verdict_has_its_outcome_its_fate_and_its_pause() {
    let retry = |ms| Fate::Retry { due_ms: NOW + ms };
    let pause = |scope, asked, ms| Some(Pause { scope, asked, until_ms: NOW + ms });
    let (mine, all) = (PauseScope::Recipient, PauseScope::Endpoint);
    let failed = kind::Verdict::Failed;
    let fault = kind::Fault { scope: Scope::Endpoint, code: "401".into(), detail: "who".into() };
    let table = [
        // verdict, attempt, outcome, fate, pause
        (
            delivered(),
            1,
            OutcomeKind::Delivered,
            Fate::Delivered { remote_id: Some("r-1".into()) },
            None,
        ),
        (kind::Verdict::Skipped(reason()), 1, OutcomeKind::Skipped, Fate::Skipped, None),
        (failed(Failure::Rejected(reason())), 1, OutcomeKind::Rejected, Fate::Dead, None),
        (failed(Failure::TooLarge(reason())), 1, OutcomeKind::TooLarge, Fate::Dead, None),
        (
            failed(Failure::Unavailable(delay(None, Scope::Endpoint))),
            1,
            OutcomeKind::Unavailable,
            retry(1000),
            pause(mine, false, 1000),
        ),
        (
            failed(Failure::Unavailable(delay(None, Scope::Endpoint))),
            2,
            OutcomeKind::Unavailable,
            retry(2000),
            pause(mine, false, 2000),
        ),
        (
            failed(Failure::Unavailable(delay(None, Scope::Endpoint))),
            3,
            OutcomeKind::Unavailable,
            Fate::Dead,
            pause(mine, false, 4000),
        ),
        (
            failed(Failure::RateLimited(delay(Some(90_000), Scope::Recipient))),
            1,
            OutcomeKind::RateLimited,
            retry(90_000),
            pause(mine, true, 90_000),
        ),
        (
            failed(Failure::RateLimited(delay(Some(90_000), Scope::Origin))),
            1,
            OutcomeKind::RateLimited,
            retry(90_000),
            pause(all, true, 90_000),
        ),
        (failed(Failure::Misconfigured(fault)), 1, OutcomeKind::Misconfigured, retry(0), None),
        (
            failed(Failure::Uncertain(reason())),
            1,
            OutcomeKind::Uncertain,
            retry(1000),
            pause(mine, false, 1000),
        ),
        (
            failed(Failure::Other(reason())),
            1,
            OutcomeKind::Unavailable,
            retry(1000),
            pause(mine, false, 1000),
        ),
    ];
    for (verdict, number, expected, fate, pause) in table {
        let row = format!("{verdict:?} at attempt {number}");
        let judged = judged(1, Ok(outcome(vec![verdict])), answered(), number);
        assert_eq!(judged.settlement.attempt.outcome, expected, "{row}");
        assert_eq!(judged.settlement.fates, [fate], "{row}");
        assert_eq!(judged.pause, pause, "{row}");
    }
}

#[test]
fn what_the_host_saw_wins_over_what_the_component_says() {
    let cut = Seen { unanswered: true, ..answered() };
    let table = [
        // outcome, seen, expected, code
        (Ok(outcome(vec![delivered()])), Seen::default(), OutcomeKind::Uncertain, "no-egress"),
        (Ok(outcome(vec![delivered()])), cut.clone(), OutcomeKind::Uncertain, "no-answer"),
        (
            Ok(outcome(vec![kind::Verdict::Failed(Failure::Rejected(reason()))])),
            cut.clone(),
            OutcomeKind::Uncertain,
            "no-answer",
        ),
        (Err(Fault::Trap("unreachable".into())), cut.clone(), OutcomeKind::Uncertain, "trap"),
        (Err(Fault::WallLimit), cut, OutcomeKind::Uncertain, "wall-limit"),
        (Err(Fault::WallLimit), Seen::default(), OutcomeKind::Fault, "wall-limit"),
        (Err(Fault::CpuLimit), answered(), OutcomeKind::Fault, "cpu-limit"),
    ];
    for (outcome, seen, expected, code) in table {
        let row = format!("{outcome:?}, {seen:?}");
        let attempt = judged(1, outcome, seen, 1).settlement.attempt;
        assert_eq!((attempt.outcome, attempt.code.as_str()), (expected, code), "{row}");
    }
}

#[test]
fn a_wrong_count_of_verdicts_is_uncertain_for_all_and_the_message_stays_whole() {
    for count in [0, 2, 4] {
        let judged = judged(3, Ok(outcome(vec![delivered(); count])), answered(), 1);
        assert_eq!(judged.settlement.attempt.code, "contract", "{count} verdicts");
        assert!(judged.settlement.keep_message, "{count} verdicts");
        assert_eq!(judged.settlement.fates.len(), 3, "{count} verdicts");
    }
}

#[test]
fn a_message_is_kept_only_where_all_of_it_goes_again_unchanged() {
    let unavailable = || kind::Verdict::Failed(Failure::Unavailable(delay(None, Scope::Endpoint)));
    let too_large = || kind::Verdict::Failed(Failure::TooLarge(reason()));
    let table = [
        // verdicts for two alerts, kept
        (vec![unavailable()], true),
        (vec![unavailable(), unavailable()], false),
        (vec![delivered(), unavailable()], false),
        (vec![too_large()], false),
        (vec![delivered()], false),
    ];
    for (verdicts, kept) in table {
        let row = format!("{verdicts:?}");
        let judged = judged(2, Ok(outcome(verdicts)), answered(), 1);
        assert_eq!(judged.settlement.keep_message, kept, "{row}");
    }
    let judged = judged(2, Ok(outcome(vec![too_large()])), answered(), 1);
    assert_eq!(judged.settlement.fates, [Fate::Retry { due_ms: NOW }, Fate::Retry { due_ms: NOW }]);
}

#[test]
fn a_verdict_per_alert_gives_each_its_own_fate() {
    let verdicts = vec![
        delivered(),
        kind::Verdict::Failed(Failure::Rejected(reason())),
        kind::Verdict::Failed(Failure::Unavailable(delay(Some(5000), Scope::Endpoint))),
    ];
    let judged = judged(3, Ok(outcome(verdicts)), answered(), 1);
    assert_eq!(
        judged.settlement.fates,
        [
            Fate::Delivered { remote_id: Some("r-1".into()) },
            Fate::Dead,
            Fate::Retry { due_ms: NOW + 5000 }
        ]
    );
    assert_eq!(judged.settlement.attempt.outcome, OutcomeKind::Rejected);
    assert!(judged.pause.is_some_and(|pause| pause.asked));
}

#[test]
fn what_a_component_writes_into_the_record_is_bounded_and_printable() {
    let mut told = outcome(vec![kind::Verdict::Failed(Failure::Rejected(kind::Reason {
        code: "c".repeat(10_000),
        detail: "a\n\u{1b}[31m".repeat(10_000),
    }))]);
    told.carry = Some("x".repeat(4096));
    let settlement = judged(1, Ok(told), answered(), 1).settlement;
    assert!(settlement.attempt.code.len() <= 64 && settlement.attempt.detail.len() <= 1024);
    assert!(!settlement.attempt.detail.contains(['\n', '\u{1b}']));
    assert_eq!(settlement.message.carry.map(|carry| carry.len()), Some(4096));

    let mut told = outcome(vec![delivered()]);
    told.carry = Some("x".repeat(4097));
    let settlement = judged(1, Ok(told), answered(), 1).settlement;
    assert_eq!((settlement.attempt.code.as_str(), settlement.message.carry), ("contract", None));
}
