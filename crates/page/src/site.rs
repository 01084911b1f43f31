//! The page without a server: files that any server can send, or one file that needs none.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::assets::{FILES, INDEX};

/// The program as WebAssembly: made by `just web`.
const PROGRAM: &[u8] = include_bytes!("../site/reshet.wasm");
/// Files that only a page without a server needs.
const MORE: [(&str, &[u8]); 2] = [
    ("worker.js", include_bytes!("../dist/worker.js")),
    ("language.js", include_bytes!("../dist/language.js")),
];

/// A file of the site, by its path.
pub struct SiteFile {
    /// Its path within the site, with `/`.
    pub path: String,
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
}

/// The page as files that any server can send as they are. `digits`: the digits' packed files.
pub fn files(digits: &[(&'static str, &'static [u8])]) -> Vec<SiteFile> {
    let index = index("<script src=\"assets/language.js\"></script>");
    let index = index.replace("\"/assets/", "\"assets/");
    let mut all = vec![SiteFile { path: "index.html".into(), bytes: index.into_bytes().into() }];
    let assets = FILES.iter().map(|(name, _, bytes)| ((*name).to_string(), *bytes));
    let more = MORE.iter().map(|(name, bytes)| ((*name).to_string(), *bytes));
    let digits = digits.iter().map(|(name, bytes)| (format!("digits/{name}"), *bytes));
    let program = [("reshet.wasm".to_string(), PROGRAM)];
    for (name, bytes) in assets.chain(more).chain(digits).chain(program) {
        all.push(SiteFile { path: format!("assets/{name}"), bytes: bytes.into() });
    }
    all
}

/// The page as one file with everything in it.
pub fn one_file(digits: &[(&'static str, &'static [u8])]) -> String {
    let text = |name: &str| String::from_utf8_lossy(asset(name)).into_owned();
    let script = |name: &str| text(name).replace("</script", "<\\/script");
    let icon = format!("data:image/svg+xml;base64,{}", BASE64.encode(asset("icon.svg")));
    let page = index(&format!("<script>{}</script>", script("language.js")))
        .replace("/assets/icon.svg", &icon)
        .replace(
            "<link rel=\"stylesheet\" href=\"/assets/app.css\">",
            &format!("<style>{}</style>", text("app.css")),
        )
        .replace(
            "<script type=\"module\" src=\"/assets/app.js\"></script>",
            &format!("<script type=\"module\">{}</script>", script("app.js")),
        );
    let mut inside = String::new();
    let mut add = |name: &str, bytes: &[u8]| {
        let start = format!("<script type=\"text/plain\" id=\"file:{name}\">");
        inside += &format!("{start}{}</script>\n", BASE64.encode(bytes));
    };
    for name in ["en.js", "he.js", "worker.js"] {
        add(name, asset(name));
    }
    add("reshet.wasm", PROGRAM);
    for (name, bytes) in digits {
        add(&format!("digits/{name}"), bytes);
    }
    page.replace("</body>", &format!("{inside}</body>"))
}

/// The page's head and body, with the script that chooses its language.
fn index(language: &str) -> String {
    let preload = "<link rel=\"modulepreload\" href=\"/assets/{{lang}}.js\">\n";
    INDEX
        .replace(
            "<html lang=\"{{lang}}\" dir=\"{{dir}}\">",
            "<html lang=\"en\" dir=\"ltr\" data-transport=\"worker\">",
        )
        .replace(preload, "")
        .replace("<title>", &format!("{language}\n<title>"))
}

fn asset(name: &str) -> &'static [u8] {
    let file = FILES.iter().find(|(file, ..)| *file == name).map(|(_, _, bytes)| *bytes);
    let more = || MORE.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes);
    file.or_else(more).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: [(&str, &[u8]); 1] = [("train-labels", b"packed")];

    #[test]
    fn the_site_names_only_files_that_it_has() {
        let files = files(&DIGITS);
        let index = files.iter().find(|file| file.path == "index.html").unwrap();
        let index = String::from_utf8(index.bytes.to_vec()).unwrap();
        assert!(index.contains("data-transport=\"worker\"") && !index.contains("{{"), "{index}");
        let named = index.split('"').filter(|part| part.contains("assets/"));
        for path in named {
            assert!(files.iter().any(|file| file.path == path), "{path} in {index}");
        }
        for path in ["assets/worker.js", "assets/reshet.wasm", "assets/digits/train-labels"] {
            assert!(files.iter().any(|file| file.path == path && !file.bytes.is_empty()), "{path}");
        }
    }

    #[test]
    fn the_one_file_asks_for_no_other() {
        let page = one_file(&DIGITS);
        assert!(!page.contains("\"/assets/") && !page.contains("\"assets/"));
        assert!(page.contains("id=\"file:digits/train-labels\">cGFja2Vk</script>"));
        for name in ["en.js", "he.js", "worker.js", "reshet.wasm"] {
            assert!(page.contains(&format!("id=\"file:{name}\">")), "{name}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("</script>").count());
    }
}
