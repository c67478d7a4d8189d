use std::collections::HashMap;
use std::sync::Mutex;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::*;

/// A name server of the test's own.
pub(in crate::capability::egress) struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Zone {
    /// By name and kind: answers in the order in which they are given, the last again and again.
    answers: HashMap<(String, u16), Vec<Vec<Entry>>>,
    asked: Vec<(String, u16)>,
}

/// One record: of whom, for how many seconds, and what.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    ttl: u32,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    Ip(IpAddr),
    Alias(String),
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

impl Dns {
    pub(in crate::capability::egress) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(socket, Arc::clone(&zone)));
        Self { address, zone, _serving: serving }
    }

    pub(in crate::capability::egress) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with these addresses the next time, and then, until there is another next.
    pub(in crate::capability::egress) fn tell(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        for kind in [A, AAAA] {
            let of_kind = addresses.iter().filter(|ip| ip.is_ipv4() == (kind == A));
            let entry = |ip: &IpAddr| Entry { name: name.to_owned(), ttl, data: Data::Ip(*ip) };
            self.put(name, kind, of_kind.map(entry).collect());
        }
    }

    fn put(&self, name: &str, kind: u16, answer: Vec<Entry>) {
        let mut zone = self.zone.lock().unwrap();
        zone.answers.entry((name.to_owned(), kind)).or_default().push(answer);
    }

    /// `a0.example` to `a{length}.example`, the last with an address; all at once, or one by one.
    fn put_chain(&self, length: usize, at_once: bool) {
        let name = |at: usize| format!("a{at}.example");
        let link = |at| Entry { name: name(at), ttl: 60, data: Data::Alias(name(at + 1)) };
        let end = Data::Ip([127, 0, 0, 1].into());
        let end = Entry { name: name(length), ttl: 60, data: end };
        for at in 0..length {
            let links = if at_once { at..length } else { at..at + 1 };
            let mut answer: Vec<_> = links.map(link).collect();
            self.put(&name(at), AAAA, answer.clone());
            answer.extend(at_once.then(|| end.clone()));
            self.put(&name(at), A, answer);
        }
        self.put(&name(length), A, vec![end]);
        self.put(&name(length), AAAA, Vec::new());
    }

    /// What was asked so far, by name and kind.
    pub(in crate::capability::egress) fn asked(&self) -> Vec<(String, u16)> {
        self.zone.lock().unwrap().asked.clone()
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut query = [0; 1500];
    loop {
        let Ok((count, from)) = socket.recv_from(&mut query).await else { return };
        let (name, kind, end) = question(&query[..count]);
        let answer = {
            let mut zone = zone.lock().unwrap();
            zone.asked.push((name.clone(), kind));
            zone.answers.get_mut(&(name.trim_end_matches('.').to_owned(), kind)).map(|answers| {
                if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
            })
        };
        let code = if answer.is_some() { 0 } else { 3 };
        let answer = answer.unwrap_or_default();
        let mut reply = query[..2].to_vec();
        reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(answer.len()).unwrap()]);
        reply.extend([0; 4]);
        reply.extend(&query[12..end]);
        answer.iter().for_each(|entry| write_entry(&mut reply, entry));
        let _ = socket.send_to(&reply, from).await;
    }
}

/// Name with its last dot, kind, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut name, mut at) = (String::new(), 12);
    while query[at] != 0 {
        let label = &query[at + 1..=at + usize::from(query[at])];
        name += &format!("{}.", std::str::from_utf8(label).unwrap());
        at += label.len() + 1;
    }
    (name, u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

fn write_entry(reply: &mut Vec<u8>, entry: &Entry) {
    let wire = |name: &str| {
        let labels = name.split('.').flat_map(|label| {
            std::iter::once(u8::try_from(label.len()).unwrap()).chain(label.bytes())
        });
        labels.chain([0]).collect::<Vec<u8>>()
    };
    let (kind, data) = match &entry.data {
        Data::Ip(IpAddr::V4(ip)) => (A, ip.octets().to_vec()),
        Data::Ip(IpAddr::V6(ip)) => (AAAA, ip.octets().to_vec()),
        Data::Alias(name) => (CNAME, wire(name)),
    };
    reply.extend(wire(&entry.name));
    reply.extend(kind.to_be_bytes());
    reply.extend([0, 1]);
    reply.extend(entry.ttl.to_be_bytes());
    reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    reply.extend(data);
}

/// Answers are asked for each time, whatever their TTL.
pub(in crate::capability::egress) const NEVER_KEPT: Ttl =
    Ttl { min: Duration::ZERO, max: Duration::ZERO, nothing_max: Duration::ZERO };

fn host(name: &str) -> Host<String> {
    Host::parse(name).unwrap()
}

async fn resolve(resolver: &Resolver, name: &str) -> Result<Vec<String>, ResolveError> {
    let found = resolver.addresses(&host(name)).await;
    found.map(|all| all.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn names_are_asked_for_as_they_are_and_addresses_not_at_all() {
    let dns = Dns::start().await;
    dns.tell("hooks", 60, &["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    let resolver = Resolver::new(&[dns.address()], Ttl::default());
    let found = resolve(&resolver, "hooks").await.unwrap();
    assert_eq!(found, ["2001:db8::1", "192.0.2.1", "192.0.2.2"], "in turn");
    let mut asked = dns.asked();
    asked.sort();
    assert_eq!(asked, [("hooks.".to_owned(), A), ("hooks.".to_owned(), AAAA)]);
    for (name, expected) in [
        ("localhost", vec!["::1", "127.0.0.1"]),
        ("a.localhost", vec!["::1", "127.0.0.1"]),
        ("192.0.2.7", vec!["192.0.2.7"]),
        ("[2001:db8::7]", vec!["2001:db8::7"]),
    ] {
        assert_eq!(resolve(&resolver, name).await.unwrap(), expected, "{name}");
    }
    assert_eq!(dns.asked().len(), 2, "{:?}", dns.asked());
}

#[tokio::test]
async fn no_more_than_sixteen_addresses_of_a_name_are_told() {
    let dns = Dns::start().await;
    let many: Vec<_> = (1..=17).map(|at| format!("192.0.2.{at}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    dns.tell("many.example", 60, &many);
    let six: Vec<_> = (1..=17).map(|at| format!("2001:db8::{at}")).collect();
    let both: Vec<_> = many.iter().copied().chain(six.iter().map(String::as_str)).collect();
    dns.tell("both.example", 60, &both);
    let resolver = Resolver::new(&[dns.address()], Ttl::default());
    assert_eq!(resolve(&resolver, "many.example").await.unwrap(), many[..16]);
    let found = resolve(&resolver, "both.example").await.unwrap();
    assert_eq!(found.len(), 16);
    assert_eq!(found.iter().filter(|one| one.contains(':')).count(), 8, "{found:?}");
}

#[tokio::test]
async fn a_chain_of_aliases_has_an_end() {
    // Told at once, or name by name, where the resolver itself gives up before the ninth question.
    for (length, at_once, expected) in [
        (1, true, true),
        (8, true, true),
        (9, true, false),
        (20, true, false),
        (1, false, true),
        (7, false, true),
        (9, false, false),
        (20, false, false),
    ] {
        let dns = Dns::start().await;
        dns.put_chain(length, at_once);
        let resolver = Resolver::new(&[dns.address()], Ttl::default());
        let found = resolve(&resolver, "a0.example").await;
        assert_eq!(found.is_ok(), expected, "{length} at once {at_once}: {found:?}");
        if at_once && !expected {
            assert!(matches!(found, Err(ResolveError::Aliases)), "{found:?}");
        }
    }
}

#[tokio::test]
async fn an_address_beside_the_chain_is_not_one_of_the_name() {
    let dns = Dns::start().await;
    let ip = |name: &str, ip| Entry { name: name.into(), ttl: 60, data: Data::Ip(ip) };
    let stray = ip("other.example", [192, 0, 2, 66].into());
    dns.put("a.example", A, vec![stray.clone(), ip("a.example", [192, 0, 2, 1].into())]);
    dns.put("a.example", AAAA, Vec::new());
    dns.put("b.example", A, vec![stray]);
    dns.put("b.example", AAAA, Vec::new());
    let resolver = Resolver::new(&[dns.address()], Ttl::default());
    assert_eq!(resolve(&resolver, "a.example").await.unwrap(), ["192.0.2.1"]);
    assert!(resolve(&resolver, "b.example").await.is_err());
}

#[tokio::test]
async fn answers_are_kept_within_bounds_whatever_their_ttl() {
    let dns = Dns::start().await;
    dns.tell("short.example", 0, &["192.0.2.1"]);
    dns.tell("long.example", 86_400, &["192.0.2.2"]);
    let kept = Resolver::new(&[dns.address()], Ttl::default());
    let asks = kept.now().unwrap();
    let options = asks.options();
    let secs = |secs| Some(Duration::from_secs(secs));
    assert_eq!((options.positive_min_ttl, options.positive_max_ttl), (secs(5), secs(300)));
    assert_eq!((options.negative_min_ttl, options.negative_max_ttl), (secs(5), secs(5)));
    let asked_twice = async |resolver: &Resolver, name: &str| {
        let before = dns.asked().len();
        for _ in 0..2 {
            let _ = resolve(resolver, name).await;
        }
        dns.asked().len() - before
    };
    // A and AAAA each.
    assert_eq!(asked_twice(&kept, "short.example").await, 2, "at least 5 s");
    assert_eq!(asked_twice(&kept, "gone.example").await, 2, "also that there is nothing");
    let never = Resolver::new(&[dns.address()], NEVER_KEPT);
    assert_eq!(asked_twice(&never, "long.example").await, 4, "at most the bound");
    assert_eq!(asked_twice(&never, "gone.example").await, 4);
}

#[tokio::test]
async fn many_who_ask_at_once_ask_once() {
    let dns = Dns::start().await;
    dns.tell("a.example", 60, &["192.0.2.1", "2001:db8::1"]);
    let resolver = Arc::new(Resolver::new(&[dns.address()], Ttl::default()));
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let resolver = Arc::clone(&resolver);
        asking.spawn(async move { resolve(&resolver, "a.example").await.unwrap() });
    }
    while let Some(found) = asking.join_next().await {
        assert_eq!(found.unwrap().len(), 2);
    }
    assert_eq!(dns.asked().len(), 2, "{:?}", dns.asked());
    assert!(resolver.flights.lock().unwrap().is_empty());
}
