//! The bans that we made and that were not lifted by us: a file of JSON lines that root alone reads
//! and writes, so that a release, or a person, lifts these and no others.
//!
//! Promise: what was noted is on disk. A file whose end was cut off by a crash is used up to there; a
//! line that is none is left out, and counted. It is rewritten when it has grown to twice what it
//! has to say, and holds no more than a bound: the oldest are forgotten first, and never lifted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::protocol::{BanRecord, JailName, address, is_plain};

const NAME: &str = "fail2ban.jsonl";
const NEW_NAME: &str = "fail2ban.jsonl.new";
/// Bans that are remembered.
const BANS_MAX: usize = 1 << 16;
/// Lines beyond those that are needed, before the file is rewritten.
const STALE_MAX: usize = 1_000;
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Times of bans and attempts that are kept for the rate.
const TIMES_MAX: usize = 10_000;

pub(super) type Key = (JailName, IpAddr);

#[derive(Debug)]
pub(super) struct Ledger {
    folder: PathBuf,
    file: File,
    bans: BTreeMap<Key, Made>,
    /// When something was asked of Fail2Ban that counts for the rate, oldest first.
    times: VecDeque<u64>,
    lines: usize,
    bans_max: usize,
    /// A line could not be finished: the next begins a new one.
    is_torn: bool,
}

#[derive(Clone, Debug)]
struct Made {
    at_ms: u64,
    fingerprint: String,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// Noted before it is asked for.
    Ban(BanRecord),
    /// It was not made, or is lifted.
    Gone { jail: String, address: String },
    /// For the rate alone.
    Attempt { at_ms: u64 },
}

impl Ledger {
    /// The ledger in `folder`, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Self::bounded(folder, BANS_MAX)
    }

    fn bounded(folder: &Path, bans_max: usize) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        own(&fs::symlink_metadata(folder)?, folder)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        options.custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
        let path = folder.join(NAME);
        let file = options.open(&path)?;
        own(&file.metadata()?, &path)?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            let told = format!("`{}` is larger than 64 MiB; move it away", path.display());
            return Err(io::Error::other(told));
        }
        let mut ledger = Self {
            folder: folder.to_owned(),
            file,
            bans: BTreeMap::new(),
            times: VecDeque::new(),
            lines: 0,
            bans_max,
            is_torn: false,
        };
        ledger.read()?;
        // Also makes the folder's entry durable, and what is there whole.
        ledger.rewrite()?;
        Ok(ledger)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        (&self.file).take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let mut wrong = 0_u64;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line).ok().and_then(|line| self.apply(line)) {
                Some(()) => {}
                None => wrong += 1,
            }
        }
        if wrong > 0 {
            tracing::warn!(lines = wrong, "Lines of the list of bans could not be read.");
        }
        Ok(())
    }

    fn apply(&mut self, line: Line) -> Option<()> {
        let key = |jail: &str, of: &str| Some((JailName::parse(jail)?, address(of)?));
        match line {
            Line::Ban(BanRecord { at_ms, jail, address, fingerprint, reason }) => {
                if !is_plain(&fingerprint) || !is_plain(&reason) {
                    return None;
                }
                self.bans.insert(key(&jail, &address)?, Made { at_ms, fingerprint, reason });
                self.tick(at_ms);
                self.forget();
            }
            Line::Gone { jail, address } => _ = self.bans.remove(&key(&jail, &address)?),
            Line::Attempt { at_ms } => self.tick(at_ms),
        }
        Some(())
    }

    fn tick(&mut self, at_ms: u64) {
        self.times.push_back(at_ms);
        if self.times.len() > TIMES_MAX {
            self.times.pop_front();
        }
    }

    /// The oldest go where there are too many; a tenth at once, since they have to be looked for.
    fn forget(&mut self) {
        if self.bans.len() <= self.bans_max {
            return;
        }
        let mut times: Vec<_> = self.bans.values().map(|made| made.at_ms).collect();
        times.sort_unstable();
        let edge = times[self.bans.len() - self.bans_max + self.bans_max / 10];
        let before = self.bans.len();
        self.bans.retain(|_, made| made.at_ms >= edge);
        tracing::warn!(
            bans = before - self.bans.len(),
            "The oldest bans are forgotten, since there are too many; they are not lifted any more."
        );
    }

    /// When bans and attempts were.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.times.iter().copied()
    }

    /// Notes a ban that is about to be asked for. On disk when this returns.
    pub(super) fn note(&mut self, ban: BanRecord) -> io::Result<()> {
        self.add(Line::Ban(ban))
    }

    pub(super) fn attempt(&mut self, at_ms: u64) -> io::Result<()> {
        self.add(Line::Attempt { at_ms })
    }

    /// It was not made after all, or it is lifted.
    pub(super) fn gone(&mut self, jail: &JailName, of: IpAddr) -> io::Result<()> {
        let (jail, address) = (jail.to_string(), of.to_string());
        self.add(Line::Gone { jail, address })
    }

    pub(super) fn is_of(&self, jail: &JailName, of: IpAddr, fingerprint: &str) -> bool {
        let made = self.bans.get(&(jail.clone(), of));
        made.is_some_and(|made| made.fingerprint == fingerprint)
    }

    /// Ours since then, newest first.
    pub(super) fn since(&self, since_ms: u64, jail: Option<&JailName>) -> Vec<(Key, BanRecord)> {
        let ours = self
            .bans
            .iter()
            .filter(|((of, _), made)| made.at_ms >= since_ms && jail.is_none_or(|jail| jail == of));
        let mut ours: Vec<_> = ours.map(|(key, made)| (key.clone(), record(key, made))).collect();
        ours.sort_by(|one, other| other.1.at_ms.cmp(&one.1.at_ms).then(one.0.cmp(&other.0)));
        ours
    }

    fn add(&mut self, line: Line) -> io::Result<()> {
        if self.lines > 2 * self.bans.len() + self.times.len() + STALE_MAX {
            self.rewrite()?;
        }
        let mut bytes = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        self.is_torn = true;
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.lines += 1;
        self.apply(line);
        Ok(())
    }

    /// Every write fails from now on.
    #[cfg(test)]
    pub(super) fn break_for_test(&mut self) {
        self.file = File::open(self.folder.join(NAME)).unwrap();
    }

    /// The file anew, with what it still has to say.
    fn rewrite(&mut self) -> io::Result<()> {
        let path = self.folder.join(NEW_NAME);
        // Times of bans are told by the bans.
        let told: BTreeSet<_> = self.bans.values().map(|made| made.at_ms).collect();
        let others = self.times.iter().copied().filter(|at_ms| !told.contains(at_ms));
        let others = others.map(|at_ms| (at_ms, Line::Attempt { at_ms }));
        let bans = self.bans.iter().map(|(key, made)| (made.at_ms, Line::Ban(record(key, made))));
        let mut lines: Vec<_> = others.chain(bans).collect();
        // Who reads it keeps the last times, which are to be the newest.
        lines.sort_by_key(|(at_ms, _)| *at_ms);
        let mut text = Vec::new();
        for (_, line) in &lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        // One of a rewrite that did not end.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true).mode(0o600);
        let mut file = options.custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(&path)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&path, self.folder.join(NAME))?;
        // This one is added to from now on, also if the next step fails.
        (self.file, self.lines, self.is_torn) = (file, lines.len(), false);
        File::open(&self.folder)?.sync_all()
    }
}

fn record((jail, address): &Key, made: &Made) -> BanRecord {
    BanRecord {
        at_ms: made.at_ms,
        jail: jail.to_string(),
        address: address.to_string(),
        fingerprint: made.fingerprint.clone(),
        reason: made.reason.clone(),
    }
}

/// Ours, and nobody else can write it: otherwise the engine could say what it may lift.
fn own(of: &fs::Metadata, path: &Path) -> io::Result<()> {
    if of.is_symlink() || of.uid() != rustix::process::geteuid().as_raw() || of.mode() & 0o022 != 0
    {
        let told = format!(
            "`{}` must belong to the user of the helper, be no link, and be writable by nobody else; \
             correct it with chown and chmod",
            path.display()
        );
        return Err(io::Error::other(told));
    }
    Ok(())
}

/// What would keep [`Ledger::open`] from the folder; nothing is made.
pub(super) fn look(folder: &Path) -> Result<(), String> {
    for path in [folder.to_owned(), folder.join(NAME)] {
        match fs::symlink_metadata(&path) {
            Ok(about) => own(&about, &path).map_err(|error| error.to_string())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("`{}`: {error}", path.display())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn ban(at_ms: u64, jail: &str, address: &str, fingerprint: &str) -> BanRecord {
        let [jail, address, fingerprint] = [jail, address, fingerprint].map(str::to_owned);
        BanRecord { at_ms, jail, address, fingerprint, reason: "campanile".to_owned() }
    }

    fn key(ban: &BanRecord) -> Key {
        (JailName::parse(&ban.jail).unwrap(), ban.address.parse().unwrap())
    }

    fn note(ledger: &mut Ledger, ban: &BanRecord) {
        ledger.note(ban.clone()).unwrap();
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    fn told(ledger: &Ledger, since_ms: u64) -> Vec<String> {
        let ours = ledger.since(since_ms, None).into_iter();
        ours.map(|(_, ban)| format!("{} {} {}", ban.at_ms, ban.jail, ban.address)).collect()
    }

    #[test]
    fn what_was_noted_is_there_after_a_restart_and_what_is_gone_is_not() {
        let folder = folder();
        let bans = [
            ban(10, "web", "192.0.2.1", "f1"),
            ban(20, "web", "192.0.2.2", "f2"),
            ban(30, "ssh", "2001:db8::1", "f3"),
        ];
        let mut ledger = Ledger::open(folder.path()).unwrap();
        bans.iter().for_each(|ban| note(&mut ledger, ban));
        ledger.attempt(40).unwrap();
        let (jail, address) = key(&bans[1]);
        ledger.gone(&jail, address).unwrap();
        for _ in 0..3 {
            ledger = Ledger::open(folder.path()).unwrap();
            assert_eq!(told(&ledger, 0), ["30 ssh 2001:db8::1", "10 web 192.0.2.1"]);
            assert_eq!(told(&ledger, 11), ["30 ssh 2001:db8::1"]);
            let (jail, address) = key(&bans[0]);
            assert!(ledger.is_of(&jail, address, "f1") && !ledger.is_of(&jail, address, "f2"));
            assert_eq!(ledger.since(0, Some(&jail)).len(), 1);
            assert!(ledger.times().any(|at| at == 40));
        }
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_torn_or_foreign_line_costs_that_line_alone() {
        let folder = folder();
        let path = folder.path().join(NAME);
        let mut ledger = Ledger::open(folder.path()).unwrap();
        note(&mut ledger, &ban(10, "web", "192.0.2.1", "f1"));
        note(&mut ledger, &ban(20, "web", "192.0.2.2", "f2"));
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let ledger = Ledger::open(folder.path()).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            // Only the line end can be missing of a line that counts.
            let expected = lines + usize::from(whole[cut] == b'\n');
            assert_eq!(ledger.bans.len(), expected, "cut at {cut}");
        }
        let foreign = "x\n{\"ban\":{\"at_ms\":1,\"jail\":\"--all\",\"address\":\"192.0.2.7\",\
                       \"fingerprint\":\"\",\"reason\":\"\"}}\n\u{0}\n";
        fs::write(&path, [foreign.as_bytes(), &whole].concat()).unwrap();
        assert_eq!(told(&Ledger::open(folder.path()).unwrap(), 0).len(), 2);
    }

    #[test]
    fn the_oldest_are_forgotten_and_the_file_does_not_grow() {
        let folder = folder();
        let mut ledger = Ledger::bounded(folder.path(), 20).unwrap();
        for at in 0..50_u64 {
            note(&mut ledger, &ban(at, "web", &format!("192.0.2.{at}"), "f"));
            assert!(ledger.bans.len() <= 20, "{}", ledger.bans.len());
        }
        assert_eq!(told(&ledger, 0)[0], "49 web 192.0.2.49");
        ledger.times.clear();
        for _ in 0..3 * STALE_MAX {
            let (jail, address) = key(&ban(0, "web", "192.0.2.200", "f"));
            ledger.gone(&jail, address).unwrap();
        }
        assert!(ledger.lines < 2 * STALE_MAX, "{}", ledger.lines);
        let lines = fs::read_to_string(folder.path().join(NAME)).unwrap().lines().count();
        assert_eq!(lines, ledger.lines);
    }

    #[test]
    fn the_newest_times_are_there_after_restarts_however_many_bans_there_are() {
        let folder = folder();
        let line = |line: &Line| serde_json::to_string(line).unwrap() + "\n";
        let older = (0..TIMES_MAX).map(|at| {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(at).unwrap());
            line(&Line::Ban(ban(at as u64, "web", &address.to_string(), "f")))
        });
        let text = older.collect::<String>() + &line(&Line::Attempt { at_ms: 50_000 });
        fs::write(folder.path().join(NAME), text).unwrap();
        for _ in 0..3 {
            let ledger = Ledger::open(folder.path()).unwrap();
            assert_eq!((ledger.times.len(), ledger.times.back()), (TIMES_MAX, Some(&50_000)));
        }
    }

    #[test]
    fn where_the_list_cannot_be_rewritten_nothing_is_noted() {
        let folder = folder();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.lines = STALE_MAX + 1;
        let in_the_way = folder.path().join(NEW_NAME);
        fs::create_dir(&in_the_way).unwrap();
        assert!(ledger.note(ban(10, "web", "192.0.2.1", "f1")).is_err());
        assert!(told(&ledger, 0).is_empty());
        fs::remove_dir(in_the_way).unwrap();
        note(&mut ledger, &ban(10, "web", "192.0.2.1", "f1"));
        assert_eq!(told(&Ledger::open(folder.path()).unwrap(), 0), ["10 web 192.0.2.1"]);
    }

    #[test]
    fn what_others_could_write_is_not_believed() {
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let folder = folder();
        let path = folder.path().join(NAME);
        drop(Ledger::open(folder.path()).unwrap());
        set(&path, 0o622);
        assert!(Ledger::open(folder.path()).is_err());
        set(&path, 0o600);
        set(folder.path(), 0o777);
        assert!(Ledger::open(folder.path()).is_err());
        set(folder.path(), 0o700);
        let away = folder.path().join("away");
        fs::rename(&path, &away).unwrap();
        std::os::unix::fs::symlink(&away, &path).unwrap();
        assert!(Ledger::open(folder.path()).is_err());
    }
}
