use proptest::prelude::*;

use super::*;

const WHOLE: &str = r#"
    name = "acme/pager"
    world = "component"
    [[origin]]
    url = "{url}"
    methods = ["POST", "OPTIONS"]
    path = "/v1/"
    [[origin]]
    url = "https://{region}.pager.example:{port}"
    [[target]]
    to = "tls://{host}:{port}"
    [[target]]
    to = "tcp://{host}:25"
    [[target]]
    to = "unix-dgram:/dev/log"
    [[secret]]
    setting = "url"
    form = "url"
    bound_to = ["{url}"]
    places = ["path", "query"]
    [[secret]]
    setting = "headers.*"
    bound_to = ["{url}"]
    places = ["header:*"]
    [[secret]]
    setting = "password"
    bound_to = ["https://{region}.pager.example:{port}", "tls://{host}:{port}"]
    places = ["query:key", "header:Authorization", "json:/a~1b", "form:key", "sasl", "path"]
    [[secret]]
    setting = "signing_key"
    form = "key"
    decode = "whsec"
    bound_to = ["{url}"]
    places = ["key"]
    signs_into = ["header:webhook-signature"]
    [[oauth2]]
    name = "access_token"
    token_url = "https://login.example/{region}/token"
    client_id = "client_id"
    client_secret = "client_secret"
    refresh_token = "refresh_token"
    bound_to = ["tls://{host}:{port}"]
    places = ["sasl"]
    [limits]
    deliver_ms = 180000
"#;

#[test]
fn a_manifest_that_holds_together_is_taken_whole() {
    let manifest = Manifest::parse(WHOLE).unwrap();
    assert_eq!(manifest.deliver_ms(), 180_000);
    let secrets: Vec<_> = manifest.secret_settings().collect();
    assert_eq!(
        secrets,
        ["url", "headers", "password", "signing_key", "client_secret", "refresh_token"]
    );
    assert_eq!(manifest.reach().count(), 5);
    let named: Vec<_> = manifest.named_settings().into_iter().map(|(_, name)| name).collect();
    for name in ["url", "region", "port", "host", "client_id", "refresh_token"] {
        assert!(named.contains(&name), "{name} is not in {named:?}");
    }
    let files = "name = 'log'\nworld = 'file-component'\n[[folder]]\nname = 'log'\n\
                 setting = 'folder'\naccess = 'append'";
    assert_eq!(Manifest::parse(files).unwrap().folder[0].access, Access::Append);
    assert_eq!(Manifest::parse("name = 'a'\nworld = 'component'").unwrap().deliver_ms(), 60_000);
}

/// Puts `after` in the place of `before`, which must be there.
fn with(before: &str, after: &str) -> String {
    assert!(WHOLE.contains(before), "{before}");
    WHOLE.replacen(before, after, 1)
}

#[test]
fn each_fault_of_a_manifest_is_told_with_its_place() {
    let origin = |url: &str| with("url = \"{url}\"", &format!("url = \"{url}\""));
    let target = |to: &str| with("to = \"unix-dgram:/dev/log\"", &format!("to = \"{to}\""));
    let table = [
        // manifest, place, part of what is expected
        (with("acme/pager", "Pager"), "name", "1 to 64 of a-z"),
        (with("acme/pager", "../pager"), "name", "1 to 64 of a-z"),
        (with("acme/pager", "a/b/c"), "name", "1 to 64 of a-z"),
        (with("\"component\"", "\"all\""), "world", "`http-component`"),
        // That is what a kind of the engine has, and no file.
        (with("\"component\"", "\"native\""), "world", "`http-component`"),
        (with("\"component\"", "\"http-component\""), "target", "`world = \"component\"`"),
        (with("world", "color"), "color", "is not a field of this table"),
        (with("path = \"/v1/\"", "paths = []"), "origin[0].paths", "is not a field"),
        (with("path = \"/v1/\"", "path = \"v1\""), "origin[0].path", "a `/`"),
        (with("path = \"/v1/\"", "path = \"/a/../b\""), "origin[0].path", "`..`"),
        (with("path = \"/v1/\"", "path = \"/%2e\""), "origin[0].path", "`%`"),
        (with("\"OPTIONS\"", "\"CONNECT\""), "origin[0].methods[1]", "`OPTIONS`"),
        (with("\"OPTIONS\"", "\"POST\""), "origin[0].methods[1]", "already"),
        (with("[\"POST\", \"OPTIONS\"]", "[]"), "origin[0].methods", "one or more"),
        (with("[\"POST\", \"OPTIONS\"]", "7"), "origin[0].methods", "a list"),
        (with("[[origin]]", "[[origin]]\n[[origin]]"), "origin[0].url", "is missing"),
        (origin("https://a.example/x"), "origin[0].url", "host and port alone"),
        (origin("https://a.example/"), "origin[0].url", "host and port alone"),
        (origin("https://u:p@a.example"), "origin[0].url", "host and port alone"),
        (origin("ftp://a.example"), "origin[0].url", "host and port alone"),
        (origin("{scheme}://a.example"), "origin[0].url", "host and port alone"),
        (origin("https://{a"), "origin[0].url", "each `{`"),
        (origin("https://a}.example"), "origin[0].url", "each `{`"),
        (origin("https://{A}.example"), "origin[0].url", "each `{`"),
        (origin("https://{password}.example"), "origin[0].url", "no secrets"),
        (origin("https://{url}"), "origin[0].url", "no secrets"),
        (origin("https://a b"), "origin[0].url", "no blanks"),
        (target("tls://{host}"), "target[2].to", "host and port"),
        (target("tls://a.example:0"), "target[2].to", "host and port"),
        (target("tls://a.example:25/x"), "target[2].to", "host and port"),
        (target("sctp://a.example:25"), "target[2].to", "host and port"),
        (target("unix-dgram:dev/log"), "target[2].to", "absolute path"),
        (target("unix-dgram:/dev/../log"), "target[2].to", "absolute path"),
        (target("tcp://{host}:25"), "target[2].to", "already"),
        (
            with("places = [\"path\", \"query\"]", "places = [\"sasl\"]"),
            "secret[0].places[0]",
            "`path` or `query`",
        ),
        (
            with("places = [\"path\", \"query\"]", "places = [\"cookie\"]"),
            "secret[0].places[0]",
            "`sasl` or `key`",
        ),
        (
            with("places = [\"path\", \"query\"]", "places = [\"path\", \"path\"]"),
            "secret[0].places[1]",
            "already",
        ),
        (with("places = [\"path\", \"query\"]", "places = []"), "secret[0].places", "one place"),
        (
            with("bound_to = [\"{url}\"]", "bound_to = []"),
            "secret[0].bound_to",
            "`[\"{url}\"]` alone",
        ),
        (with("\"header:*\"", "\"header:x-key\""), "secret[1].places[0]", "`header:*`"),
        (with("\"headers.*\"", "\"headers\""), "secret[1].places[0]", "`query:NAME`"),
        (with("\"headers.*\"", "\"headers.*\"\nform = \"key\""), "secret[1].form", "`text`"),
        (with("\"headers.*\"", "\"a.b.*\""), "secret[1].setting", "name of a setting"),
        (with("setting = \"password\"", "setting = \"headers\""), "secret[2].setting", "already"),
        (with("\"json:/a~1b\"", "\"json:/a~b\""), "secret[2].places[2]", "RFC 6901"),
        (
            with(
                "\"path\"]\n    [[secret]]\n    setting = \"sign",
                "\"query\"]\n    [[secret]]\n    setting = \"sign",
            ),
            "secret[2].places[5]",
            "`query:NAME`",
        ),
        (
            with(
                "bound_to = [\"https://{region}.pager.example:{port}\", \"tls",
                "bound_to = [\"tls",
            ),
            "secret[2].places[0]",
            "an origin",
        ),
        (with(", \"tls://{host}:{port}\"]", "]"), "secret[2].places[4]", "a target"),
        (
            with(
                "\"https://{region}.pager.example:{port}\",",
                "\"https://{region}.pager.example\",",
            ),
            "secret[2].bound_to[0]",
            "written the same",
        ),
        (
            with("\"https://{region}.pager.example:{port}\",", "\"unix-dgram:/dev/log\","),
            "secret[2].bound_to[0]",
            "can be encrypted",
        ),
        (
            with("form = \"key\"\n    decode", "decode"),
            "secret[3].decode",
            "beside `form = \"key\"`",
        ),
        (with("decode = \"whsec\"", "decode = \"rot13\""), "secret[3].decode", "`whsec`"),
        (with("signs_into = [\"header:webhook-signature\"]", ""), "secret[3].signs_into", "needed"),
        (
            with("signs_into = [\"header:webhook-signature\"]", "signs_into = [\"key\"]"),
            "secret[3].signs_into[0]",
            "`header:NAME`",
        ),
        (with("name = \"access_token\"", "name = \"password\""), "oauth2[0].name", "already"),
        (with("https://login.example", "login.example"), "oauth2[0].token_url", "a URL"),
        (
            with("places = [\"sasl\"]", "places = [\"header:authorization\"]"),
            "oauth2[0].places[0]",
            "an origin",
        ),
        (with("client_id = \"client_id\"", ""), "oauth2[0].client_id", "is missing"),
        (with("180000", "180001"), "limits.deliver_ms", "1 to 180000"),
        (with("180000", "0"), "limits.deliver_ms", "1 to 180000"),
        (with("180000", "\"long\""), "limits.deliver_ms", "a whole number"),
        (with("deliver_ms", "cpu"), "limits.cpu", "is not a field"),
        ("name = ".to_owned(), "line 1, column 8", ""),
        (
            "name='a'\nworld='file-component'\n[[folder]]\nname='a/b'\nsetting='f'\naccess='read'"
                .to_owned(),
            "folder[0].name",
            "1 to 64",
        ),
        (
            "name='a'\nworld='file-component'\n[[folder]]\nname='a'\nsetting='f'\naccess='all'"
                .to_owned(),
            "folder[0].access",
            "`append`",
        ),
    ];
    for (text, place, part) in table {
        let problems = Manifest::parse(&text).err().unwrap_or_default();
        let found = problems.iter().find(|one| one.place == place);
        let found = found.unwrap_or_else(|| panic!("{place} is not in {problems:?}: {text}"));
        assert!(found.expected.contains(part), "{found}: {text}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let text = "name = 7\nworld = 'all'\nfs = true\n[[secret]]\nsetting = 'a'\nplaces = ['x', 7]\n\
                [limits]\ndeliver_ms = -1";
    let problems = Manifest::parse(text).unwrap_err();
    let mut places: Vec<_> = problems.iter().map(|one| one.place.as_str()).collect();
    places.sort_unstable();
    let expected = [
        "fs",
        "limits.deliver_ms",
        "name",
        "secret[0].bound_to",
        "secret[0].places[0]",
        "secret[0].places[1]",
        "world",
    ];
    assert_eq!(places, expected);
    let many = "name = 'a'\nworld = 'http-component'\n".to_owned()
        + &(0..17).map(|at| format!("[[origin]]\nurl = 'https://h{at}'\n")).collect::<String>();
    let problems = Manifest::parse(&many).unwrap_err();
    assert_eq!((problems.len(), problems[0].place.as_str()), (1, "origin"), "{problems:?}");
}

proptest! {
    #[test]
    fn any_text_is_a_manifest_or_has_faults_that_are_told(text in ".{0,400}") {
        if let Err(problems) = Manifest::parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn a_manifest_that_was_cut_or_bent_anywhere_does_not_end_the_engine(
        at in 0..WHOLE.len(), put in "[\\PC\"{}\\[\\]=\n]{0,6}", take in 0..8_usize,
    ) {
        let mut text = WHOLE.to_owned();
        text.replace_range(at..(at + take).min(text.len()), &put);
        if let Err(problems) = Manifest::parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }
}
