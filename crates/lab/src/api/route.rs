//! What an address asks for.

use super::{Answer, decoded};
use crate::refusal::Refusal;

/// What is asked for, with the ids in its address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    State,
    Upload,
    DataPictures(String),
    Plan,
    Runs,
    Start,
    Run(String),
    Forget(String),
    Control(String),
    Snapshots(String),
    Parameters(String),
    Gradients(String),
    Touch(String),
    RunPictures(String),
    Plane(String),
    Trace(String),
    Predict(String),
    Mistakes(String),
    Suspicious(String),
    Model(String),
    Folder(String),
    Open,
    PredictNewest,
    Study(String),
    Chapters,
    Chapter(String),
    Presets,
    Descend,
    Game,
}

impl Route {
    /// # Errors
    /// There is nothing at this address, or it does not take the method.
    pub fn of(method: &str, path: &str) -> Answer<Self> {
        let nothing = || Refusal::not_found("there is nothing at this address");
        let path = path.strip_prefix("/api/").ok_or_else(nothing)?;
        let parts: Vec<&str> = path.split('/').collect();
        // Of each address, what its methods ask for.
        let (get, post, delete) = match parts[..] {
            ["state"] => (Some(Self::State), None, None),
            ["data"] => (None, Some(Self::Upload), None),
            ["data", id, "pictures"] => (Some(Self::DataPictures(decoded(id))), None, None),
            ["plan"] => (None, Some(Self::Plan), None),
            ["runs"] => (Some(Self::Runs), Some(Self::Start), None),
            ["runs", id] => (Some(Self::Run(decoded(id))), None, Some(Self::Forget(decoded(id)))),
            ["runs", id, what] => {
                let id = decoded(id);
                match what {
                    "control" => (None, Some(Self::Control(id)), None),
                    "predict" => (None, Some(Self::Predict(id)), None),
                    "touch" => (None, Some(Self::Touch(id)), None),
                    "gradients" => (Some(Self::Gradients(id)), None, None),
                    "snapshots" => (Some(Self::Snapshots(id)), None, None),
                    "parameters" => (Some(Self::Parameters(id)), None, None),
                    "pictures" => (Some(Self::RunPictures(id)), None, None),
                    "plane" => (Some(Self::Plane(id)), None, None),
                    "trace" => (Some(Self::Trace(id)), None, None),
                    "mistakes" => (Some(Self::Mistakes(id)), None, None),
                    "suspicious" => (Some(Self::Suspicious(id)), None, None),
                    "model" => (Some(Self::Model(id)), None, None),
                    "folder" => (Some(Self::Folder(id)), None, None),
                    _ => return Err(nothing()),
                }
            }
            ["models"] => (None, Some(Self::Open), None),
            ["predict"] => (None, Some(Self::PredictNewest), None),
            ["studies", place] => (Some(Self::Study(decoded(place))), None, None),
            ["chapters"] => (Some(Self::Chapters), None, None),
            ["chapters", name] => (None, Some(Self::Chapter(decoded(name))), None),
            ["game"] => (None, Some(Self::Game), None),
            ["descent"] => (Some(Self::Presets), Some(Self::Descend), None),
            _ => return Err(nothing()),
        };
        let asked = match method {
            "GET" | "HEAD" => get,
            "POST" => post,
            "DELETE" => delete,
            _ => None,
        };
        asked.ok_or_else(Refusal::wrong_method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_with_their_methods() {
        let of = |method, path| Route::of(method, path).map_err(|refusal| refusal.status());
        assert_eq!(of("GET", "/api/state"), Ok(Route::State));
        assert_eq!(of("DELETE", "/api/runs/7"), Ok(Route::Forget("7".into())));
        assert_eq!(
            of("GET", "/api/data/a%2Fb%20c/pictures"),
            Ok(Route::DataPictures("a/b c".into()))
        );
        for (method, path, status) in [
            ("GET", "/", 404),
            ("GET", "/api", 404),
            ("GET", "/api/", 404),
            ("GET", "/api/state/", 404),
            ("GET", "/api/runs/1/nothing", 404),
            ("GET", "/api/runs/1/model/2", 404),
            ("POST", "/api/state", 405),
            ("PUT", "/api/runs", 405),
            ("get", "/api/runs", 405),
            ("DELETE", "/api/runs", 405),
        ] {
            assert_eq!(of(method, path), Err(status), "{method} {path}");
        }
    }
}
