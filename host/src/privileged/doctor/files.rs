//! Folders, keys, components, names and zones.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::Access;

use super::who::{self, Who};
use super::{Finding, Standing, told, word};
use crate::config::{Config, KeySource};
use crate::privileged::key_command;
use crate::runtime;
use crate::vault::KeyFound;

const RESOLVER: &str = "/etc/resolv.conf";
const ZONES: &str = "/usr/share/zoneinfo";

pub(super) fn look(config: &Config, who: &Who) -> Vec<Finding> {
    let mut findings = vec![folder("data_dir", &config.data_dir, who)];
    findings.push(cache(&config.cache_dir, who));
    if let Some(root) = config.files.root.as_deref() {
        let mut root = folder("files.root", root, who);
        // One of another owner is used, as far as its rights go.
        root.standing = root.standing.min(Standing::Mend);
        findings.push(root);
    }
    findings.extend(
        [("data_dir", &config.data_dir), ("components_dir", &config.components_dir)]
            .into_iter()
            .chain([("cache_dir", &config.cache_dir)])
            .filter_map(|(what, path)| unreached(what, path, who)),
    );
    findings.push(key(config, who));
    findings.extend(components(&config.components_dir));
    findings.push(resolver(config));
    findings.push(zones(config));
    findings
}

/// One that is not there is made at the start; one that is must be the engine's.
fn folder(what: &str, path: &Path, who: &Who) -> Finding {
    let shown = path.display();
    let about = match fs::metadata(path) {
        Ok(about) if !about.is_dir() => {
            return Finding::wrong(what, format!("`{shown}` is no folder"))
                .to_do("move it away, or name another");
        }
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return unmade(what, path, who);
        }
        Err(error) => return Finding::wrong(what, format!("`{shown}`: {error}")),
    };
    let (owner, mode) = (about.uid(), about.mode() & 0o7777);
    let told = format!("`{shown}` (user {owner}, mode {mode:o})");
    if who.becomes.is_some() && owner != who.uid {
        let to_do = format!("chown -R {}:{} {}", who.uid, who.gid, word(path));
        let found = format!("{told} does not belong to the engine's user {}", who.uid);
        return Finding::wrong(what, found).to_do(to_do);
    }
    let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    if who.becomes.is_none() && rustix::fs::access(path, all).is_err() {
        let found = format!("{told} cannot be written by the engine's user {}", who.uid);
        return Finding::wrong(what, found).to_do("give it to that user, or name another");
    }
    Finding::good(what, told)
}

fn unmade(what: &str, path: &Path, who: &Who) -> Finding {
    let mut above = path.ancestors().skip(1);
    let above = above.find(|it| it.as_os_str().is_empty() || it.exists());
    let above = above.filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = format!("`{}` does not exist", path.display());
    match rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if who.becomes.is_some() && !who::may_give_away() => {
            let found = format!("{found}, and root lacks CAP_CHOWN here to give it away");
            let to_do = format!("make it, owned by {}:{}", who.uid, who.gid);
            Finding::wrong(what, found).to_do(to_do)
        }
        Ok(()) => Finding::good(what, format!("{found}; the start makes it")),
        Err(_) => {
            Finding::wrong(what, format!("{found}, and cannot be made in `{}`", above.display()))
                .to_do("make it, and give it to the engine's user")
        }
    }
}

/// Where a folder above lets the engine's user not through, once root has become it.
fn unreached(what: &str, path: &Path, who: &Who) -> Option<Finding> {
    let user = who.becomes.as_ref().filter(|user| !user.is_root())?;
    let path = std::path::absolute(path).ok()?;
    let shut = path.ancestors().skip(1).find(|above| {
        let Ok(about) = fs::metadata(above) else { return false };
        let right = match (about.uid() == user.uid, user.groups.contains(&about.gid())) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        about.mode() & right == 0
    })?;
    let found = format!(
        "`{}` does not let `{}` through to `{}`",
        shut.display(),
        user.name,
        path.display()
    );
    let to_do = format!("chmod a+x {}, or put it elsewhere", word(shut));
    Some(Finding::wrong(what, found).to_do(to_do))
}

/// As a folder; but machine code that others could have written is not run.
fn cache(path: &Path, who: &Who) -> Finding {
    const NAME: &str = "cache_dir";
    let finding = folder(NAME, path, who);
    let Ok(about) = fs::metadata(path) else { return finding };
    if finding.standing == Standing::Good && (about.uid() != who.uid || about.mode() & 0o022 != 0) {
        let found = format!("{}, but must be the engine's alone", finding.found);
        let (uid, gid, path) = (who.uid, who.gid, word(path));
        let to_do = format!("chown -R {uid}:{gid} {path} && chmod -R go-w {path}");
        return Finding::wrong(NAME, found).to_do(to_do);
    }
    finding
}

fn key(config: &Config, who: &Who) -> Finding {
    const NAME: &str = "key";
    let outside = |found: String| {
        Finding::note(NAME, found).to_do("run this as the service does, or look at its log")
    };
    let path = match &config.key {
        KeySource::Command(file) => {
            return match key_command::check(file) {
                Ok(()) => Finding::good(
                    NAME,
                    format!("the command in `{}` is root's; it was not run", file.display()),
                ),
                Err(error) => Finding::wrong(NAME, told(&error)),
            };
        }
        KeySource::Credential { folder: None, name } => {
            return outside(format!("systemd gives the credential `{name}` to the service alone"));
        }
        KeySource::Credential { folder: Some(folder), name } => folder.join(name),
        KeySource::File(path) => path.clone(),
    };
    let shown = path.display();
    if let Err(error) = KeyFound::read(&config.key, who.uid) {
        return Finding::wrong(NAME, told(&error));
    }
    match fs::metadata(&path) {
        Ok(about) => {
            let (owner, mode) = (about.uid(), about.mode() & 0o7777);
            let told = format!("`{shown}` (user {owner}, mode {mode:o})");
            // Read by whoever starts the engine, and written by the engine when keys are rotated.
            Finding::good(NAME, told)
        }
        Err(_) if config.data_dir.join("campanile.db").exists() => {
            let found = format!("there is a store, and no key `{shown}`");
            let to_do = "put it back from your copy: if the store holds secrets, the engine does not \
                         start without it";
            Finding::mend(NAME, found).to_do(to_do)
        }
        Err(_) => {
            Finding::good(NAME, format!("`{shown}` does not exist; the first start makes it"))
                .to_do("keep a copy of it then, apart from copies of the store")
        }
    }
}

fn components(folder: &Path) -> Vec<Finding> {
    const NAME: &str = "components";
    let (count, broken) = match runtime::look(folder) {
        Ok(found) => found,
        Err(error) => {
            let to_do = "run `make components`, or set `components_dir`";
            return vec![Finding::wrong(NAME, told(&error)).to_do(to_do)];
        }
    };
    let shown = folder.display();
    let found = format!("{count} in `{shown}`, read and not compiled; {} broken", broken.len());
    let mut findings = vec![match (count, broken.len()) {
        (0, 0) => Finding::mend(NAME, format!("there are none in `{shown}`"))
            .to_do("run `make components`, or set `components_dir`"),
        (_, 0) => Finding::good(NAME, found),
        _ => Finding::mend(NAME, found).to_do("`campanile component list` tells what it finds"),
    }];
    findings.extend(broken.iter().map(|one| {
        let told: Vec<_> = one.told().lines().map(|line| line.trim().to_owned()).collect();
        Finding::mend(NAME, format!("`{}`: {}", one.folder.display(), told.join("; ")))
    }));
    findings
}

fn resolver(config: &Config) -> Finding {
    const NAME: &str = "resolver";
    let own = config.egress.resolver.len();
    if own > 0 {
        return Finding::good(NAME, format!("{own} of `egress.resolver`"));
    }
    let to_do = "name servers there, or as `egress.resolver`; endpoints reach no name without";
    let text = match fs::read_to_string(RESOLVER) {
        Ok(text) => text,
        Err(error) => return Finding::mend(NAME, format!("`{RESOLVER}`: {error}")).to_do(to_do),
    };
    let servers = text.lines().filter(|line| line.split_whitespace().next() == Some("nameserver"));
    match servers.count() {
        0 => Finding::mend(NAME, format!("`{RESOLVER}` names no server")).to_do(to_do),
        count => {
            let real = fs::canonicalize(RESOLVER).unwrap_or_else(|_| RESOLVER.into());
            Finding::good(NAME, format!("`{}` names {count}", real.display()))
        }
    }
}

/// That the zone of the configuration is known, its reading has checked.
fn zones(config: &Config) -> Finding {
    const NAME: &str = "zone";
    if Path::new(ZONES).is_dir() {
        return Finding::good(NAME, format!("`{}`; `{ZONES}` has all others", config.zone));
    }
    let found = format!("`{}`; there is no `{ZONES}`, so filters know no other", config.zone);
    Finding::note(NAME, found).to_do("install the package `tzdata`")
}
