//! The helper's half: what it does for each question of the engine.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use tokio::task::LocalSet;

use super::ledger::{Key, Ledger};
use super::never::NeverBan;
use super::policy::Policy;
use super::protocol::{
    Answer, Ask, BanAsked, BanRecord, Command, JailName, Mode, Refusal, Trouble, UnbanAsked,
    address, is_plain,
};
use super::rate::Rate;
use super::server::{Said, Server, Way};
use crate::clock::Clock;
use crate::privileged::helper::{Verbs, serve};

/// Bans that one answer tells, or one question lifts.
const BANS_TOLD_MAX: usize = 1_000;

/// Serves the engine at the other end until it is gone. The policy is read, and the process is what
/// it is to stay: nothing is dropped or locked here. It must see the machine's own network.
pub fn run(policy: Policy, engine: UnixStream) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let helper = Rc::new(Helper::new(policy)?);
    let serving = async {
        engine.set_nonblocking(true)?;
        serve(helper, tokio::net::UnixStream::from_std(engine)?).await
    };
    LocalSet::new().block_on(&runtime, serving)
}

/// What the helper holds. One thread has it.
#[derive(Debug)]
pub struct Helper {
    policy: Policy,
    server: Server,
    never: NeverBan,
    rate: RefCell<Rate>,
    ledger: RefCell<Ledger>,
    clock: Clock,
}

/// What ends a question early.
type Stopped = Box<Answer>;

impl Helper {
    /// Reads the list of bans that were made before.
    pub fn new(policy: Policy) -> io::Result<Self> {
        let ledger = Ledger::open(&policy.state_dir).map_err(|error| {
            let told = format!("cannot use `{}`: {error}", policy.state_dir.display());
            io::Error::new(error.kind(), told)
        })?;
        let rate = Rate::new(policy.bans_per_minute, policy.bans_per_hour, ledger.times());
        Ok(Self {
            server: Server::new(policy.way.clone(), policy.timeout),
            never: NeverBan::new(policy.never_ban.clone()),
            rate: RefCell::new(rate),
            ledger: RefCell::new(ledger),
            clock: Clock::default(),
            policy,
        })
    }

    async fn answer(&self, ask: Ask) -> Answer {
        let answered = match ask {
            Ask::Ban(asked) => self.ban(&asked).await,
            Ask::Unban(asked) => self.unban(&asked).await,
            Ask::Probe { jail } => self.probe(jail.as_deref()).await,
            Ask::List { since_ms } => Ok(self.list(since_ms)),
            Ask::Undo { since_ms, jail } => self.undo(since_ms, jail.as_deref()).await,
        };
        answered.unwrap_or_else(|stopped| *stopped)
    }

    async fn ban(&self, asked: &BanAsked) -> Result<Answer, Stopped> {
        let (jail, address) = self.target(&asked.jail, &asked.address)?;
        if !is_plain(&asked.reason) || !is_plain(&asked.fingerprint) {
            let expected = "reason and fingerprint: expected letters, digits and ` ._:-`";
            return Err(refused(Refusal::Malformed, expected));
        }
        let rule = self.never.rule(address).map_err(|error| {
            helper_failed(&format!("cannot tell whether {address} is this machine's own: {error}"))
        })?;
        if let Some(rule) = rule {
            return Ok(Answer::Spared { rule: rule.name().to_owned() });
        }
        if asked.dry_run {
            return Ok(Answer::DryRun);
        }
        let turn = self.server.turn().await.map_err(failed)?;
        let ours = |ledger: &Ledger| ledger.is_of(&jail, address, &asked.fingerprint);
        // An older Fail2Ban cannot say; then the count of the ban itself does.
        let before = turn.count(Command::IsBanned(&jail, address)).await;
        let is_known = before.is_ok();
        match before {
            Ok(1..) => {
                return Ok(Answer::Banned { new: 0, ours: ours(&self.ledger.borrow()) });
            }
            Ok(0) | Err((Trouble::Other, _)) => {}
            Err((Trouble::Broken, detail)) => return Err(failed((Trouble::Unasked, detail))),
            Err(trouble) => return Err(failed(trouble)),
        }
        let at_ms = self.clock.now_ms();
        let taken = self.rate.borrow_mut().take(at_ms);
        taken.map_err(|retry_after_ms| Box::new(Answer::RateLimited { retry_after_ms }))?;
        if asked.mode == Mode::Attempt {
            // Before, so that no restart makes the limit void.
            self.ledger.borrow_mut().attempt(at_ms).map_err(|error| unwritten(&error))?;
            turn.count(Command::Attempt(&jail, address, &asked.reason)).await.map_err(failed)?;
            return Ok(Answer::Attempted);
        }
        let ban = BanRecord {
            at_ms,
            jail: jail.to_string(),
            address: address.to_string(),
            fingerprint: asked.fingerprint.clone(),
            reason: asked.reason.clone(),
        };
        // Before, so that a crash after the ban leaves nothing that nobody could lift.
        let noted = self.ledger.borrow_mut().note(ban);
        if let Err(error) = noted {
            self.rate.borrow_mut().give_back(at_ms);
            return Err(unwritten(&error));
        }
        let made = turn.count(Command::Ban(&jail, address)).await;
        match made {
            Ok(new @ 1..) => Ok(Answer::Banned { new, ours: true }),
            Err(trouble @ (Trouble::Broken, _)) if is_known => Err(failed(trouble)),
            made => {
                let gone = self.ledger.borrow_mut().gone(&jail, address);
                gone.map_err(|error| unwritten(&error))?;
                self.rate.borrow_mut().give_back(at_ms);
                made.map(|_| Answer::Banned { new: 0, ours: false }).map_err(failed)
            }
        }
    }

    async fn unban(&self, asked: &UnbanAsked) -> Result<Answer, Stopped> {
        self.may_lift()?;
        let (jail, address) = self.target(&asked.jail, &asked.address)?;
        let turn = self.server.turn().await.map_err(failed)?;
        if !self.ledger.borrow().is_of(&jail, address, &asked.fingerprint) {
            return Ok(Answer::NotOurs);
        }
        if asked.dry_run {
            return Ok(Answer::DryRun);
        }
        let lifted = turn.count(Command::Unban(&jail, address)).await.map_err(failed)?;
        self.ledger.borrow_mut().gone(&jail, address).map_err(|error| unwritten(&error))?;
        Ok(Answer::Unbanned { lifted })
    }

    async fn probe(&self, jail: Option<&str>) -> Result<Answer, Stopped> {
        let jail = jail.map(|jail| self.jail(jail)).transpose()?;
        let turn = self.server.turn().await.map_err(failed)?;
        let said = turn.ask(Command::Ping).await.map_err(failed)?;
        if said != Said::Text("pong".to_owned()) {
            return Err(failed((Trouble::Other, "it does not answer a ping".to_owned())));
        }
        let way = match &self.policy.way {
            Way::Socket(path) => format!("socket {}", path.display()),
            Way::Client(program, _) => format!("client {}", program.display()),
        };
        let mut facts = vec![("reached by".to_owned(), way)];
        if let Some(jail) = jail {
            match turn.ask(Command::Status(&jail)).await.map_err(failed)? {
                Said::Facts(found) => facts.extend(found),
                Said::Number(_) | Said::Text(_) => {
                    return Err(failed((Trouble::Other, "it tells no status".to_owned())));
                }
            }
        }
        Ok(Answer::Probed { facts })
    }

    fn list(&self, since_ms: u64) -> Answer {
        let (ours, more) = self.ours(since_ms, None);
        Answer::Bans { bans: ours.into_iter().map(|(_, ban)| ban).collect(), more }
    }

    /// The newest, as many as are told at once, and whether there are more.
    fn ours(&self, since_ms: u64, jail: Option<&JailName>) -> (Vec<(Key, BanRecord)>, bool) {
        let mut ours = self.ledger.borrow().since(since_ms, jail);
        let more = ours.len() > BANS_TOLD_MAX;
        ours.truncate(BANS_TOLD_MAX);
        (ours, more)
    }

    async fn undo(&self, since_ms: u64, jail: Option<&str>) -> Result<Answer, Stopped> {
        self.may_lift()?;
        let jail = jail.map(|jail| {
            // One that the policy does not name any more: what was banned there can be lifted.
            JailName::parse(jail).ok_or_else(|| refused(Refusal::Jail, NO_JAIL))
        });
        let jail = jail.transpose()?;
        let turn = self.server.turn().await.map_err(failed)?;
        let (ours, more) = self.ours(since_ms, jail.as_ref());
        let (mut lifted, mut gone, mut not) = (Vec::new(), 0, Vec::new());
        for ((jail, address), ban) in ours {
            match turn.count(Command::Unban(&jail, address)).await {
                Ok(count) => {
                    let noted = self.ledger.borrow_mut().gone(&jail, address);
                    noted.map_err(|error| unwritten(&error))?;
                    if count == 0 { gone += 1 } else { lifted.push(ban) }
                }
                Err((Trouble::UnknownJail | Trouble::BadValue | Trouble::Other, detail)) => {
                    not.push((ban, detail));
                }
                // The next would meet the same, so nothing more is tried.
                Err(trouble) if lifted.is_empty() && gone == 0 && not.is_empty() => {
                    return Err(failed(trouble));
                }
                Err((_, detail)) => {
                    not.push((ban, detail));
                    return Ok(Answer::Undone { lifted, gone, failed: not, more: true });
                }
            }
        }
        Ok(Answer::Undone { lifted, gone, failed: not, more })
    }

    fn may_lift(&self) -> Result<(), Stopped> {
        if self.policy.allow_unban {
            return Ok(());
        }
        let told = "the policy does not allow it; `fail2ban.allow_unban` in privileged.toml does";
        Err(refused(Refusal::Policy, told))
    }

    fn target(&self, jail: &str, of: &str) -> Result<(JailName, IpAddr), Stopped> {
        let jail = self.jail(jail)?;
        let address = address(of);
        let address = address.ok_or_else(|| {
            refused(Refusal::Address, "expected one IPv4 or IPv6 address, and nothing else")
        })?;
        Ok((jail, address))
    }

    fn jail(&self, jail: &str) -> Result<JailName, Stopped> {
        let jail = JailName::parse(jail).ok_or_else(|| refused(Refusal::Jail, NO_JAIL))?;
        if self.policy.allows(&jail) {
            return Ok(jail);
        }
        let told = format!(
            "the policy does not name the jail `{jail}`; `fail2ban.jails` in \
                            privileged.toml does"
        );
        Err(refused(Refusal::Jail, &told))
    }
}

const NO_JAIL: &str = "expected the name of a jail: 1 to 64 of `A-Z a-z 0-9 . _ -`, neither `.` nor \
                       `-` first";

fn refused(refusal: Refusal, detail: &str) -> Stopped {
    Box::new(Answer::Refused { refusal, detail: detail.to_owned() })
}

fn failed((trouble, detail): (Trouble, String)) -> Stopped {
    Box::new(Answer::Failed { trouble, detail })
}

fn helper_failed(detail: &str) -> Stopped {
    failed((Trouble::Helper, detail.to_owned()))
}

fn unwritten(error: &io::Error) -> Stopped {
    helper_failed(&format!("the list of bans cannot be written: {error}"))
}

impl Verbs for Helper {
    type Ask = Ask;
    type Answer = Answer;
    type Hello = ();

    fn hello(&self) {}

    async fn perform(self: Rc<Self>, ask: Ask) -> Answer {
        self.answer(ask).await
    }
}

#[cfg(test)]
mod tests;
