use url::Url;

use super::super::address::tests::way;
use super::*;

fn origin(url: &str) -> Origin {
    Origin::of(&Url::parse(url).unwrap()).unwrap()
}

fn granted(url: &str, methods: Methods, path: &str) -> OriginGrant {
    OriginGrant { origin: origin(url), methods, path: PathPrefix::parse(path).unwrap() }
}

fn grant(origins: Vec<OriginGrant>, targets: &[&str], config: &str) -> Grant {
    let targets = targets.iter().map(|text| Target::parse(text).unwrap()).collect();
    let reach = Reach { origins, targets };
    Grant::new(TenantId(1), EndpointId(1), reach, Arc::new(way(config)))
}

#[test]
fn a_grant_allows_its_origins_methods_and_paths_and_no_neighbor() {
    let post = Methods::NONE.with(&Method::POST);
    let origins = vec![
        granted("https://hooks.example", post, "/services"),
        granted("https://hooks.example", Methods::NONE.with(&Method::GET), "/status"),
        OriginGrant::whole(origin("http://127.0.0.1:9000")),
    ];
    let grant = grant(origins, &["tls://logs.example:6514"], "");
    let table = [
        (Method::POST, "https://hooks.example/services/T1", ""),
        (Method::GET, "https://hooks.example/status", ""),
        (Method::GET, "https://hooks.example/services/T1", "path"),
        (Method::POST, "https://hooks.example/status", "path"),
        (Method::POST, "https://hooks.example/services/%2e%2e%2fadmin", "path"),
        (Method::PUT, "https://hooks.example/services/T1", "method"),
        (Method::TRACE, "https://hooks.example/services/T1", "method"),
        (Method::DELETE, "http://127.0.0.1:9000/x", ""),
        (Method::CONNECT, "http://127.0.0.1:9000/x", "method"),
        (Method::POST, "http://hooks.example/services", "origin"),
        (Method::POST, "https://hooks.example:8443/services", "origin"),
        (Method::POST, "https://evilhooks.example/services", "origin"),
        (Method::POST, "https://hooks.example.evil.example/services", "origin"),
    ];
    for (method, url, expected) in table {
        let url = Url::parse(url).unwrap();
        let allowed = grant.allows(&Origin::of(&url).unwrap(), &method, url.path());
        let code = allowed.as_ref().err().map_or("", Denied::code);
        assert_eq!(code, expected, "{method} {url}: {allowed:?}");
    }
    let table = [
        ("tls://logs.example:6514", true),
        ("tcp://logs.example:6514", false),
        ("udp://logs.example:6514", false),
        ("tls://logs.example:6515", false),
        ("tls://evil.example:6514", false),
        ("unix-dgram:/dev/log", false),
    ];
    for (target, expected) in table {
        let allowed = grant.allows_target(&Target::parse(target).unwrap());
        assert_eq!(allowed.is_ok(), expected, "{target}");
    }
}

#[test]
fn grants_that_differ_in_anything_share_no_connection() {
    const GRANT: &str = "[[egress.grant]]\nendpoints = ['*']\n";
    let url = "https://hooks.example";
    let make = |methods, path: &str, targets: &[&str], config: &str| {
        grant(vec![granted(url, methods, path)], targets, &format!("{GRANT}{config}"))
    };
    let plain = || make(Methods::ALL, "/", &[], "");
    let mut other_tenant = plain();
    other_tenant.tenant = TenantId(2);
    let mut other_endpoint = plain();
    other_endpoint.endpoint = EndpointId(2);
    let pinned = {
        let settings = serde_json::json!({"tls_pin": format!("sha256:{}", "ab".repeat(32))});
        let identity = super::super::TlsSettings::parse(settings.as_object().unwrap(), None);
        let way = way(GRANT).with_tls(&identity.unwrap());
        let reach = Reach { origins: vec![OriginGrant::whole(origin(url))], targets: vec![] };
        Grant::new(TenantId(1), EndpointId(1), reach, Arc::new(way))
    };
    let all = [
        plain(),
        other_tenant,
        other_endpoint,
        pinned,
        make(Methods::NONE.with(&Method::POST), "/", &[], ""),
        make(Methods::ALL, "/api", &[], ""),
        make(Methods::ALL, "/", &["tcp://a.example:25"], ""),
        make(Methods::ALL, "/", &[], "clear_text = true"),
        make(Methods::ALL, "/", &[], "networks = ['10.0.0.0/8']\nports = [443]"),
        make(Methods::ALL, "/", &[], "networks = ['10.0.0.0/8']\nports = [444]"),
        make(Methods::ALL, "/", &[], "unix_datagram = '/dev/log'"),
        make(Methods::ALL, "/", &[], "proxy = 'http://proxy.example:3128'"),
        make(Methods::ALL, "/", &[], "[tenant.default]\nports = [443]"),
        plain().with_secrets([0; 32]),
        plain().with_secrets([1; 32]),
    ];
    let keys: std::collections::HashSet<_> =
        all.iter().map(|grant| grant.pool_key(&origin(url))).collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(plain().pool_key(&origin(url)), plain().pool_key(&origin(url)));
    let [tcp, tls] =
        ["tcp://a.example:25", "tls://a.example:25"].map(|one| Target::parse(one).unwrap());
    assert_ne!(plain().target_key(&tcp), plain().target_key(&tls));
}

#[test]
fn what_can_never_be_reached_is_told_when_an_endpoint_is_saved() {
    const GRANT: &str = "[[egress.grant]]\nendpoints = ['*']\nunix_datagram = '/dev/log'\n\
                         networks = ['10.0.0.0/8']\nports = [9000]";
    let table = [
        ("https://hooks.example", ""),
        ("https://hooks.example:8443", "port 8443"),
        // A name may lead to a granted network: told at the connection.
        ("https://hooks.example:9000", ""),
        ("https://10.1.2.3:9000", ""),
        ("https://10.1.2.3", "10.1.2.3, 10.0.0.0/8, a private network"),
        ("https://8.8.8.8:9000", "port 9000"),
        ("http://127.0.0.1:9000", "loopback"),
        ("https://[::ffff:127.0.0.1]", "127.0.0.1, 127.0.0.0/8"),
        ("https://169.254.169.254", "metadata"),
    ];
    for (url, expected) in table {
        let grant = grant(vec![OriginGrant::whole(origin(url))], &[], GRANT);
        told(url, &grant.problems("settings"), expected);
    }
    let table = [
        ("tls://logs.example:6514", ""),
        ("tcp://logs.example:25", "port 25"),
        ("udp://10.1.2.3:9000", ""),
        ("udp://10.1.2.3:514", "private network"),
        ("unix-dgram:/dev/log", ""),
        ("unix-dgram:/run/docker.sock", "only the operator can grant"),
    ];
    for (target, expected) in table {
        told(target, &grant(vec![], &[target], GRANT).problems("settings"), expected);
    }
}

fn told(peer: &str, problems: &[crate::config::Problem], expected: &str) {
    match problems {
        [] => assert_eq!(expected, "", "{peer} was taken"),
        [one] => {
            assert!(!expected.is_empty() && one.expected.contains(expected), "{peer}: {one}");
            assert_eq!(one.place, "settings");
        }
        many => panic!("{peer}: {many:?}"),
    }
}
