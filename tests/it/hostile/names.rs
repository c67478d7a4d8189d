//! A name server that means harm: names that lead elsewhere the second time, or to too much.

use std::net::{IpAddr, Ipv4Addr};

use campanile_tests::eventually;
use campanile_tests::peer::dns::{Answer, Dns, Question};
use campanile_tests::peer::http::{Say, Web, answer};
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::{Attack, Chapter, thief};

/// The only address that the operator opened.
const OPEN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// One that he did not.
const CLOSED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

struct Row {
    name: &'static str,
    does: &'static str,
    answers: fn(&Question) -> Vec<Answer>,
    /// What the component is told.
    said: &'static str,
    /// Requests that arrive at the open address.
    arrive: usize,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "a forbidden address", does: "leads to an address that the operator did not open", said: r#"code: "address""#, arrive: 0,
        answers: |asked| vec![Answer::address(&asked.name, 60, CLOSED)] },
    Row { name: "one of two", does: "leads to an open address and to one that is not", said: "200 Ending::Complete", arrive: 1,
        answers: |asked| vec![Answer::address(&asked.name, 60, CLOSED), Answer::address(&asked.name, 60, OPEN)] },
    Row { name: "the machine in IPv6 clothing", does: "leads to loopback, mapped into IPv6", said: r#"code: "address""#, arrive: 0,
        answers: |asked| vec![Answer::address(&asked.name, 60, IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x7f00, 2]))] },
    Row { name: "a metadata service", does: "leads to where the machine's credentials are", said: "a metadata service", arrive: 0,
        answers: |asked| vec![Answer::address(&asked.name, 60, [169, 254, 169, 254])] },
    Row { name: "8 aliases", does: "is an alias of an alias, eight of them", said: "200 Ending::Complete", arrive: 1,
        answers: |asked| Answer::chain(&asked.name, 8, OPEN) },
    Row { name: "9 aliases", does: "is an alias of an alias, nine of them", said: "more than 8 aliases", arrive: 0,
        answers: |asked| Answer::chain(&asked.name, 9, OPEN) },
    Row { name: "an alias of itself", does: "is an alias that leads back to it", said: r#"code: "name""#, arrive: 0,
        answers: |asked| vec![Answer::alias(&asked.name, "b.test."), Answer::alias("b.test.", &asked.name)] },
    Row { name: "an alias of `localhost`", does: "is an alias of this machine's name", said: r#"code: "name""#, arrive: 0,
        answers: |asked| if asked.name == "localhost." { vec![] } else { vec![Answer::alias(&asked.name, "localhost.")] } },
    Row { name: "17 addresses", does: "leads to 17 addresses, the last of which answers", said: "HttpError::Unreachable", arrive: 0,
        answers: |asked| (3..19).map(|last| [127, 0, 0, last]).chain([[127, 0, 0, 1]]).map(|one| Answer::address(&asked.name, 60, one)).collect() },
    Row { name: "somebody else's address", does: "is answered with the address of another name", said: r#"code: "name""#, arrive: 0,
        answers: |_| vec![Answer::address("another.test.", 60, OPEN)] },
    Row { name: "no answer", does: "does not exist, while a name beneath the search list would", said: r#"code: "name""#, arrive: 0,
        answers: |_| vec![] },
];

pub(super) fn chapter() -> Chapter {
    let rebinding = Attack {
        name: "rebinding".to_owned(),
        does: "leads to an open address first, to a closed one as soon as it is asked again, and \
               may be kept for 0 seconds"
            .to_owned(),
        outcome: "the address that was checked is the one that is used, for 5 s; then denied"
            .to_owned(),
    };
    let attacks = ROWS.iter().map(|row| Attack {
        name: row.name.to_owned(),
        does: row.does.to_owned(),
        outcome: match row.arrive {
            0 => format!("nothing is connected to: `{}`", row.said.replace('"', "")),
            _ => "only the open address is connected to".to_owned(),
        },
    });
    Chapter {
        title: "Names",
        about: "The name in an endpoint's URL belongs to an attacker, and so does the server that answers for it.\n",
        tested: ("hostile/names.rs", "no_answer_of_a_name_server_leads_to_a_forbidden_address"),
        attacks: attacks.chain([rebinding]).collect(),
    }
}

/// A site whose operator opened one address, and whose names `dns` answers.
async fn site(dns: &Dns) -> Site {
    let grant = "[[egress.grant]]\nendpoints = [\"*\"]\nnetworks = [\"127.0.0.1/32\", \"127.0.0.3/32\", \
                 \"127.0.0.4/30\", \"127.0.0.8/29\", \"127.0.0.16/30\"]\nports = [\"1-65535\"]\nclear_text = true\n";
    thief::site()
        .await
        .with_egress_grant(grant)
        .set("egress.resolver", &format!("[\"{}\"]", dns.address()))
}

fn sends_to(web: &Web) -> Value {
    let url = format!("http://victim.test:{}/", web.address().port());
    json!({"url": url, "steps": [{"send": {"url": "<url>", "method": "GET"}}]})
}

#[tokio::test]
async fn no_answer_of_a_name_server_leads_to_a_forbidden_address() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let answers = row.answers;
        let dns = Dns::answering(answers).await;
        let web = Web::saying(|_| answer(200, &[], b"here")).await;
        let engine = site(&dns).await.start().await;
        let report = thief::acts(&engine, &sends_to(&web)).await;
        if !report.contains(row.said) || web.requests().len() != row.arrive {
            let arrived = web.requests().len();
            wrong.push(format!("{}: {report}, and {arrived} arrived", row.name));
        }
        let asked = dns.asked();
        let is_absolute = |one: &Question| one.name.ends_with("test.") || one.name == "localhost.";
        assert!(asked.iter().all(is_absolute), "{}: {asked:?}", row.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_is_asked_once_and_then_refused() {
    let dns = Dns::answering(|asked| {
        let address = if asked.before == 0 { OPEN } else { CLOSED };
        vec![Answer::address(&asked.name, 0, address)]
    })
    .await;
    // Each answer ends its connection, so that none is used again.
    let web = Web::saying(|_| {
        let mut said = answer(200, &[("connection", "close")], b"here");
        said.push(Say::Close);
        said
    })
    .await;
    let engine = site(&dns).await.start().await;
    for _ in 0..3 {
        let report = thief::acts(&engine, &sends_to(&web)).await;
        assert!(report.contains("200 Ending::Complete"), "{report}");
    }
    let first = dns.asked();
    assert!(first.iter().all(|one| one.before == 0), "asked again within 5 s: {first:?}");

    let report = eventually("the name is asked for again", || async {
        let report = thief::acts(&engine, &sends_to(&web)).await;
        (!report.contains("200 Ending::Complete")).then_some(report)
    })
    .await;
    assert!(report.contains(r#"code: "address""#), "{report}");
    assert!(dns.asked().len() > first.len());
}
