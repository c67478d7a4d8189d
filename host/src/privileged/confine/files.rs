//! Landlock: which files a process reaches, whatever its user may.
//!
//! Promise: a path that is not named here or beneath one that is named is not opened, made, renamed
//! or removed, also where every user may. No TCP port is bound any more, no process outside is
//! signalled or traced, and no abstract socket of another is reached, as far as the kernel can.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::{ConfineError, Layer, Missing};

/// The newest that this file was written for.
const ABI_KNOWN: ABI = ABI::V7;

/// What may be reached.
#[derive(Clone, Debug, Default)]
pub struct Files {
    rules: Vec<(PathBuf, Right)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Read,
    Write,
    Execute,
}

impl Files {
    /// The file or folder may be read. What is not there gives no right.
    #[must_use]
    pub fn read(mut self, path: impl Into<PathBuf>) -> Self {
        self.rules.push((path.into(), Right::Read));
        self
    }

    /// Files beneath the folder may be read, written, made, renamed, linked and removed.
    #[must_use]
    pub fn write(mut self, path: impl Into<PathBuf>) -> Self {
        self.rules.push((path.into(), Right::Write));
        self
    }

    /// The program may be started.
    #[must_use]
    pub fn execute(mut self, path: impl Into<PathBuf>) -> Self {
        self.rules.push((path.into(), Right::Execute));
        self
    }

    /// For this process and all that it starts, for good.
    pub fn apply(&self) -> Result<Vec<Missing>, ConfineError> {
        if abi() < 1 {
            let why = "the kernel has no Landlock (since 5.13), or does not start it (`lsm=`); \
                       files are guarded by the rights of the user alone";
            return Ok(vec![Missing { layer: Layer::Files, why: why.to_owned() }]);
        }
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI_KNOWN))
            .and_then(|rules| rules.handle_access(AccessNet::BindTcp))
            .and_then(|rules| rules.scope(Scope::from_all(ABI_KNOWN)))
            .and_then(Ruleset::create)
            .map_err(ConfineError::Files)?;
        for (path, right) in &self.rules {
            let Ok(held) = PathFd::new(path) else { continue };
            let rule = PathBeneath::new(held, right.access(path));
            rules = rules.add_rule(rule).map_err(ConfineError::Files)?;
        }
        let status = rules.restrict_self().map_err(ConfineError::Files)?;
        let missing = (status.ruleset != RulesetStatus::FullyEnforced).then(|| Missing {
            layer: Layer::Scopes,
            why: format!(
                "the kernel has version {} of Landlock, and not all that version {} (6.12) can: \
                 truncating, devices, ports, signals",
                abi(),
                ABI_KNOWN as i32 - 1
            ),
        });
        Ok(missing.into_iter().collect())
    }
}

impl Right {
    fn access(self, path: &Path) -> BitFlags<AccessFs> {
        let all = match self {
            Self::Read => AccessFs::ReadFile | AccessFs::ReadDir,
            Self::Execute => AccessFs::ReadFile | AccessFs::Execute,
            Self::Write => {
                AccessFs::ReadFile
                    | AccessFs::ReadDir
                    | AccessFs::WriteFile
                    | AccessFs::Truncate
                    | AccessFs::MakeReg
                    | AccessFs::MakeDir
                    | AccessFs::RemoveFile
                    | AccessFs::RemoveDir
                    | AccessFs::Refer
            }
        };
        // The kernel takes no rights of folders for a file.
        if path.is_dir() { all } else { all & AccessFs::from_file(ABI_KNOWN) }
    }
}

/// The version of Landlock that the kernel has; 0: none.
pub fn abi() -> i32 {
    // The highest version whose rights the kernel takes without compromise.
    let versions = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6, ABI::V7];
    let is_able = |version: ABI| {
        let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let rules = rules.handle_access(AccessFs::from_all(version));
        let rules = match AccessNet::from_all(version) {
            none if none.is_empty() => rules,
            net => rules.and_then(|rules| rules.handle_access(net)),
        };
        let rules = match Scope::from_all(version) {
            none if none.is_empty() => rules,
            scope => rules.and_then(|rules| rules.scope(scope)),
        };
        rules.and_then(Ruleset::create).is_ok()
    };
    let able = versions.into_iter().rev().find(|version| is_able(*version));
    able.map_or(0, |version| version as i32)
}
