//! Who may ask: this machine's own page, and nobody else's.
//!
//! A server on loopback can be reached by any site in the same browser. Two
//! headers tell them apart: `Host` names another machine where a site's name was
//! made to point here (DNS rebinding), `Origin` names another site.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};
use reshet_lab::{Refusal, Who};

/// What is let in.
#[derive(Clone, Debug)]
pub struct Guard {
    port: u16,
    /// The address bound, if it is not loopback.
    open: Option<IpAddr>,
    token: Option<String>,
    /// The teacher's own token, of a class.
    teacher: Option<String>,
}

/// Who was let in, and a cookie to set if a token was in the address.
#[derive(Debug)]
pub struct Admitted {
    pub who: Who,
    pub cookie: Option<String>,
}

/// The end of names within one network (RFC 6762).
const LOCAL: &str = ".local";
/// The token's cookie.
const COOKIE: &str = "reshet-token";
/// The teacher's.
const TEACHER: &str = "reshet-teacher";
/// A pupil's own secret.
const PUPIL: &str = "reshet-pupil";
/// How long a browser keeps a pupil's secret, in seconds: a day at school.
const DAY: u32 = 12 * 3600;

impl Guard {
    /// For a server bound to this address; with a token unless it is loopback.
    pub fn new(address: IpAddr, port: u16) -> Result<Self, String> {
        let loopback = address.is_loopback();
        let token = if loopback { None } else { Some(token()?) };
        Ok(Self { port, open: (!loopback).then_some(address), token, teacher: None })
    }

    /// For a class: with a token for all, and one for the teacher, at any address.
    pub fn of_class(address: IpAddr, port: u16) -> Result<Self, String> {
        let guard = Self::new(address, port)?;
        let token = guard.token.map_or_else(token, Ok)?;
        Ok(Self { token: Some(token), teacher: Some(self::token()?), ..guard })
    }

    /// What the address to open ends with; with a class's the pupils' own.
    pub fn queries(&self) -> (String, Option<String>) {
        let own = |name: &str, token: &String| format!("?{name}={token}");
        let token = self.token.as_ref().map(|token| own("token", token)).unwrap_or_default();
        match &self.teacher {
            Some(teacher) => (own("teacher", teacher), Some(token)),
            None => (token, None),
        }
    }

    /// The token that is wanted, if one is.
    #[cfg(test)]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Lets a request in, or says why not.
    pub fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Admitted, Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).or(uri.authority().map(|a| a.as_str()));
        let host = host.filter(|_| headers.get_all(header::HOST).iter().count() < 2);
        let Some(host) = host.filter(|host| self.is_own(host)) else {
            let what = "this server answers only to its own name: open the address it printed";
            return Err(Refusal::new(403, what));
        };
        let origin = text(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        let own = match headers.get_all(header::ORIGIN).iter().count() {
            0 => true,
            // Two origins: what reads the first and what reads the last would not agree.
            n => n == 1 && origin == Some(host),
        };
        if !own || !(from_here(headers) || is_a_link(method, uri, headers)) {
            let what = "another site may not ask this server";
            return Err(Refusal::new(403, what));
        }
        if let Some(cookie) = given(&self.teacher, TEACHER, "teacher=", uri, headers) {
            return Ok(Admitted { who: Who::Teacher, cookie });
        }
        let who = pupil(headers).map_or(Who::Guest, Who::Pupil);
        if self.token.is_none() {
            return Ok(Admitted { who, cookie: None });
        }
        if let Some(cookie) = given(&self.token, COOKIE, "token=", uri, headers) {
            return Ok(Admitted { who, cookie });
        }
        let what = "a token is wanted: open the address that the server printed";
        Err(Refusal::new(401, what))
    }

    fn is_own(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
                (name, port.parse().ok())
            }
            _ => (host, Some(80)),
        };
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let address: Option<IpAddr> = inner.unwrap_or(name).parse().ok();
        let named = match (address, self.open) {
            (Some(address), None) => address.is_loopback(),
            // Of all addresses any may be the one; the token keeps strangers out.
            (Some(address), Some(open)) => {
                open.is_unspecified() || address == open || address.is_loopback()
            }
            // A machine's name in its own network: the token keeps strangers out.
            (None, Some(_)) => name.eq_ignore_ascii_case("localhost") || is_local(name),
            (None, None) => name.eq_ignore_ascii_case("localhost"),
        };
        named && port == Some(self.port)
    }
}

/// Whether a request brings this token: in a header, a cookie of this name, or in its address,
/// after this word; then a cookie is to be set.
fn given(
    token: &Option<String>,
    name: &str,
    word: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Option<String>> {
    let token = token.as_ref()?;
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.strip_prefix("Bearer "));
    if [bearer, cookie(headers, name)].into_iter().flatten().any(|given| same(given, token)) {
        return Some(None);
    }
    let query = uri.query().unwrap_or_default().split('&');
    let mut given = query.filter_map(|pair| pair.strip_prefix(word));
    let cookie = || format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/");
    given.any(|given| same(given, token)).then(|| Some(cookie()))
}

/// A pupil's secret, if the browser has one of ours.
fn pupil(headers: &HeaderMap) -> Option<String> {
    let secret = cookie(headers, PUPIL)?;
    let ours = secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    ours.then(|| secret.to_string())
}

/// A new pupil's secret, and the cookie that keeps it.
pub fn new_pupil() -> Result<(String, String), Refusal> {
    let secret = token().map_err(|what| Refusal::new(500, what))?;
    let cookie = format!("{PUPIL}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={DAY}");
    Ok((secret, cookie))
}

/// Whether this is a name that machines of one network give each other: `teacher.local`. No name
/// server of the world answers for it.
fn is_local(name: &str) -> bool {
    let host = name.len().checked_sub(LOCAL.len()).and_then(|end| name.split_at_checked(end));
    host.is_some_and(|(host, end)| {
        end.eq_ignore_ascii_case(LOCAL)
            && !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// Whether a browser says that its own page, or nobody, asks. Browsers send this with each
/// request, also with those that have no `Origin`: pictures and scripts of other sites.
fn from_here(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    sites.all(|site| site == "same-origin" || site == "none")
}

/// Whether somebody follows a link from another site to the page itself.
fn is_a_link(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let is = |name, value| headers.get(name).is_some_and(|header| header == value);
    method == Method::GET
        && uri.path() == "/"
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|all| all.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(a: &str, b: &str) -> bool {
    let differ = a.bytes().zip(b.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
    a.len() == b.len() && differ == 0
}

/// 128 random bits in hexadecimal.
fn token() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| format!("no random numbers for a token: {e}"))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn asked(guard: &Guard, uri: &str, headers: &[(&'static str, &str)]) -> Option<u16> {
        let headers = headers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).fold(
            HeaderMap::new(),
            |mut all, (name, value): (HeaderName, HeaderValue)| {
                all.append(name, value);
                all
            },
        );
        let checked = guard.check(&Method::GET, &uri.parse().unwrap(), &headers);
        checked.err().map(|refusal| refusal.status())
    }

    #[test]
    fn on_loopback_only_its_own_names_and_its_own_page() {
        let guard = Guard::new("127.0.0.1".parse().unwrap(), 8080).unwrap();
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"] {
            let origin = format!("http://{host}");
            assert_eq!(asked(&guard, "/", &[("host", host)]), None, "{host}");
            assert_eq!(asked(&guard, "/", &[("host", host), ("origin", &origin)]), None);
        }
        for host in [
            "evil.example:8080",
            "127.0.0.1:80",
            "127.0.0.1",
            "localhost.evil:8080",
            "",
            "[::1]",
            "192.168.0.7:8080",
            "localhost:8080:8080",
            "localhost:",
        ] {
            assert_eq!(asked(&guard, "/", &[("host", host)]), Some(403), "{host}");
        }
        assert_eq!(asked(&guard, "/", &[]), Some(403));
        let own = ("host", "localhost:8080");
        for origin in ["http://evil.example", "null", "https://localhost:8080", "http://localhost"]
        {
            assert_eq!(asked(&guard, "/", &[own, ("origin", origin)]), Some(403), "{origin}");
        }
    }

    #[test]
    fn what_a_browser_asks_for_another_site_is_refused() {
        let guard = Guard::new("127.0.0.1".parse().unwrap(), 8080).unwrap();
        let own = ("host", "localhost:8080");
        let origin = ("origin", "http://localhost:8080");
        assert_eq!(asked(&guard, "/api/state", &[own, origin, origin]), Some(403));
        let evil = ("origin", "http://evil.example");
        assert_eq!(asked(&guard, "/api/state", &[own, origin, evil]), Some(403));
        for (site, refused) in [
            ("same-origin", None),
            ("none", None),
            ("same-site", Some(403)),
            ("cross-site", Some(403)),
            ("", Some(403)),
        ] {
            let site = ("sec-fetch-site", site);
            assert_eq!(asked(&guard, "/api/state", &[own, site]), refused, "{site:?}");
        }
        let (cross, own_site) =
            (("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin"));
        assert_eq!(asked(&guard, "/", &[own, own_site, cross]), Some(403));
        // A link to the page may be followed; nothing else may be opened or framed.
        let (link, page) = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"));
        let frame = ("sec-fetch-dest", "iframe");
        assert_eq!(asked(&guard, "/", &[own, cross, link, page]), None);
        assert_eq!(asked(&guard, "/", &[own, cross, link, frame]), Some(403));
        assert_eq!(asked(&guard, "/api/state", &[own, cross, link, page]), Some(403));
    }

    #[test]
    fn names_of_the_own_network_are_own_with_a_token() {
        let guard = Guard::new("0.0.0.0".parse().unwrap(), 8080).unwrap();
        let token = guard.token().unwrap().to_string();
        let bearer = format!("Bearer {token}");
        for host in ["teacher.local:8080", "Teacher-2.LOCAL:8080"] {
            assert_eq!(asked(&guard, "/", &[("host", host)]), Some(401), "{host}");
            assert_eq!(asked(&guard, "/", &[("host", host), ("authorization", &bearer)]), None);
        }
        for host in ["local:8080", ".local:8080", "a.local.evil:8080", "evil.com.local:8080"] {
            let headers = [("host", host), ("authorization", &*bearer)];
            assert_eq!(asked(&guard, "/", &headers), Some(403), "{host}");
        }
        let loopback = Guard::new("127.0.0.1".parse().unwrap(), 8080).unwrap();
        assert_eq!(asked(&loopback, "/", &[("host", "teacher.local:8080")]), Some(403));
    }

    #[test]
    fn a_class_has_two_tokens_and_knows_who_asks() {
        for address in ["127.0.0.1", "0.0.0.0"] {
            let guard = Guard::of_class(address.parse().unwrap(), 8080).unwrap();
            let (teacher, all) = guard.queries();
            let all = all.unwrap();
            let (teacher_token, token) = (&teacher["?teacher=".len()..], &all["?token=".len()..]);
            assert_ne!(teacher_token, token);
            let who = |uri: &str, cookie: &str| {
                let mut headers = HeaderMap::new();
                headers.insert("host", "localhost:8080".parse().unwrap());
                headers.insert("cookie", cookie.parse().unwrap());
                guard.check(&Method::GET, &uri.parse().unwrap(), &headers).ok()
            };
            assert!(who("/", "").is_none());
            let admitted = who(&format!("/{teacher}"), "").unwrap();
            assert_eq!(admitted.who, Who::Teacher);
            assert!(
                admitted.cookie.unwrap().starts_with(&format!("{TEACHER}={teacher_token}; Ht"))
            );
            assert_eq!(who("/", &format!("{TEACHER}={teacher_token}")).unwrap().who, Who::Teacher);
            // Neither token stands for the other.
            assert!(who("/", &format!("{TEACHER}={token}")).is_none());
            assert!(who("/", &format!("{COOKIE}={teacher_token}")).is_none());
            assert!(who(&format!("/?teacher={token}"), "").is_none());
            assert_eq!(who(&format!("/{all}"), "").unwrap().who, Who::Guest);
            let (secret, _) = new_pupil().unwrap();
            let cookies = format!("{COOKIE}={token}; {PUPIL}={secret}");
            assert_eq!(who("/", &cookies).unwrap().who, Who::Pupil(secret));
            assert_eq!(who("/", &format!("{COOKIE}={token}; {PUPIL}=x")).unwrap().who, Who::Guest);
            assert!(who("/", &format!("{PUPIL}={}", new_pupil().unwrap().0)).is_none());
        }
    }

    #[test]
    fn elsewhere_a_token_is_wanted() {
        let guard = Guard::new("0.0.0.0".parse().unwrap(), 80).unwrap();
        let token = guard.token().unwrap().to_string();
        assert_eq!(token.len(), 32);
        let host = ("host", "192.168.0.7");
        assert_eq!(asked(&guard, "/", &[host]), Some(401));
        assert_eq!(asked(&guard, "/?token=0", &[host]), Some(401));
        assert_eq!(asked(&guard, &format!("/?lang=he&token={token}"), &[host]), None);
        let bearer = format!("Bearer {token}");
        assert_eq!(asked(&guard, "/", &[host, ("authorization", &bearer)]), None);
        let cookie = format!("lang=he; {COOKIE}={token}");
        assert_eq!(asked(&guard, "/", &[host, ("cookie", &cookie)]), None);
        assert_eq!(asked(&guard, "/", &[("host", "evil.example"), ("cookie", &cookie)]), Some(403));
    }
}
