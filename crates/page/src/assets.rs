//! The page itself, inside the program.

use std::borrow::Cow;

use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use reshet_lab::{Refusal, Who};
use serde::Deserialize;

use crate::{api::refused, guard::cookie, rooms::Rooms};

pub const INDEX: &str = include_str!("../dist/index.html");

/// A file of the page as it lies in the sources, while the program is being worked on: what
/// `npm run build` writes is there at once.
#[cfg(debug_assertions)]
fn on_disk(name: &str) -> Option<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("dist");
    std::fs::read(folder.join(name)).ok()
}

#[cfg(not(debug_assertions))]
fn on_disk(_: &str) -> Option<Vec<u8>> {
    None
}

/// By their names: what they are, and their bytes.
pub const FILES: [(&str, &str, &[u8]); 5] = [
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../dist/app.js")),
    ("en.js", "text/javascript; charset=utf-8", include_bytes!("../dist/en.js")),
    ("he.js", "text/javascript; charset=utf-8", include_bytes!("../dist/he.js")),
    ("app.css", "text/css; charset=utf-8", include_bytes!("../dist/app.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("../dist/icon.svg")),
];

#[derive(Deserialize)]
pub struct Lang {
    lang: Option<String>,
}

/// The page, in the language that is asked for: by the address, a cookie, or the browser.
pub async fn index(
    State(rooms): State<Rooms>,
    Extension(who): Extension<Who>,
    Query(query): Query<Lang>,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let chosen = query.lang.as_deref().or(cookie(&headers, "lang"));
    let language = match chosen {
        Some("he") => "he",
        Some("en") => "en",
        _ => preferred(accepted.unwrap_or_default()),
    };
    let direction = if language == "he" { "rtl" } else { "ltr" };
    let fresh = on_disk("index.html").and_then(|bytes| String::from_utf8(bytes).ok());
    let page = fresh
        .as_deref()
        .unwrap_or(INDEX)
        .replace("{{lang}}", language)
        .replace("{{dir}}", direction)
        .replace("<html ", &format!("<html{} ", in_class(&rooms, &who)));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, language),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "Accept-Language, Cookie"),
    ];
    (headers, page).into_response()
}

/// What the page of a class is told before all else.
fn in_class(rooms: &Rooms, who: &Who) -> &'static str {
    match (rooms, who) {
        (Rooms::One(_), _) => "",
        (Rooms::Class(..), Who::Teacher) => " data-class=\"teacher\"",
        (Rooms::Class(..), _) => " data-class=\"pupil\"",
    }
}

/// The one of our languages that the browser likes best.
fn preferred(accepted: &str) -> &'static str {
    let mut best = ("en", 0.0);
    for part in accepted.split(',') {
        let mut pieces = part.split(';');
        let language = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = pieces.find_map(|p| p.trim().strip_prefix("q=")?.parse().ok());
        let weight: f32 = weight.unwrap_or(1.0);
        // `iw` is what Hebrew was called until 1989, and by old Java still is.
        let ours = match language.split('-').next() {
            Some("he" | "iw") => "he",
            Some("en") => "en",
            _ => continue,
        };
        if weight > best.1 {
            best = (ours, weight);
        }
    }
    best.0
}

/// A file of the page.
pub async fn file(
    axum::extract::Path(name): axum::extract::Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some((_, kind, bytes)) = FILES.iter().find(|(file, ..)| *file == name) else {
        return refused(Refusal::not_found(format!("no file is called {name}")));
    };
    let bytes = on_disk(&name).map_or(Cow::Borrowed(*bytes), Cow::Owned);
    let tag = format!("\"{:016x}\"", hash(&bytes));
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    // Asked again each time, sent again only after an update of the program.
    let head = [
        (header::CONTENT_TYPE, (*kind).to_string()),
        (header::CACHE_CONTROL, "no-cache".into()),
        (header::ETAG, tag),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, bytes.into_owned()).into_response()
}

/// FNV-1a: tells versions of a file apart.
fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_language_is_followed() {
        for (accepted, language) in [
            ("he", "he"),
            ("he-IL,he;q=0.9,en-US;q=0.8,en;q=0.7", "he"),
            ("en-US,en;q=0.9,he;q=0.8", "en"),
            ("en;q=0.4, iw;q=0.5", "he"),
            ("fr,de;q=0.5", "en"),
            ("fr, he;q=0.1", "he"),
            ("he;q=0", "en"),
            ("", "en"),
        ] {
            assert_eq!(preferred(accepted), language, "{accepted}");
        }
    }
}
