//! What an operator sets for syslog.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope, rfc5424};
use serde_json::Value;

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) transport: Transport,
    /// As the engine's net door takes it.
    pub(crate) target: String,
    pub(crate) header: Header,
    framing: Framing,
    pub(crate) facility: u8,
    pub(crate) app_name: String,
    /// `None`: the name of the installation.
    pub(crate) hostname: Option<String>,
    message_bytes_max: Option<usize>,
    pub(crate) format: Format,
    pub(crate) msgid: String,
    /// The name of our own element; `None`: there is none.
    pub(crate) sd_id: Option<String>,
    bom: Option<bool>,
    /// Checkmk's service level for each severity, by ntopng's number.
    pub(crate) service_levels: [u32; 9],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
    /// A datagram socket of this machine.
    Local,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    Rfc5424,
    Rfc3164,
}

/// How messages follow each other on a connection (RFC 6587).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Newline,
    OctetCounting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The line of ntopng's user guide.
    Text,
    /// The same parts in the order in which ntopng writes them today.
    TextNtopng,
    Json,
    Ecs,
    Checkmk,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const FACILITIES: [(&str, u8); 24] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("ntp", 12),
    ("audit", 13),
    ("alert", 14),
    ("clock", 15),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// "Log alert", which ntopng uses.
const FACILITY_USUAL: u8 = 14;

const SEVERITIES: [&str; 9] =
    ["none", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// What every receiver has to take (RFC 5424, 6.1).
const MESSAGE_BYTES_LEAST: u32 = 480;
/// The most that one datagram carries.
const MESSAGE_BYTES_MOST: u32 = 65_507;

/// What Checkmk reads of a datagram.
const CHECKMK_BYTES_MAX: usize = 4096;

/// Alerts in one message, on a connection.
const BATCH_MAX: u32 = 32;

/// Longest path of a socket.
const PATH_BYTES_MAX: usize = 107;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "syslog".into(),
        title: "Syslog".into(),
        summary: "Sends alerts as syslog messages: text, JSON, ECS or Checkmk".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{server}".into()],
        batch_max: BATCH_MAX,
        // One connection, in order.
        concurrency: 1,
        deliver_ms: 45_000,
        paces: vec![],
        extra: vec![],
    }
}

impl Settings {
    /// The header that messages have: a local daemon knows the older one alone, and Checkmk finds
    /// its element behind the newer one alone.
    pub(crate) fn header(&self) -> Header {
        match (self.transport, self.format) {
            (Transport::Local, _) => Header::Rfc3164,
            (_, Format::Checkmk) => Header::Rfc5424,
            _ => self.header,
        }
    }

    /// `None`: each message is a datagram.
    pub(crate) fn framing(&self) -> Option<Framing> {
        match (self.transport, self.format) {
            (Transport::Udp | Transport::Local, _) => None,
            // It reads lines and nothing else, whoever ends the TLS before it.
            (_, Format::Checkmk) => Some(Framing::Newline),
            (Transport::Tls, _) => Some(Framing::OctetCounting),
            (Transport::Tcp, _) => Some(self.framing),
        }
    }

    /// The most bytes of a message, header included, framing not.
    pub(crate) fn bytes_max(&self) -> usize {
        let usual = match (self.header(), self.transport) {
            // RFC 3164, 4.1.
            (Header::Rfc3164, Transport::Udp | Transport::Tcp | Transport::Tls) => 1024,
            // What goes over most networks in one piece.
            (_, Transport::Udp) => 1400,
            // RFC 5425, 4.3.1; daemons take as much from their own socket.
            (_, Transport::Tcp | Transport::Tls | Transport::Local) => 8192,
        };
        let bytes_max = self.message_bytes_max.unwrap_or(usual);
        if self.format == Format::Checkmk { bytes_max.min(CHECKMK_BYTES_MAX) } else { bytes_max }
    }

    /// Whether a text that is to be UTF-8 begins with the mark for that.
    pub(crate) fn has_bom(&self, is_ascii: bool) -> bool {
        let is_text = matches!(self.format, Format::Text | Format::TextNtopng | Format::Checkmk);
        // Many parsers take no JSON behind it.
        self.header() == Header::Rfc5424 && self.bom.unwrap_or(is_text && !is_ascii)
    }
}

/// Where messages go while no server is set: the daemon of this machine. The schema says the same,
/// so that the engine reaches it.
const LOCAL: &str = "unix-dgram:/dev/log";

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    use Scope::{Endpoint, Recipient};
    let mut given = Given::read(text)?;
    let expected = "`udp://host:port`, `tcp://host:port`, `tls://host:port` or \
                    `unix-dgram:/path/of/socket`, such as `udp://192.0.2.1:514`";
    let is_server = |text: &str| text.is_empty() || transport(text).is_some();
    let server = given.text_that("server", Endpoint, expected, is_server)?;
    let headers = [("rfc5424", Header::Rfc5424), ("rfc3164", Header::Rfc3164)];
    let header = given.choice("header", Endpoint, &headers)?.unwrap_or(Header::Rfc5424);
    let framings = [("newline", Framing::Newline), ("octet_counting", Framing::OctetCounting)];
    let framing = given.choice("framing", Endpoint, &framings)?;
    let facility = given.choice("facility", Endpoint, &FACILITIES)?.unwrap_or(FACILITY_USUAL);
    let expected = "1 to 48 printable characters of ASCII without blanks";
    let is_name = |text: &str| is_field(text, rfc5424::APP_NAME_MAX);
    let app_name = given.text_that("app_name", Endpoint, expected, is_name)?;
    let expected = "1 to 255 printable characters of ASCII without blanks";
    let is_name = |text: &str| is_field(text, rfc5424::HOSTNAME_MAX);
    let hostname = given.text_that("hostname", Endpoint, expected, is_name)?;
    let bounds = MESSAGE_BYTES_LEAST..=MESSAGE_BYTES_MOST;
    let message_bytes_max = given.number("max_message_bytes", Endpoint, bounds)?;
    let formats = [
        ("text", Format::Text),
        ("text_ntopng", Format::TextNtopng),
        ("json", Format::Json),
        ("ecs", Format::Ecs),
        ("checkmk", Format::Checkmk),
    ];
    let format = given.choice("format", Recipient, &formats)?.unwrap_or(Format::Text);
    let expected = "1 to 32 printable characters of ASCII without blanks";
    let is_name = |text: &str| is_field(text, rfc5424::MSGID_MAX);
    let msgid = given.text_that("msgid", Recipient, expected, is_name)?;
    let expected = "`name@number` with your own enterprise number, at most 32 characters, such as \
                    `alert@32473`";
    let sd_id = given.text_that("sd_id", Recipient, expected, rfc5424::is_private_sd_id)?;
    let bom = given.flag("bom", Recipient)?;
    let levels = given.take("service_levels", Recipient, service_levels)?;
    given.finish()?;

    let server = server.filter(|server| !server.is_empty()).unwrap_or_else(|| LOCAL.to_owned());
    let transport = transport(&server).unwrap_or(Transport::Udp);
    if let (Some(_), false) = (framing, transport == Transport::Tcp)
        && (framing, transport) != (Some(Framing::OctetCounting), Transport::Tls)
    {
        let expected = "is for `tcp://` alone: over TLS messages are always counted, and a \
                        datagram is one message; remove it";
        return Err(settings::wrong(Endpoint, "framing", expected));
    }
    let settings = Settings {
        transport,
        target: server,
        header,
        framing: framing.unwrap_or(Framing::Newline),
        facility,
        app_name: app_name.unwrap_or_else(|| "campanile".into()),
        hostname,
        message_bytes_max: message_bytes_max.and_then(|bytes| usize::try_from(bytes).ok()),
        format,
        msgid: msgid.unwrap_or_else(|| "ALERT".into()),
        sd_id,
        bom,
        service_levels: levels.unwrap_or([0, 1, 2, 3, 4, 5, 6, 7, 8]),
    };
    let is_tag = settings.app_name.len() <= rfc5424::TAG_MAX
        && settings.app_name.bytes().all(|one| one.is_ascii_alphanumeric());
    if settings.header() == Header::Rfc3164 && !is_tag {
        let expected = "expected 1 to 32 letters and digits: the header of RFC 3164, which local \
                        sockets have too, takes nothing else";
        return Err(settings::wrong(Endpoint, "app_name", expected));
    }
    Ok(settings)
}

/// `None`: it is no target. Which hosts and paths are good ones the engine knows.
fn transport(server: &str) -> Option<Transport> {
    if let Some(path) = server.strip_prefix("unix-dgram:") {
        let is_path = path.starts_with('/') && path.len() > 1 && path.len() <= PATH_BYTES_MAX;
        return (is_path && !path.contains(char::is_control)).then_some(Transport::Local);
    }
    let schemes =
        [("udp://", Transport::Udp), ("tcp://", Transport::Tcp), ("tls://", Transport::Tls)];
    let (rest, transport) = schemes
        .into_iter()
        .find_map(|(scheme, transport)| Some((server.strip_prefix(scheme)?, transport)))?;
    let (host, port) = rest.rsplit_once(':')?;
    let is_host = !host.is_empty()
        && !host.contains(|one: char| {
            matches!(one, '/' | '\\' | '?' | '#' | '@') || one.is_whitespace() || one.is_control()
        });
    let is_port = port.bytes().all(|one| one.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0);
    (is_host && is_port).then_some(transport)
}

fn is_field(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|one| one.is_ascii_graphic())
}

/// Those that are named, over ntopng's numbers.
fn service_levels(value: Value) -> Result<[u32; 9], String> {
    let expected = || {
        format!(
            "expected an object of severities ({}) and whole numbers, 0 to 1000000",
            SEVERITIES.join(", ")
        )
    };
    let Value::Object(given) = value else { return Err(expected()) };
    let mut levels = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    for (severity, level) in &given {
        let at = SEVERITIES.iter().position(|one| one == severity);
        let level = level.as_u64().and_then(|level| u32::try_from(level).ok());
        match (at.and_then(|at| levels.get_mut(at)), level.filter(|level| *level <= 1_000_000)) {
            (Some(to), Some(level)) => *to = level,
            _ => return Err(expected()),
        }
    }
    Ok(levels)
}

#[cfg(test)]
mod tests;
