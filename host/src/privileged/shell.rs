//! The native kind `shell`: scripts of the operator, run by a helper process.
//!
//! Promise: a script runs only if root put it where the policy says, exactly as it was looked at; it
//! gets an alert on stdin and a list of arguments, and no shell reads either; it has the rights,
//! limits and time of the policy, which the engine cannot change, and nothing of it outlives its run.
//!
//! The helper's half: `policy`, `protocol`, `program`, `run`, and `init`, a process between helper
//! and script. The engine's half: `kind`, with `settings`, `alert` and `verdict`.

mod alert;
mod descendants;
pub(in crate::privileged) mod doctor;
pub mod init;
pub mod kind;
mod offline;
mod output;
pub mod policy;
pub mod program;
pub mod protocol;
mod run;
mod settings;
mod verdict;

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::policy::Policy;
use self::program::Program;
use self::protocol::{Answer, Ask, Check, Checked, Hello, Refusal, Run};
pub use self::run::Launcher;
use self::run::Runner;
use super::helper::Verbs;

/// How long a script waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// The helper: what it does when the engine asks.
#[derive(Debug)]
pub struct Shell {
    policy: Policy,
    runner: Runner,
    turns: Semaphore,
}

impl Shell {
    pub fn new(policy: Policy, launcher: Launcher) -> Self {
        let turns = Semaphore::new(policy.limits.max_concurrency);
        Self { policy, runner: Runner::new(launcher), turns }
    }

    async fn run(&self, run: &Run) -> Result<Answer, Refusal> {
        self.policy.allows_script(&run.script)?;
        self.policy.allows_arguments(&run.arguments)?;
        run.alert.check()?;
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Ok(Answer::Busy) };
        // Only now, so that nothing is changed while it waits.
        let program = Program::open(&self.policy, &run.script)?;
        Ok(run::run(&self.policy, &self.runner, &program, run).await)
    }

    fn check(&self, check: &Check) -> Result<Answer, Refusal> {
        self.policy.allows_arguments(&check.arguments)?;
        let program = Program::open(&self.policy, &check.script)?;
        Ok(Answer::Checked(Checked {
            script_sha256: hexadecimal(&program.sha256),
            folder: program.folder.display().to_string(),
            owner: program.owner,
            user: self.policy.user.name.clone(),
            limits: self.policy.limits.clone(),
        }))
    }
}

impl Verbs for Shell {
    type Ask = Ask;
    type Answer = Answer;
    type Hello = Hello;

    fn hello(&self) -> Hello {
        let folders = self.policy.folders.iter().map(|folder| folder.display().to_string());
        Hello {
            user: self.policy.user.name.clone(),
            folders: folders.collect(),
            extensions: self.policy.extensions.clone(),
            limits: self.policy.limits.clone(),
        }
    }

    async fn perform(self: Rc<Self>, ask: Ask) -> Answer {
        let done = match &ask {
            Ask::Run(run) => self.run(run).await,
            Ask::Check(check) => self.check(check),
        };
        done.unwrap_or_else(Answer::Refused)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
