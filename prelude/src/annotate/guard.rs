//! Who is answered: our own page alone. See "What the server must refuse" in `front/PROTOCOL.md`.

use super::token;

/// The most bytes of a message.
pub(super) const LARGEST: u64 = 8 << 20;

/// What stands before a request's body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RequestHead {
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// Headers with small letters in their names.
    pub headers: Vec<(String, String)>,
}

/// A request that is not answered: its status and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Refusal(pub u16, pub &'static str);

impl RequestHead {
    /// The path as it came, undecoded.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What the query says of a name, undecoded.
    pub fn asked(&self, name: &str) -> &str {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// All that the headers say of a name.
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What a header says that is there once.
    pub fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }
}

/// Whether a host's name, with or without a port, is this machine's own.
fn is_own(host: &str) -> bool {
    let port = ["127.0.0.1", "localhost", "[::1]"].iter().find_map(|name| host.strip_prefix(name));
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Lets a request of our own page pass.
///
/// # Errors
/// All others.
pub(super) fn check(head: &RequestHead, secret: &str) -> Result<(), Refusal> {
    let foreign = Refusal(403, "not from the page of this server");
    let Some(host) = head.one("host").filter(|host| is_own(host)) else { return Err(foreign) };
    let own = format!("http://{host}");
    let posts = head.method == "POST";
    if head.all("origin").any(|origin| origin != own) || (posts && head.one("origin").is_none()) {
        return Err(foreign);
    }
    if head.all("sec-fetch-site").any(|site| !["same-origin", "none"].contains(&site)) {
        return Err(foreign);
    }
    if !token::is_same(head.asked("token"), secret) {
        return Err(Refusal(
            403,
            "this page is of a server that has ended; open the address that candlewick annotate has printed since: what was not saved comes along",
        ));
    }
    let has_body =
        head.all("transfer-encoding").next().is_some() || head.all("content-length").any(|length| length != "0");
    if !posts && has_body {
        return Err(Refusal(400, "a request of this kind has no body"));
    }
    Ok(())
}

/// How long the body of a message is, before it is read.
///
/// # Errors
/// What is no message of the tool's.
pub(super) fn length(head: &RequestHead) -> Result<u64, Refusal> {
    let nothing = Refusal(404, "there is nothing of this name");
    let kind = head.one("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if head.path() != "/message"
        || !kind.trim().eq_ignore_ascii_case("application/json")
        || head.all("transfer-encoding").next().is_some()
    {
        return Err(nothing);
    }
    let length = head.one("content-length").filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    match length.ok_or(nothing)?.parse::<u64>() {
        Ok(length) if length <= LARGEST => Ok(length),
        _ => Err(Refusal(413, "the message is too large")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> RequestHead {
        let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        RequestHead { method: method.to_owned(), target: target.to_owned(), headers }
    }

    fn is_let(method: &str, target: &str, headers: &[(&str, &str)]) -> bool {
        check(&head(method, target, headers), SECRET).is_ok()
    }

    #[test]
    fn only_our_own_page_passes() {
        let own = &format!("/?token={SECRET}");
        let host = ("host", "127.0.0.1:80");
        for name in ["127.0.0.1", "127.0.0.1:1", "localhost:65535", "[::1]:80", "localhost"] {
            assert!(is_let("GET", own, &[("host", name)]), "{name}");
        }
        let foreign = [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost:",
            "localhost:123456",
            "localhost:8o",
            "",
            "127.0.0.2",
            "LOCALHOST@evil",
            "[::1]x",
        ];
        for name in foreign {
            assert!(!is_let("GET", own, &[("host", name)]), "{name}");
        }
        assert!(!is_let("GET", own, &[]) && !is_let("GET", own, &[host, host]));
        for target in [
            "/",
            "/?token=",
            "/?token=0123",
            "/?TOKEN=0123456789abcdef",
            "/?token=wrong&token=0123456789abcdef",
            "/#?token=x",
        ] {
            assert!(!is_let("GET", target, &[host]), "{target}");
        }
        assert!(
            !is_let("GET", own, &[host, ("content-length", "9")])
                && is_let("GET", own, &[host, ("content-length", "0")])
        );
        assert!(is_let("GET", &format!("/events?view=a&token={SECRET}"), &[host]));
        for origin in
            ["http://evil.example", "null", "https://127.0.0.1:80", "http://127.0.0.1", "http://localhost:80", ""]
        {
            assert!(!is_let("GET", own, &[host, ("origin", origin)]), "{origin}");
        }
        let from = ("origin", "http://127.0.0.1:80");
        assert!(is_let("GET", own, &[host, from]) && is_let("POST", own, &[host, from]));
        assert!(!is_let("POST", own, &[host]) && !is_let("GET", own, &[host, from, ("origin", "null")]));
        for (site, passes) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)] {
            assert_eq!(is_let("GET", own, &[host, ("sec-fetch-site", site)]), passes, "{site}");
        }
    }

    #[test]
    fn only_json_of_a_certain_length_is_read() {
        let status = |target: &str, headers: &[(&str, &str)]| {
            length(&head("POST", target, headers)).map_err(|refusal| refusal.0)
        };
        let kind = ("content-type", "application/json");
        let some = |text| ("content-length", text);
        assert_eq!(status("/message?token=x", &[kind, some("12")]), Ok(12));
        assert_eq!(status("/message", &[("content-type", "Application/JSON; charset=utf-8"), some("0")]), Ok(0));
        assert_eq!(status("/message", &[kind, some("8388608")]), Ok(LARGEST));
        assert_eq!(status("/message", &[kind, some("8388609")]), Err(413));
        assert_eq!(status("/message", &[kind, some("99999999999999999999999")]), Err(413));
        for headers in [
            &[kind][..],
            &[kind, some("+1")],
            &[kind, some("")],
            &[kind, some("1"), some("1")],
            &[some("1")],
            &[("content-type", "text/plain"), some("1")],
            &[kind, some("1"), ("transfer-encoding", "chunked")],
        ] {
            assert_eq!(status("/message", headers), Err(404), "{headers:?}");
        }
        assert_eq!(status("/messages", &[kind, some("1")]), Err(404));
    }
}
