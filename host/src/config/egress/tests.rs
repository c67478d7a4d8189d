use super::super::{Config, ConfigError};
use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/campanile/campanile.toml"), text)
}

#[test]
fn a_grant_is_read_with_its_defaults_and_its_paths_resolved() {
    let config = parse(
        "[egress]\nnat64_prefixes = ['64:ff9b::/96']\nresolver = ['127.0.0.1:5353', '::1']\n\
         proxy = 'http://proxy.example:80'\n\
         [[egress.grant]]\nendpoints = ['hook', 'ops-*', '*']\nnetworks = ['10.1.2.3/8', '::1']\n\
         ports = ['7979', '1024-65535', 25]\nca_files = ['tls/ca.pem']\n\
         [[egress.grant]]\ntenant = 'acme'\nendpoints = ['a']\nproxy = 'none'\n\
         unix_datagram = '/dev/log'\n\
         [tenant.acme]\nports = [443]\nnative_kinds = ['a-kind']\n[tenant.default]",
    )
    .unwrap();
    let egress = &config.egress;
    assert_eq!(egress.resolver[1].to_string(), "[::1]:53");
    assert_eq!(egress.proxy.as_ref().map(|proxy| proxy.port), Some(80));
    let [first, second] = &egress.grants[..] else { panic!("{egress:?}") };
    assert_eq!((first.tenant.as_str(), first.clear_text), ("default", false));
    assert_eq!(first.networks[0].to_string(), "10.0.0.0/8");
    assert_eq!(first.networks[1].to_string(), "::1/128");
    assert_eq!(first.ca_files, [Path::new("/etc/campanile/tls/ca.pem")]);
    assert!(first.proxy.is_none() && second.proxy == Some(ProxyChoice::Direct));
    let names = ["hook", "hooks", "ops-", "ops-night", "op"];
    let matched = names.map(|name| first.endpoints.iter().filter(|p| p.matches(name)).count());
    assert_eq!(matched, [2, 1, 2, 2, 1]);
    let ports = [7979, 7978, 80, 1023, 25, 65535];
    let granted = ports.map(|port| first.ports.iter().any(|range| range.contains(port)));
    assert_eq!(granted, [true, true, false, false, true, true]);
    assert_eq!(config.tenants["acme"].ports, [443]);
    assert_eq!(config.tenants["default"].ports, [443, 465, 587, 6514]);
    assert_eq!(config.tenants["acme"].native_kinds, ["a-kind"]);
    assert_eq!(config.tenants["default"].native_kinds, [""; 0]);
    assert_eq!(config.granted["tenant"]["acme"]["native_kinds"][0], "a-kind");
}

#[test]
fn each_problem_of_egress_is_told_with_its_place() {
    let grant = |rest: &str| format!("[[egress.grant]]\nendpoints = ['*']\n{rest}");
    let table = [
        ("[egress]\nnat64_prefixes = ['10.0.0.0/8']".into(), "egress.nat64_prefixes[0]"),
        ("[egress]\nnat64_prefixes = ['64:ff9b::/95']".into(), "egress.nat64_prefixes[0]"),
        ("[egress]\nproxy = 'https://proxy.example:3128'".into(), "egress.proxy"),
        ("[egress]\nproxy = 'http://proxy.example'".into(), "egress.proxy"),
        ("[egress]\nproxy = 'http://u:p@proxy.example:3128'".into(), "egress.proxy"),
        ("[egress]\nproxy = 'http://proxy.example:3128/path'".into(), "egress.proxy"),
        ("[egress]\nresolver = ['dns.example']".into(), "egress.resolver[0]"),
        ("[egress]\ngrants = 1".into(), "egress.grants"),
        ("[egress]\ngrant = 1".into(), "egress.grant"),
        ("egress = 1".into(), "egress"),
        ("[[egress.grant]]\nnetworks = []".into(), "egress.grant[0].endpoints"),
        ("[[egress.grant]]\nendpoints = ['a*b']".into(), "egress.grant[0].endpoints[0]"),
        (grant("colour = 1"), "egress.grant[0].colour"),
        (grant("networks = ['10.0.0.0/8']"), "egress.grant[0].ports"),
        (grant("ports = ['1']"), "egress.grant[0].networks"),
        (grant("networks = ['10.0.0.0/33']\nports = [1]"), "egress.grant[0].networks[0]"),
        (grant("networks = ['10.0.0.0/8']\nports = [0]"), "egress.grant[0].ports[0]"),
        (grant("networks = ['10.0.0.0/8']\nports = ['+1']"), "egress.grant[0].ports[0]"),
        (grant("networks = ['10.0.0.0/8']\nports = ['9-1']"), "egress.grant[0].ports[0]"),
        (grant("networks = ['10.0.0.0/8']\nports = ['65536']"), "egress.grant[0].ports[0]"),
        (grant("proxy = 'socks5://p:1'"), "egress.grant[0].proxy"),
        (grant("proxy_authorization_file = 'x'"), "egress.grant[0].proxy_authorization_file"),
        (grant("unix_datagram = 'dev/log'"), "egress.grant[0].unix_datagram"),
        (grant("unix_datagram = '/dev/../log'"), "egress.grant[0].unix_datagram"),
        (grant("client_cert_file = 'a'"), "egress.grant[0].client_key_file"),
        (grant("client_key_file = 'a'"), "egress.grant[0].client_cert_file"),
        ("[tenant.default]\nports = [0]".into(), "tenant.default.ports[0]"),
        ("[tenant.default]\nports = [70000]".into(), "tenant.default.ports"),
        ("[tenant.a]\nnative_kinds = ['a/b']".into(), "tenant.a.native_kinds[0]"),
        ("[tenant.a]\nnative_kinds = ['']".into(), "tenant.a.native_kinds[0]"),
        ("[tenant.a]\nnative_kinds = 'all'".into(), "tenant.a.native_kinds"),
        ("[tenant.default]\ncolour = 1".into(), "tenant.default.colour"),
        ("[tenant]\ndefault = 1".into(), "tenant.default"),
    ];
    for (text, place) in table {
        let Err(ConfigError::Wrong { problems, .. }) = parse(&text) else {
            panic!("{text:?} was taken")
        };
        let places: Vec<_> = problems.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places, [place], "{text:?}: {problems:?}");
        assert!(!problems[0].to_string().contains("u:p@"), "{}", problems[0]);
    }
}
