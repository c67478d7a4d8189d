//! Every address that must not be reached, in every spelling: no connection, and the rule is told.

use campanile_tests::capture::Capture;
use serde_json::json;

use super::{Attack, Chapter, thief};

/// A host as it is written in a URL, what is there, and what is said of it.
type Row = (&'static str, &'static str, &'static str);

const LOOPBACK: &str = "127.0.0.0/8, loopback";
const PRIVATE: &str = "a private network";
const METADATA: &str = "a metadata service";
const LINK_LOCAL: &str = "link-local addresses";
const OUTSIDE: &str = "outside of 2000::/3";
const DOCUMENTATION: &str = "documentation";
/// The URL itself is none, or leads to no origin.
const NO_URL: &str = "";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Loopback.
    ("127.0.0.1", "loopback", LOOPBACK),
    ("127.255.255.254", "loopback, at its other end", LOOPBACK),
    ("127.1", "loopback, in two parts", LOOPBACK),
    ("127.0.1", "loopback, in three parts", LOOPBACK),
    ("2130706433", "loopback, as one number", LOOPBACK),
    ("0x7f000001", "loopback, in hexadecimal", LOOPBACK),
    ("0x7f.0.0.1", "loopback, partly in hexadecimal", LOOPBACK),
    ("0177.0.0.1", "loopback, partly in octal", LOOPBACK),
    ("017700000001", "loopback, in octal", LOOPBACK),
    ("00000177.0x0.00.1", "loopback, in three notations", LOOPBACK),
    ("127.0.0.1.", "loopback, with a dot at its end", LOOPBACK),
    ("１２７.０.０.１", "loopback, in full-width digits", LOOPBACK),
    ("127。0。0。1", "loopback, with ideographic dots", LOOPBACK),
    ("%31%32%37.0.0.1", "loopback, percent-encoded", LOOPBACK),
    ("①②⑦.0.0.1", "loopback, in circled digits", LOOPBACK),
    ("localhost", "loopback, by name", "loopback"),
    ("LOCALHOST", "loopback, by name in capitals", "loopback"),
    ("localhost.", "loopback, by absolute name", "loopback"),
    ("ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "loopback, by name in circled letters", "loopback"),
    ("any.localhost", "loopback, by a name beneath `localhost`", "loopback"),
    ("[::1]", "loopback of IPv6", OUTSIDE),
    ("[0:0:0:0:0:0:0:1]", "loopback of IPv6, written out", OUTSIDE),
    ("[::ffff:127.0.0.1]", "loopback, mapped into IPv6", LOOPBACK),
    ("[::ffff:7f00:1]", "loopback, mapped, in hexadecimal", LOOPBACK),
    ("[::127.0.0.1]", "loopback, compatible with IPv6", OUTSIDE),
    ("[::ffff:0:127.0.0.1]", "loopback, translated (SIIT)", OUTSIDE),
    ("[64:ff9b::127.0.0.1]", "loopback, by NAT64", "NAT64"),
    ("[64:ff9b:1::7f00:1]", "loopback, by NAT64 of a site", "NAT64"),
    ("[2002:7f00:1::]", "loopback, by 6to4", "6to4"),
    ("[2001:0:7f00:1::]", "loopback, by Teredo", "Teredo"),
    ("[2a00:1450::5efe:7f00:1]", "loopback, by ISATAP in a public network", LOOPBACK),
    ("0.0.0.0", "this machine, by no address", "this network"),
    ("0", "this machine, by a short no address", "this network"),
    ("[::]", "this machine, by no address of IPv6", OUTSIDE),
    // Private networks.
    ("10.0.0.1", "a private network", PRIVATE),
    ("172.16.0.1", "a private network", PRIVATE),
    ("172.31.255.255", "a private network, at its end", PRIVATE),
    ("192.168.1.1", "a private network", PRIVATE),
    ("3232235777", "192.168.1.1 as one number", PRIVATE),
    ("0300.0250.1.1", "192.168.1.1 in octal", PRIVATE),
    ("[::ffff:10.0.0.1]", "a private network, mapped into IPv6", PRIVATE),
    ("100.64.0.1", "a carrier's network", "shared addresses of carriers"),
    ("[fc00::1]", "a private network of IPv6", PRIVATE),
    ("[fd12:3456:789a::1]", "a private network of IPv6", PRIVATE),
    // Metadata services.
    ("169.254.169.254", "credentials of the machine (AWS, Azure, Google)", METADATA),
    ("2852039166", "the same as one number", METADATA),
    ("0xa9fea9fe", "the same in hexadecimal", METADATA),
    ("0251.0376.0251.0376", "the same in octal", METADATA),
    ("[::ffff:169.254.169.254]", "the same, mapped into IPv6", METADATA),
    ("[fd00:ec2::254]", "the same over IPv6 (AWS)", METADATA),
    ("[fe80::a9fe:a9fe]", "the same over IPv6 (OpenStack)", METADATA),
    ("169.254.170.2", "credentials of a container (AWS)", METADATA),
    ("100.100.100.200", "credentials of the machine (Alibaba)", METADATA),
    ("192.0.0.192", "credentials of the machine (Oracle)", METADATA),
    ("168.63.129.16", "the host beneath (Azure), at a public address", METADATA),
    // Link-local and what has no place of its own.
    ("169.254.1.1", "the link", LINK_LOCAL),
    ("[fe80::1]", "the link", LINK_LOCAL),
    ("[fec0::1]", "the site", "site-local addresses"),
    ("192.0.0.8", "protocol assignments", "protocol assignments"),
    ("192.88.99.1", "a relay of 6to4", "6to4 relays"),
    ("198.18.0.1", "a benchmark", "benchmarks"),
    ("192.0.2.1", "documentation", DOCUMENTATION),
    ("198.51.100.1", "documentation", DOCUMENTATION),
    ("203.0.113.1", "documentation", DOCUMENTATION),
    ("224.0.0.1", "everyone on the link", "multicast"),
    ("239.255.255.250", "devices that discover each other", "multicast"),
    ("[ff02::1]", "everyone on the link", "multicast"),
    ("240.0.0.1", "what is reserved", "reserved"),
    ("255.255.255.255", "everyone", "broadcast"),
    ("[100::1]", "what is discarded", "addresses to discard"),
    ("[2001:10::1]", "hashes in place of addresses (ORCHID)", "protocol assignments"),
    ("[2001:db8::1]", "documentation", DOCUMENTATION),
    ("[3fff::1]", "documentation", DOCUMENTATION),
    ("[5f00::1]", "segments of routes", "segment routing"),
    ("[4000::1]", "what nobody has", OUTSIDE),
    // What is no host.
    ("127.0.0.1@", "a user name in place of a host", NO_URL),
    ("public.example@127.0.0.1", "a user name that looks like a host", NO_URL),
    ("[fe80::1%25lo]", "the link, by an interface", NO_URL),
    ("127.0.0.256", "an address that there is not", NO_URL),
    ("1.2.3.4.5", "an address of five parts", NO_URL),
    ("%00", "a zero byte", NO_URL),
    ("a%0d%0ab", "an end of line", NO_URL),
];

pub(super) fn chapter() -> Chapter {
    Chapter {
        title: "Addresses",
        about: "The URL of an endpoint leads to an address that nobody but the operator may open, written so.\nNothing is connected to.\n",
        tested: ("hostile/addresses.rs", "no_spelling_of_a_forbidden_address_is_connected_to"),
        attacks: ROWS.iter().map(attack).collect(),
    }
}

fn attack((host, is, said): &Row) -> Attack {
    let outcome = match *said {
        NO_URL => "refused: no URL that leads to an origin".to_owned(),
        said => format!("refused: {said}"),
    };
    Attack { name: format!("`http://{host}/`"), does: format!("reaches for {is}"), outcome }
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_connected_to() {
    let capture = Capture::answering([200]).await;
    let port = capture.address().port();
    // The port is open, so that it is the address that is refused.
    let site = thief::site().await.without_egress_grant();
    let engine = site.set("tenant.default.ports", &format!("[{port}]")).start().await;
    let mut wrong = Vec::new();
    for (host, is, said) in ROWS {
        let url = format!("http://{host}:{port}/");
        let steps = json!([{"send": {"url": "<url>", "method": "GET"}}]);
        let report = thief::acts(&engine, &json!({"url": url, "steps": steps})).await;
        let is_right = match *said {
            NO_URL => report.starts_with("refused: ") || report.contains(r#"code: "url""#),
            // An address is known when its endpoint is saved or tried, so that nothing of the
            // component runs at all.
            said => report.starts_with("refused: ") && report.contains(said),
        };
        if !is_right {
            wrong.push(format!("{host}, {is}: {report}, expected {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(capture.attempts(), 0);
}
