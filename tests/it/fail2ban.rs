//! The Fail2Ban helper and a real Fail2Ban, with an action that writes a file and one that fails.

use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use campanile::privileged::fail2ban::protocol::{
    Answer, Ask, BanAsked, Mode, Refusal, Trouble, UnbanAsked,
};
use campanile::privileged::fail2ban::{Fail2banKind, Helper, Noted, Policy};
use campanile::privileged::helper::serve;
use campanile::privileged::link::Link;
use campanile::runtime::bindings::campanile::endpoint::alerts::Instant;
use campanile::runtime::bindings::kind;
use campanile::runtime::native::NativeKind;
use campanile::telemetry::BansPrevented;
use campanile_tests::peers::fail2ban::{Fail2ban, MAX_RETRY};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::task::LocalSet;

const SOON: Duration = Duration::from_secs(30);

/// A policy for this server, with a folder of its own.
struct Site {
    folder: TempDir,
    policy: String,
}

impl Site {
    fn new(server: &Fail2ban, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = format!(
            "enabled = true\njails = ['good', 'bad', 'nope']\nsocket = '{}'\nstate_dir = '{}'\n{more}",
            server.socket().display(),
            folder.path().join("state").display(),
        );
        Self { folder, policy }
    }

    /// A helper that lives as long as `test`.
    async fn helped<T>(&self, test: impl AsyncFnOnce(&Link) -> T) -> T {
        let policy = Policy::read(self.policy.parse().unwrap()).unwrap().unwrap();
        let helper = Rc::new(Helper::new(policy).unwrap());
        let (ours, theirs) = UnixStream::pair().unwrap();
        let link = Link::default();
        let all = async {
            let testing = async {
                assert!(link.met(SOON).await);
                test(&link).await
            };
            tokio::select! {
                served = serve(helper, theirs) => panic!("the helper ended: {served:?}"),
                () = link.speak(ours) => panic!("the helper is gone"),
                done = testing => done,
            }
        };
        LocalSet::new().run_until(all).await
    }

    fn ledger(&self) -> String {
        fs::read_to_string(self.folder.path().join("state/fail2ban.jsonl")).unwrap()
    }
}

fn asked(jail: &str, address: &str) -> BanAsked {
    BanAsked {
        jail: jail.to_owned(),
        address: address.to_owned(),
        mode: Mode::Ban,
        reason: "campanile 01JD8Q5W3V9T6Z0M4K2N7P1R5S".to_owned(),
        fingerprint: "f1".to_owned(),
        dry_run: false,
    }
}

fn ban(jail: &str, address: &str) -> Ask {
    Ask::Ban(asked(jail, address))
}

fn unban(address: &str, fingerprint: &str) -> Ask {
    let [jail, address, fingerprint] = ["good", address, fingerprint].map(str::to_owned);
    Ask::Unban(UnbanAsked { jail, address, fingerprint, dry_run: false })
}

async fn ask(link: &Link, ask: Ask) -> Answer {
    link.ask(&ask, SOON).await.unwrap()
}

fn new_ban() -> Answer {
    Answer::Banned { new: 1, ours: true }
}

fn trouble(answer: &Answer) -> Option<Trouble> {
    match answer {
        Answer::Failed { trouble, .. } => Some(*trouble),
        _ => None,
    }
}

#[tokio::test]
async fn an_address_is_banned_once_also_over_a_restart() {
    let Some(mut server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "");
    site.helped(async |link| {
        assert_eq!(ask(link, ban("good", "192.0.2.8")).await, new_ban());
        assert_eq!(server.acted(1).await, ["ban 192.0.2.8"]);
        let again = Answer::Banned { new: 0, ours: true };
        assert_eq!(ask(link, ban("good", "192.0.2.8")).await, again);
        let other = BanAsked { fingerprint: "f2".to_owned(), ..asked("good", "192.0.2.8") };
        let not_ours = Answer::Banned { new: 0, ours: false };
        assert_eq!(ask(link, Ask::Ban(other)).await, not_ours);

        server.end().await;
        let answer = ask(link, ban("good", "192.0.2.9")).await;
        assert_eq!(trouble(&answer), Some(Trouble::Absent), "{answer:?}");
        server.begin().await;
        // It lifts its bans when it ends, and makes them again from its database.
        assert_eq!(server.acted(3).await[1..], ["unban 192.0.2.8", "ban 192.0.2.8"]);
        assert_eq!(ask(link, ban("good", "192.0.2.8")).await, again);
        assert_eq!(ask(link, ban("good", "192.0.2.9")).await, new_ban());
        assert_eq!(server.acted(4).await[3], "ban 192.0.2.9");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_address_or_no_jail_reaches_nobody() {
    let Some(server) = Fail2ban::start().await else { return };
    let touched = Path::new("/tmp/campanile-touched");
    let site = Site::new(&server, "never_ban = ['203.0.113.0/24']");
    site.helped(async |link| {
        let bad = [
            "192.0.2.8; touch /tmp/campanile-touched",
            "$(touch /tmp/campanile-touched)",
            "-h",
            "--all",
            "192.0.2.0/24",
            "fe80::1%lo",
            "",
            " ",
            "192.0.2.8 192.0.2.9",
            "localhost",
        ];
        for address in bad {
            let answer = ask(link, ban("good", address)).await;
            let is_refused = matches!(answer, Answer::Refused { refusal: Refusal::Address, .. });
            assert!(is_refused, "{address:?}: {answer:?}");
        }
        for jail in ["--all", "all", "", "other", "good banip", "good\n", "../good"] {
            let answer = ask(link, ban(jail, "192.0.2.8")).await;
            let is_refused = matches!(answer, Answer::Refused { refusal: Refusal::Jail, .. });
            assert!(is_refused, "{jail:?}: {answer:?}");
        }
        for reason in ["$(touch /tmp/x)", "a\nb", "'", "-x"] {
            let asked = BanAsked { reason: reason.to_owned(), ..asked("good", "192.0.2.8") };
            let answer = ask(link, Ask::Ban(asked)).await;
            assert!(matches!(answer, Answer::Refused { .. }), "{reason:?}: {answer:?}");
        }
        for (address, rule) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("224.0.0.1", "multicast"),
            ("203.0.113.7", "never-ban"),
            ("fe80::1", "link-local"),
            ("0.0.0.0", "unspecified"),
            ("255.255.255.255", "broadcast"),
        ] {
            let expected = Answer::Spared { rule: rule.to_owned() };
            assert_eq!(ask(link, ban("good", address)).await, expected, "{address}");
        }
        // What is one in another spelling becomes the one that everybody knows.
        assert_eq!(ask(link, ban("good", "::ffff:192.0.2.9")).await, new_ban());
        assert_eq!(ask(link, ban("good", "2001:DB8::0:1")).await, new_ban());
        assert_eq!(server.acted(2).await, ["ban 192.0.2.9", "ban 2001:db8::1"]);
        assert_eq!(server.by_hand(&["get", "good", "banned", "192.0.2.9"]).await, "1");
    })
    .await;
    assert!(!touched.exists());
}

#[tokio::test]
async fn a_jail_that_is_not_there_and_an_action_that_fails_are_what_fail2ban_says_of_them() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "");
    site.helped(async |link| {
        let answer = ask(link, ban("nope", "192.0.2.8")).await;
        assert_eq!(trouble(&answer), Some(Trouble::UnknownJail), "{answer:?}");
        // It takes the ban, and only its log says that nothing came of it.
        assert_eq!(ask(link, ban("bad", "192.0.2.8")).await, new_ban());
        let probed = |jail: &str| Ask::Probe { jail: Some(jail.to_owned()) };
        let answer = ask(link, probed("bad")).await;
        let Answer::Probed { facts } = answer else { panic!("{answer:?}") };
        let counted = ("Currently banned".to_owned(), "1".to_owned());
        assert!(facts.contains(&counted), "{facts:?}");
        assert_eq!(trouble(&ask(link, probed("nope")).await), Some(Trouble::UnknownJail));
        assert!(matches!(ask(link, Ask::Probe { jail: None }).await, Answer::Probed { .. }));
        assert!(!site.ledger().contains("nope") || site.ledger().contains("gone"));
    })
    .await;
}

#[tokio::test]
async fn attempts_leave_it_to_the_jail() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "");
    site.helped(async |link| {
        let attempt = || Ask::Ban(BanAsked { mode: Mode::Attempt, ..asked("good", "192.0.2.8") });
        for _ in 1..MAX_RETRY {
            assert_eq!(ask(link, attempt()).await, Answer::Attempted);
        }
        assert_eq!(server.by_hand(&["get", "good", "banned", "192.0.2.8"]).await, "0");
        assert_eq!(ask(link, attempt()).await, Answer::Attempted);
        assert_eq!(server.acted(1).await, ["ban 192.0.2.8"]);
        assert_eq!(ask(link, unban("192.0.2.8", "f1")).await, Answer::NotOurs, "the jail's own");
    })
    .await;
}

#[tokio::test]
async fn only_bans_that_were_made_here_for_that_condition_are_lifted() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "");
    site.helped(async |link| {
        assert_eq!(server.by_hand(&["set", "good", "banip", "192.0.2.7"]).await, "1");
        let found = Answer::Banned { new: 0, ours: false };
        assert_eq!(ask(link, ban("good", "192.0.2.7")).await, found);
        assert_eq!(ask(link, unban("192.0.2.7", "f1")).await, Answer::NotOurs);

        assert_eq!(ask(link, ban("good", "192.0.2.8")).await, new_ban());
        assert_eq!(ask(link, unban("192.0.2.8", "f2")).await, Answer::NotOurs);
        assert_eq!(ask(link, unban("192.0.2.8", "f1")).await, Answer::Unbanned { lifted: 1 });
        assert_eq!(ask(link, unban("192.0.2.8", "f1")).await, Answer::NotOurs, "once");
        let expected = ["ban 192.0.2.7", "ban 192.0.2.8", "unban 192.0.2.8"];
        assert_eq!(server.acted(3).await, expected);

        assert_eq!(ask(link, ban("good", "192.0.2.9")).await, new_ban());
        server.by_hand(&["set", "good", "unbanip", "192.0.2.9"]).await;
        assert_eq!(ask(link, unban("192.0.2.9", "f1")).await, Answer::Unbanned { lifted: 0 });
    })
    .await;
    let site = Site::new(&server, "allow_unban = false");
    site.helped(async |link| {
        assert_eq!(ask(link, ban("good", "192.0.2.10")).await, new_ban());
        let answer = ask(link, unban("192.0.2.10", "f1")).await;
        assert!(matches!(answer, Answer::Refused { refusal: Refusal::Policy, .. }), "{answer:?}");
        let answer = ask(link, Ask::Undo { since_ms: 0, jail: None }).await;
        assert!(matches!(answer, Answer::Refused { refusal: Refusal::Policy, .. }), "{answer:?}");
        assert_eq!(server.by_hand(&["get", "good", "banned", "192.0.2.10"]).await, "1");
    })
    .await;
}

#[tokio::test]
async fn bans_above_the_rate_wait_also_when_the_helper_starts_anew() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "bans_per_minute = 2");
    let waits = |answer: &Answer| matches!(answer, Answer::RateLimited { retry_after_ms } if (1..=60_000).contains(retry_after_ms));
    site.helped(async |link| {
        assert_eq!(ask(link, ban("good", "198.51.100.1")).await, new_ban());
        let again = Answer::Banned { new: 0, ours: true };
        assert_eq!(ask(link, ban("good", "198.51.100.1")).await, again, "that is no ban");
        let dry = Ask::Ban(BanAsked { dry_run: true, ..asked("good", "192.0.2.9") });
        assert_eq!(ask(link, dry).await, Answer::DryRun);
        let unknown = ask(link, ban("nope", "192.0.2.9")).await;
        assert_eq!(trouble(&unknown), Some(Trouble::UnknownJail));
        let attempt = BanAsked { mode: Mode::Attempt, ..asked("good", "198.51.100.2") };
        assert_eq!(ask(link, Ask::Ban(attempt)).await, Answer::Attempted);
        let answer = ask(link, ban("good", "198.51.100.3")).await;
        assert!(waits(&answer), "{answer:?}");
    })
    .await;
    site.helped(async |link| {
        let answer = ask(link, ban("good", "198.51.100.3")).await;
        assert!(waits(&answer), "{answer:?}");
    })
    .await;
    assert_eq!(server.acted(1).await, ["ban 198.51.100.1"]);
}

#[tokio::test]
async fn bans_are_listed_and_undone_also_after_a_restart_of_the_helper() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "");
    server.by_hand(&["set", "good", "banip", "192.0.2.7"]).await;
    site.helped(async |link| {
        for (jail, address) in
            [("good", "198.51.100.1"), ("bad", "198.51.100.2"), ("good", "198.51.100.3")]
        {
            assert_eq!(ask(link, ban(jail, address)).await, new_ban());
        }
    })
    .await;
    site.helped(async |link| {
        let listed = ask(link, Ask::List { since_ms: 0 }).await;
        let Answer::Bans { bans, more: false } = listed else { panic!("{listed:?}") };
        let addresses: Vec<_> = bans.iter().map(|it| it.address.as_str()).collect();
        assert_eq!(addresses, ["198.51.100.3", "198.51.100.2", "198.51.100.1"], "{bans:?}");
        let later = bans[0].at_ms + 1;
        let none = Answer::Bans { bans: Vec::new(), more: false };
        assert_eq!(ask(link, Ask::List { since_ms: later }).await, none);

        server.by_hand(&["set", "good", "unbanip", "198.51.100.3"]).await;
        let undo = Ask::Undo { since_ms: 0, jail: Some("good".to_owned()) };
        let undone = ask(link, undo).await;
        let Answer::Undone { lifted, gone: 1, failed, more: false } = undone else {
            panic!("{undone:?}")
        };
        assert_eq!(
            (lifted.len(), lifted[0].address.as_str(), failed.len()),
            (1, "198.51.100.1", 0)
        );
        assert_eq!(server.by_hand(&["get", "good", "banned", "198.51.100.1"]).await, "0");
        assert_eq!(server.by_hand(&["get", "good", "banned", "192.0.2.7"]).await, "1", "another's");
        let undone = ask(link, Ask::Undo { since_ms: 0, jail: None }).await;
        assert!(
            matches!(&undone, Answer::Undone { lifted, .. } if lifted.len() == 1),
            "{undone:?}"
        );
        assert_eq!(ask(link, Ask::List { since_ms: 0 }).await, none);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_are_all_done_one_after_the_other() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "bans_per_minute = 100");
    site.helped(async |link| {
        let mut asking = tokio::task::JoinSet::new();
        for at in 1..=40 {
            let link = link.clone();
            asking.spawn(async move { ask(&link, ban("good", &format!("198.51.100.{at}"))).await });
        }
        for answer in asking.join_all().await {
            assert_eq!(answer, new_ban());
        }
        assert_eq!(server.acted(40).await.len(), 40);
    })
    .await;
}

#[tokio::test]
async fn the_client_program_says_the_same_as_the_socket() {
    let Some(mut server) = Fail2ban::start().await else { return };
    if !rustix::process::geteuid().is_root() {
        // Only a program of root's is run, and the one that finds this server is the test's own.
        return;
    }
    let client = format!("mode = 'client'\nclient = '{}'", server.client().display());
    let site = Site::new(&server, &client);
    site.helped(async |link| {
        assert_eq!(ask(link, ban("good", "192.0.2.8")).await, new_ban());
        assert_eq!(server.acted(1).await, ["ban 192.0.2.8"]);
        let again = Answer::Banned { new: 0, ours: true };
        assert_eq!(ask(link, ban("good", "192.0.2.8")).await, again);
        let answer = ask(link, ban("nope", "192.0.2.8")).await;
        assert_eq!(trouble(&answer), Some(Trouble::UnknownJail), "{answer:?}");
        let attempt = BanAsked { mode: Mode::Attempt, ..asked("good", "192.0.2.9") };
        assert_eq!(ask(link, Ask::Ban(attempt)).await, Answer::Attempted);
        let answer = ask(link, Ask::Probe { jail: Some("good".to_owned()) }).await;
        let counted = ("Currently banned".to_owned(), "1".to_owned());
        assert!(
            matches!(&answer, Answer::Probed { facts } if facts.contains(&counted)),
            "{answer:?}"
        );
        assert_eq!(ask(link, unban("192.0.2.8", "f1")).await, Answer::Unbanned { lifted: 1 });
        server.end().await;
        let answer = ask(link, ban("good", "192.0.2.10")).await;
        assert_eq!(trouble(&answer), Some(Trouble::Absent), "{answer:?}");
    })
    .await;
    let program = site.folder.path().join("other");
    fs::copy(server.client(), &program).unwrap();
    std::os::unix::fs::chown(&program, Some(65_534), None).unwrap();
    let client = format!("mode = 'client'\nclient = '{}'", program.display());
    Site::new(&server, &client)
        .helped(async |link| {
            let answer = ask(link, ban("good", "192.0.2.11")).await;
            assert_eq!(trouble(&answer), Some(Trouble::Denied), "{answer:?}");
        })
        .await;
}

#[tokio::test]
async fn a_delivery_says_what_fail2ban_said_and_that_the_firewall_was_not_looked_at() {
    let Some(server) = Fail2ban::start().await else { return };
    let site = Site::new(&server, "");
    site.helped(async |link| {
        let kind = Fail2banKind {
            link: link.clone(),
            spared: Arc::new(Noted::default()),
            prevented: BansPrevented::default(),
        };
        let message = |jail: &str, dry_run: bool| kind::Message {
            alerts: vec![0],
            summary: String::new(),
            content_type: "application/json".to_owned(),
            body: format!(
                r#"{{"act":"ban","address":"192.0.2.8","jail":"{jail}","fingerprint":"f1","alert":"a","dry_run":{dry_run}}}"#
            )
            .into_bytes(),
            notes: Vec::new(),
            repeat_safe_ms: 0,
        };
        let now = || Instant { unix_ms: 0, utc: String::new(), local: String::new() };
        let attempt = kind::Attempt {
            message_id: "m".to_owned(),
            number: 1,
            now: now(),
            first: now(),
            carry: None,
            deliveries: Vec::new(),
            deadline_ms: 30_000,
            purpose: kind::Purpose::Live,
        };
        let deliver = async |jail: &str, dry_run: bool| {
            let settings = format!(r#"{{"jail":"{jail}"}}"#);
            let told = kind.deliver(&message(jail, dry_run), &settings, &attempt).await;
            format!("{:?}", told.outcome.verdicts)
        };
        let dry = deliver("good", true).await;
        assert!(dry.contains("dry run") && server.acted_yet().is_empty(), "{dry}");
        let told = deliver("good", false).await;
        for part in ["good 192.0.2.8", "accepted by fail2ban, firewall not checked", "duplicate: false"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let told = deliver("good", false).await;
        assert!(told.contains("duplicate: true"), "{told}");
        let told = deliver("nope", false).await;
        assert!(told.contains("Unavailable") && told.contains("unknown-jail"), "{told}");
        let found = kind.probe(r#"{"jail":"good"}"#, kind::Scope::Recipient).await;
        assert!(format!("{found:?}").contains("Proven"), "{found:?}");
        let found = kind.probe(r#"{"jail":"nope"}"#, kind::Scope::Recipient).await;
        let found = format!("{found:?}");
        assert!(found.contains("Misconfigured") && found.contains("unknown-jail"), "{found}");
    })
    .await;
}
