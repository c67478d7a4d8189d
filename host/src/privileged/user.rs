//! Users and groups of this machine, as `/etc/passwd` and `/etc/group` have them.
//!
//! Not here: users that only a directory service knows; they can be given by number, `1000:1000`.

use std::fmt;
use std::io;

/// Who a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As it was found or written.
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Groups beside the first.
    pub groups: Vec<u32>,
}

/// Why a user cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    #[error(
        "there is no user `{name}` in /etc/passwd; `useradd --system {name}` makes one, or \
             give numbers, such as `1000:1000`"
    )]
    Unknown { name: String },
    #[error("`{path}` cannot be read")]
    Unreadable { path: &'static str, source: io::Error },
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

impl User {
    /// A user by name, or by numbers: `1000:1000`. Nobody else's account is guessed.
    pub fn find(name: &str) -> Result<Self, UserError> {
        let read = |path| {
            std::fs::read_to_string(path).map_err(|source| UserError::Unreadable { path, source })
        };
        if let Some(user) = Self::of_numbers(name) {
            return Ok(user);
        }
        let found = Self::in_files(name, &read(PASSWD)?, &read(GROUP)?);
        found.ok_or_else(|| UserError::Unknown { name: name.to_owned() })
    }

    fn of_numbers(text: &str) -> Option<Self> {
        let (uid, gid) = text.split_once(':')?;
        let (uid, gid) = (number(uid)?, number(gid)?);
        Some(Self { name: text.to_owned(), uid, gid, groups: Vec::new() })
    }

    fn in_files(name: &str, passwd: &str, group: &str) -> Option<Self> {
        let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let line = lines.find(|fields| fields.len() >= 4 && fields[0] == name)?;
        let (uid, gid) = (number(line[2])?, number(line[3])?);
        let groups = group.lines().filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [_, _, id, members] = fields[..] else { return None };
            let id = number(id)?;
            (id != gid && members.split(',').any(|member| member == name)).then_some(id)
        });
        Some(Self { name: name.to_owned(), uid, gid, groups: groups.collect() })
    }

    pub fn is_root(&self) -> bool {
        self.uid == 0
    }
}

/// `u32::MAX` is no id: to system calls it means 'leave it as it is'.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_with_the_groups_that_name_it_and_no_other() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nbell:x:101:102::/:/bin/false\n\
                      odd:x:-1:0::/:\nall:x:4294967295:0::/:\n";
        let group = "bell:x:102:bell\nadm:x:4:syslog,bell\nlog:x:7:bellboy\n";
        let bell = User::in_files("bell", passwd, group).unwrap();
        assert_eq!((bell.uid, bell.gid, bell.groups), (101, 102, vec![4]));
        for none in ["bellboy", "", "odd", "all", "broken"] {
            assert_eq!(User::in_files(none, passwd, group), None, "{none}");
        }
        let numbers = User::find("1000:1001").unwrap();
        assert_eq!((numbers.uid, numbers.gid), (1000, 1001));
        for wrong in ["1000:", "4294967295:0", "1000:-1", "nobody-has-this-name"] {
            assert!(User::find(wrong).is_err(), "{wrong}");
        }
        assert!(User::find("root").unwrap().is_root());
    }
}
