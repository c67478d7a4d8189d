//! A name server that answers by script: rebinding, long chains, many addresses, odd TTLs.
//!
//! Only what the tests ask for of RFC 1035: one question, answers without compression, UDP.

use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::{Heard, run, script};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const NO_SUCH_NAME: u16 = 3;

/// A running name server.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    heard: Heard<Question>,
    _task: JoinSet<()>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// In lower case, with the dot at its end.
    pub name: String,
    /// Whether IPv6 addresses are asked for, and not IPv4's.
    pub v6: bool,
    /// How often this was asked before.
    pub before: usize,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub name: String,
    pub ttl_s: u32,
    pub is: Is,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    Address(IpAddr),
    Alias(String),
}

impl Answer {
    pub fn address(name: &str, ttl_s: u32, address: impl Into<IpAddr>) -> Self {
        Self { name: name.to_owned(), ttl_s, is: Is::Address(address.into()) }
    }

    pub fn alias(name: &str, of: &str) -> Self {
        Self { name: name.to_owned(), ttl_s: 60, is: Is::Alias(of.to_owned()) }
    }

    /// `name` is an alias of an alias, `count` of them, and the last has this address.
    pub fn chain(name: &str, count: usize, address: IpAddr) -> Vec<Self> {
        let link = |at: usize| if at == 0 { name.to_owned() } else { format!("alias-{at}.test.") };
        let aliases = (0..count).map(|at| Self::alias(&link(at), &link(at + 1)));
        aliases.chain([Self::address(&link(count), 60, address)]).collect()
    }
}

impl Dns {
    /// Answers each question with what `rule` says; no records: there is no such name.
    pub async fn answering(rule: impl FnMut(&Question) -> Vec<Answer> + Send + 'static) -> Self {
        Self::answering_at("127.0.0.1:0".parse().expect("an address"), rule).await
    }

    /// The same at this address.
    pub async fn answering_at(
        at: SocketAddr,
        rule: impl FnMut(&Question) -> Vec<Answer> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind(at).await.expect("a free port");
        let address = socket.local_addr().expect("an address that was bound");
        let (heard, rule) = (Heard::default(), script(rule));
        let mut task = JoinSet::new();
        task.spawn({
            let heard: Heard<Question> = heard.clone();
            async move {
                let mut buffer = [0; 512];
                while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
                    let Some((mut question, end)) = read(&buffer[..count]) else { continue };
                    let all = heard.all();
                    let is_same =
                        |one: &&Question| (&one.name, one.v6) == (&question.name, question.v6);
                    question.before = all.iter().filter(is_same).count();
                    heard.add(question.clone());
                    let answers = run(&rule, &question);
                    // Whoever asked may be gone.
                    drop(socket.send_to(&write(&buffer[..end], question.v6, &answers), from).await);
                }
            }
        });
        Self { address, heard, _task: task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked until now.
    pub fn asked(&self) -> Vec<Question> {
        self.heard.all()
    }
}

/// The question of a query, and where it ends.
fn read(query: &[u8]) -> Option<(Question, usize)> {
    let (mut name, mut at) = (String::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = query.get(at..at + length)?;
        name += &String::from_utf8_lossy(label).to_ascii_lowercase();
        name.push('.');
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((Question { name, v6: kind == AAAA, before: 0 }, at + 4))
}

/// The answer to a query that ends with its question.
fn write(query: &[u8], v6: bool, answers: &[Answer]) -> Vec<u8> {
    // Records of the other sort of address do not belong here.
    let is_asked = |one: &&Answer| match one.is {
        Is::Address(address) => address.is_ipv6() == v6,
        Is::Alias(_) => true,
    };
    let asked: Vec<_> = answers.iter().filter(is_asked).collect();
    let code = if answers.is_empty() { NO_SUCH_NAME } else { 0 };
    let mut message = query.to_vec();
    // An answer, by who knows, recursion as asked.
    message[2..4].copy_from_slice(&(0x8580 | code).to_be_bytes());
    let count = u16::try_from(asked.len()).expect("few answers");
    message[6..8].copy_from_slice(&count.to_be_bytes());
    message[8..12].fill(0);
    for answer in asked {
        message.extend(encoded(&answer.name));
        let (kind, data) = match &answer.is {
            Is::Address(IpAddr::V4(address)) => (A, address.octets().to_vec()),
            Is::Address(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
            Is::Alias(of) => (CNAME, encoded(of)),
        };
        message.extend(kind.to_be_bytes());
        message.extend(1_u16.to_be_bytes());
        message.extend(answer.ttl_s.to_be_bytes());
        message.extend(u16::try_from(data.len()).expect("a short name").to_be_bytes());
        message.extend(data);
    }
    message
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// A query for the IPv4 addresses of a name.
    fn query(name: &str) -> Vec<u8> {
        let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(encoded(name));
        query.extend([0, 1, 0, 1]);
        query
    }

    #[tokio::test]
    async fn it_answers_the_first_time_otherwise_than_the_second() {
        let dns = Dns::answering(|question| {
            let address = if question.before == 0 { [8, 8, 8, 8] } else { [127, 0, 0, 1] };
            vec![Answer::address(&question.name, 0, address)]
        })
        .await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut buffer = [0; 512];
        for expected in [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::LOCALHOST] {
            socket.send_to(&query("Two.test"), dns.address()).await.unwrap();
            let (count, _) = socket.recv_from(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..2], [0xab, 0xcd]);
            assert_eq!(&buffer[6..8], [0, 1]);
            assert_eq!(&buffer[count - 4..count], expected.octets());
        }
        let asked = dns.asked();
        assert_eq!((asked[1].name.as_str(), asked[1].before), ("two.test.", 1));
    }

    #[tokio::test]
    async fn a_chain_ends_with_the_address_and_a_name_without_records_is_none() {
        let chain = Answer::chain("a.test.", 9, [192, 0, 2, 1].into());
        assert_eq!(chain.len(), 10);
        let message = write(&query("a.test"), false, &chain);
        assert_eq!(&message[6..8], [0, 10]);
        assert_eq!(write(&query("a.test"), false, &[])[3] & 0xf, 3);
        assert_eq!(write(&query("a.test"), true, &chain)[7], 9, "no IPv6 address");
    }
}
