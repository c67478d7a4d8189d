//! The engine as a plain user starts it, who has no right that the engine could give up.

use std::fs::File;
use std::os::unix::fs::chown;
use std::process::Stdio;

use crate::engine::Engine;
use crate::site::{Site, engine_user};

impl Site {
    /// Starts the engine by a user who is not root: us, or where we are root the one that the engine
    /// becomes otherwise, who then owns the folder.
    pub async fn start_by_a_plain_user(&self) -> Engine {
        self.hand_over();
        let log = File::options().create(true).append(true).open(self.log_path());
        let mut command = self.command();
        if let Some(user) = engine_user() {
            chown(self.folder(), Some(user), Some(user)).expect("a folder of our own");
            command.uid(user).gid(user);
        }
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(log.expect("a log in a folder of our own"));
        let engine = Engine::start(command.spawn().expect("the engine's program"), self).await;
        engine.apply(&self.setup()).await;
        engine
    }
}
