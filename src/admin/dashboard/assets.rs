//! The page's files, and the headers they are given with.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sha2::{Digest, Sha256};

/// Nothing but our own files: no inline script or style, no other host, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file of the page.
#[derive(Debug)]
struct Asset {
    /// Its path below `/`.
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($path:literal, $kind:expr, $file:literal;)+) => {
        const ASSETS: &[Asset] = &[$(Asset { path: $path, kind: $kind, text: include_str!($file) },)+];
    };
}

assets! {
    "", HTML, "index.html";
    "assets/style.css", STYLE, "style.css";
    "assets/theme.js", SCRIPT, "theme.js";
    "assets/app.js", SCRIPT, "app.js";
    "assets/charts.js", SCRIPT, "charts.js";
    "assets/dom.js", SCRIPT, "dom.js";
    "assets/feed.js", SCRIPT, "feed.js";
    "assets/format.js", SCRIPT, "format.js";
    "assets/history.js", SCRIPT, "history.js";
    "assets/panels.js", SCRIPT, "panels.js";
    "assets/uplot.js", SCRIPT, "uplot/uPlot.iife.min.js";
    "assets/uplot.css", STYLE, "uplot/uPlot.min.css";
    "assets/uplot.txt", "text/plain; charset=utf-8", "uplot/LICENSE";
    "assets/icon.svg", "image/svg+xml", "icon.svg";
}

/// The paths of all files, for the router.
pub(in crate::admin) fn paths() -> impl Iterator<Item = String> {
    ASSETS.iter().map(|asset| format!("/{}", asset.path))
}

/// The file at `path`, or that whoever asks has it already; `None`: there is none.
///
/// A browser keeps it and asks each time whether it is still the same: a Nearside that was replaced
/// brings another page, and nobody runs half of the one and half of the other for longer than a reload.
pub(in crate::admin) fn serve(path: &str, asked: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| path.strip_prefix('/') == Some(asset.path))?;
    let tag = tag(asset.text);
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let fresh =
        known.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut response = Response::new(if fresh { Body::empty() } else { Body::from(asset.text) });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    let fixed: [(HeaderName, &'static str); 7] = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    fixed.into_iter().for_each(|(name, value)| _ = headers.insert(name, HeaderValue::from_static(value)));
    Some(response)
}

/// What changes when the text does.
fn tag(text: &str) -> String {
    let digest = Sha256::digest(text);
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, known: Option<&str>) -> Option<Response> {
        let mut headers = HeaderMap::new();
        known.into_iter().for_each(|tag| _ = headers.insert(IF_NONE_MATCH, tag.parse().unwrap()));
        serve(path, &headers)
    }

    #[test]
    fn whoever_has_a_file_is_not_given_it_again() {
        let first = get("/", None).unwrap();
        assert_eq!(
            (first.status(), &first.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &HTML.parse().unwrap())
        );
        let tag = first.headers()[ETAG].to_str().unwrap();
        let second = get("/", Some(&format!("\"x\", W/{tag}"))).unwrap();
        assert_eq!(
            (second.status(), &second.headers()[ETAG]),
            (StatusCode::NOT_MODIFIED, &first.headers()[ETAG])
        );
        assert_eq!(get("/", Some("\"x\"")).unwrap().status(), StatusCode::OK);
        assert!(get("/assets/other.js", None).is_none() && get("assets/app.js", None).is_none());
    }

    #[test]
    fn nothing_inline_and_nothing_from_elsewhere() {
        for asset in ASSETS {
            let response = get(&format!("/{}", asset.path), None).unwrap();
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
        let page = ASSETS[0].text;
        let handler = |word: &str| word.starts_with("on") && word.contains('=');
        assert!(
            !page.contains(" style=") && !page.contains("<style") && !page.split_whitespace().any(handler)
        );
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"assets/") && script.contains("></script>"), "{script}");
        }
        for asset in ASSETS.iter().filter(|asset| !asset.path.contains("uplot")) {
            for word in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "https://"] {
                assert!(!asset.text.contains(word), "{word} in {}", asset.path);
            }
        }
    }

    #[test]
    fn every_module_is_served_and_all_of_it_is_small() {
        for asset in ASSETS.iter().filter(|asset| asset.kind == SCRIPT) {
            for import in asset.text.split(" from \"./").skip(1) {
                let name = import.split('"').next().unwrap();
                assert!(get(&format!("/assets/{name}"), None).is_some(), "{} imports {name}", asset.path);
            }
        }
        let bytes: usize = ASSETS.iter().map(|asset| asset.text.len()).sum();
        assert!(bytes < 120 * 1024, "{bytes}");
    }

    /// uPlot 1.6.32 as its package on npm has it; see NOTICE.
    #[test]
    fn what_others_wrote_is_as_they_wrote_it() {
        for (path, hash) in [
            ("assets/uplot.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
            ("assets/uplot.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
            ("assets/uplot.txt", "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd"),
        ] {
            let asset = ASSETS.iter().find(|asset| asset.path == path).unwrap();
            let hex: String = Sha256::digest(asset.text).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, hash, "{path}");
        }
    }
}
