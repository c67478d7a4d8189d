//! Users and groups of this machine, as `/etc/passwd` and `/etc/group` have them.
//!
//! Promise: what is found is what the files say; a line that makes no sense is passed over.
//!
//! Not here: users of a directory service. Whoever needs one writes its number.

use std::fs;
use std::io;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A user, and the groups a login of it would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// `gid` among them.
    pub groups: Vec<u32>,
}

/// Who runs as this user; without one, who runs this process.
pub fn uid_of(user: Option<&User>) -> u32 {
    user.map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid)
}

impl User {
    /// By name, by number, or by numbers of user and group: `1000:1000`. A number that no user has is a user of that number, without rights of
    /// any group but the one of the same number. `None`: there is no such user.
    pub fn find(name: &str) -> io::Result<Option<Self>> {
        if let Some((uid, gid)) = name.split_once(':') {
            let (Some(uid), Some(gid)) = (id(uid), id(gid)) else { return Ok(None) };
            return Ok(Some(Self { name: name.to_owned(), uid, gid, groups: vec![gid] }));
        }
        Ok(Self::among(name, &read("/etc/passwd")?, &read("/etc/group")?))
    }

    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// The user with this number.
    pub fn of(uid: u32) -> io::Result<Self> {
        let found = Self::find(&uid.to_string())?;
        found.ok_or_else(|| io::Error::other("a number is always a user"))
    }

    fn among(name: &str, passwd: &str, group: &str) -> Option<Self> {
        let number = id(name);
        let users = || passwd.lines().filter_map(entry);
        let named = users().find(|(it, ..)| *it == name);
        let found = named.or_else(|| users().find(|(_, uid, _)| Some(*uid) == number));
        let (name, uid, gid) = match (found, number) {
            (Some((name, uid, gid)), _) => (name.to_owned(), uid, gid),
            (None, Some(uid)) => (uid.to_string(), uid, uid),
            (None, None) => return None,
        };
        let mut groups = vec![gid];
        for line in group.lines() {
            let mut fields = line.split(':').skip(2);
            let Some(gid) = fields.next().and_then(|gid| gid.parse().ok()) else { continue };
            let is_member = fields.next().is_some_and(|all| all.split(',').any(|it| it == name));
            if is_member && !groups.contains(&gid) {
                groups.push(gid);
            }
        }
        Some(Self { name, uid, gid, groups })
    }
}

/// -1 means `none` to the kernel.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

fn entry(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
    let mut numbers = fields.skip(1).map(|field| field.parse().ok().filter(|id| *id != u32::MAX));
    Some((name, numbers.next()??, numbers.next()??))
}

fn read(path: &str) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{path}` is too large")));
    }
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_groups_of_a_login() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\n#x:x:1:1::/:\nbad:x:y:3::/:\n\
                      none:x:4294967295:0::/:\nann:x:1000:100:Ann:/home/ann:/bin/sh\n\
                      7:x:1001:100::/:\n";
        let group = "root:x:0:\nadm:x:4:bob,ann\nusers:x:100:ann\nx:x:bad:ann\nlog:x:5:annie\n";
        let found = |name| User::among(name, passwd, group).map(|it| (it.uid, it.gid, it.groups));
        let table = [
            ("root", Some((0, 0, vec![0]))),
            ("0", Some((0, 0, vec![0]))),
            ("ann", Some((1000, 100, vec![100, 4]))),
            ("1000", Some((1000, 100, vec![100, 4]))),
            // A name wins over a number, as it does for `chown`.
            ("7", Some((1001, 100, vec![100]))),
            ("4242", Some((4242, 4242, vec![4242]))),
            ("annie", None),
            ("bad", None),
            ("none", None),
            ("4294967295", None),
            ("-1", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(found(name), expected, "{name}");
        }
        let numbers = User::find("1000:1001").unwrap().unwrap();
        assert_eq!((numbers.uid, numbers.groups), (1000, vec![1001]));
        for wrong in ["1000:", "4294967295:0", "1000:-1"] {
            assert_eq!(User::find(wrong).unwrap(), None, "{wrong}");
        }
        assert_eq!(User::find("root").unwrap().unwrap().uid, 0);
        assert_eq!(User::of(0).unwrap().name, "root");
    }
}
