//! The helper against servers that break in the middle, which a real one does too seldom. What a real
//! one says is in the end-to-end tests.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::*;
use crate::privileged::fail2ban::pickle;

const END: &[u8] = b"<F2B_END_COMMAND>";

/// What a server does with one connection.
enum Does {
    /// This pickle, for the command that begins with these words.
    Answers(&'static str, &'static [u8]),
    Ends(&'static str),
    Hangs(&'static str),
    Floods,
}

const ZERO: &[u8] = b"\x80\x05K\0K\0\x86.";
const ONE: &[u8] = b"\x80\x05K\0K\x01\x86.";
const NO_COMMAND: &[u8] = b"K\x01cbuiltins\nException\n(\x8c\x0fInvalid commandtR\x86.";

struct Scripted {
    folder: tempfile::TempDir,
    serving: JoinSet<()>,
}

impl Scripted {
    fn start<const N: usize>(script: [Does; N]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut held = Vec::new();
            for does in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(END) {
                    assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
                }
                let words = words(&asked[..asked.len() - END.len()]);
                match does {
                    Does::Answers(expected, pickle) => {
                        assert!(words.starts_with(expected), "{words}");
                        stream.write_all(&[pickle, END].concat()).await.unwrap();
                        held.push(stream);
                    }
                    Does::Ends(expected) => assert!(words.starts_with(expected), "{words}"),
                    Does::Hangs(expected) => {
                        assert!(words.starts_with(expected), "{words}");
                        held.push(stream);
                    }
                    // Until we have had enough.
                    Does::Floods => while stream.write_all(&[b'N'; 4096]).await.is_ok() {},
                }
            }
        });
        Self { folder, serving }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn helper(&self) -> Helper {
        let text = format!(
            "enabled = true\njails = ['web']\nsocket = '{}'\nstate_dir = '{}'",
            self.path("socket").display(),
            self.path("state").display()
        );
        let policy = Policy::read(text.parse().unwrap()).unwrap().unwrap();
        Helper::new(Policy { timeout: Duration::from_millis(300), ..policy }).unwrap()
    }

    async fn done(mut self) {
        self.serving.join_next().await.unwrap().unwrap();
    }
}

fn words(asked: &[u8]) -> String {
    let asked = pickle::read(asked).unwrap();
    asked.items().iter().filter_map(|it| it.as_text()).collect::<Vec<_>>().join(" ")
}

fn ban() -> Ask {
    asked(Mode::Ban)
}

fn asked(mode: Mode) -> Ask {
    Ask::Ban(BanAsked {
        jail: "web".to_owned(),
        address: "198.51.100.8".to_owned(),
        mode,
        reason: "campanile".to_owned(),
        fingerprint: "f1".to_owned(),
        dry_run: false,
    })
}

fn ours(helper: &Helper) -> usize {
    helper.ledger.borrow().since(0, None).len()
}

#[tokio::test]
async fn a_ban_whose_answer_was_lost_is_ours_also_after_a_restart() {
    for lost in [Does::Ends("set web banip"), Does::Hangs("set web banip")] {
        let server = Scripted::start([
            Does::Answers("get web banned 198.51.100.8", ZERO),
            lost,
            Does::Answers("get web banned", ONE),
        ]);
        let helper = server.helper();
        let answer = helper.answer(ban()).await;
        assert!(matches!(answer, Answer::Failed { trouble: Trouble::Broken, .. }), "{answer:?}");
        drop(helper);
        let helper = server.helper();
        assert_eq!(helper.answer(ban()).await, Answer::Banned { new: 0, ours: true });
        assert_eq!(ours(&helper), 1);
        server.done().await;
    }
}

#[tokio::test]
async fn a_ban_that_was_not_made_is_not_ours() {
    let server = Scripted::start([
        // Somebody else was quicker.
        Does::Answers("get", ZERO),
        Does::Answers("set web banip", ZERO),
        // An older Fail2Ban does not know the question.
        Does::Answers("get", NO_COMMAND),
        Does::Answers("set web banip", ZERO),
        Does::Answers("get", NO_COMMAND),
        Does::Ends("set web banip"),
        Does::Answers("get", NO_COMMAND),
        Does::Answers("set web banip", ONE),
    ]);
    let helper = server.helper();
    for _ in 0..2 {
        assert_eq!(helper.answer(ban()).await, Answer::Banned { new: 0, ours: false });
        assert_eq!(ours(&helper), 0);
    }
    assert!(matches!(helper.answer(ban()).await, Answer::Failed { .. }));
    assert_eq!(ours(&helper), 0, "nobody knows whose the ban is");
    assert_eq!(helper.answer(ban()).await, Answer::Banned { new: 1, ours: true });
    assert_eq!(ours(&helper), 1);
    server.done().await;
}

#[tokio::test]
async fn what_breaks_before_anything_was_asked_for_has_had_no_effect() {
    let server = Scripted::start([
        Does::Ends("get web banned"),
        Does::Answers("get web banned", ZERO),
        Does::Ends("set web attempt"),
    ]);
    let helper = server.helper();
    for expected in [Trouble::Unasked, Trouble::Broken] {
        let answer = helper.answer(asked(Mode::Attempt)).await;
        let Answer::Failed { trouble, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(trouble, expected);
    }
    server.done().await;
    let _turn = helper.server.turn().await.unwrap();
    let answer = helper.answer(asked(Mode::Attempt)).await;
    assert!(matches!(answer, Answer::Failed { trouble: Trouble::Unasked, .. }), "{answer:?}");
}

#[tokio::test]
async fn an_answer_without_end_ends_at_the_bound() {
    let server = Scripted::start([Does::Floods, Does::Hangs("ping")]);
    let helper = server.helper();
    let answer = helper.answer(Ask::Probe { jail: None }).await;
    let Answer::Failed { trouble: Trouble::Other, detail } = answer else { panic!("{answer:?}") };
    assert!(detail.contains("more than is read"), "{detail}");
    let answer = helper.answer(Ask::Probe { jail: None }).await;
    assert!(matches!(answer, Answer::Failed { trouble: Trouble::Broken, .. }), "{answer:?}");
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_bans_nobody() {
    let server = Scripted::start([Does::Answers("get", ZERO)]);
    let helper = server.helper();
    // As a disk that is full: what is open cannot be added to any more.
    helper.ledger.borrow_mut().break_for_test();
    let answer = helper.answer(ban()).await;
    assert!(matches!(answer, Answer::Failed { trouble: Trouble::Helper, .. }), "{answer:?}");
    server.done().await;
}
