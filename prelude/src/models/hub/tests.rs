//! Downloads from a hub of our own on this machine, and from none.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

/// What a hub of our own does wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::models) struct Faults {
    /// So many downloads break off after so many bytes.
    pub breaks: (usize, usize),
    /// Takes the request and never answers.
    pub silent: bool,
    /// Answers that there is no such file.
    pub absent: bool,
    /// Does so from the first broken download on.
    pub absent_then: bool,
}

/// A hub on this machine that has one file, under any name.
pub(in crate::models) struct OwnHub {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

struct State {
    content: Vec<u8>,
    etag: String,
    faults: Faults,
    /// Where each download began, in bytes.
    starts: Vec<usize>,
    tokens: Vec<String>,
}

impl OwnHub {
    pub fn new(content: &[u8], etag: &str, faults: Faults) -> Result<OwnHub> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (starts, tokens) = (Vec::new(), Vec::new());
        let state = State { content: content.to_vec(), etag: etag.to_owned(), faults, starts, tokens };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        std::thread::spawn(move || {
            let mut waiting = Vec::new();
            for stream in listener.incoming().flatten() {
                // a broken connection is what some of the tests are about
                waiting.extend(answer(stream, &shared).ok().flatten());
            }
        });
        Ok(OwnHub { endpoint, state })
    }

    pub fn starts(&self) -> Vec<usize> {
        self.state.lock().expect("no answer panics").starts.clone()
    }

    pub fn set(&self, etag: &str, faults: Faults) {
        let mut state = self.state.lock().expect("no answer panics");
        (state.etag, state.faults) = (etag.to_owned(), faults);
    }
}

/// Answers one request; gives the connection back where it is to stay open and silent.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<Option<TcpStream>> {
    let mut start = None;
    let mut state = state.lock().expect("no answer panics");
    let mut whole = false;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.split('-').next().and_then(|start| start.parse::<usize>().ok());
            whole = range.ends_with('-');
        }
        state.tokens.extend(line.strip_prefix("authorization: ").map(str::to_owned));
        if line.is_empty() {
            break;
        }
    }
    if state.faults.silent {
        return Ok(Some(stream));
    }
    let (start, total) = (start.unwrap_or(0), state.content.len());
    if state.faults.absent || start >= total {
        let status = if state.faults.absent { "404 Not Found" } else { "416 Range Not Satisfiable" };
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        return Ok(None);
    }
    let end = if whole { total } else { start + 1 };
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nx-repo-commit: 0123abcd\r\netag: \"{}\"\r\ncontent-range: bytes {start}-{}/{total}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        state.etag,
        end - 1,
        end - start
    )?;
    let mut sent = end;
    if whole {
        state.starts.push(start);
        if state.faults.breaks.0 > 0 {
            state.faults.breaks.0 -= 1;
            state.faults.absent |= state.faults.absent_then;
            sent = (start + state.faults.breaks.1).min(end);
        }
    }
    stream.write_all(&state.content[start..sent])?;
    Ok(None)
}

const FILE: Published = timm("resnet18", "timm/resnet18.tv_in1k");

fn content() -> Vec<u8> {
    (0..300_000u32).map(|n| (n * 7 / 3) as u8).collect()
}

fn hub(endpoint: &str, cache: &Path) -> Hub {
    Hub { patience: Duration::from_millis(700), ..Hub::at(endpoint, cache) }
}

#[test]
fn a_file_is_fetched_once_into_the_standard_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let own = OwnHub::new(&content(), "abc", Faults::default())?;
    let hub = Hub { token: Some("hf_secret".into()), ..hub(&own.endpoint, folder.path()) };
    let path = hub.fetch(&FILE)?;
    assert_eq!(path, folder.path().join("models--timm--resnet18.tv_in1k/snapshots/0123abcd/model.safetensors"));
    assert!(std::fs::read(&path)? == content());
    assert_eq!(own.state.lock().expect("no answer panics").tokens, ["bearer hf_secret", "bearer hf_secret"]);
    assert_eq!((hub.fetch(&FILE)?, own.starts().len()), (path.clone(), 1));
    assert_eq!(Hub { offline: true, ..hub }.fetch(&FILE)?, path, "what is there needs no hub");
    Ok(())
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let own = OwnHub::new(&content(), "abc", Faults { breaks: (2, 100_000), ..Faults::default() })?;
    let hub = hub(&own.endpoint, folder.path());
    assert!(std::fs::read(hub.fetch(&FILE)?)? == content());
    assert_eq!(own.starts(), [0, 100_000, 200_000]);
    Ok(())
}

#[test]
fn a_download_that_failed_is_resumed_by_the_next_call() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // the second attempt brings nothing, so that the call gives up
    let faults = Faults { breaks: (1, 120_000), absent_then: true, ..Faults::default() };
    let own = OwnHub::new(&content(), "abc", faults)?;
    let hub = hub(&own.endpoint, folder.path());
    let says = hub.fetch(&FILE).unwrap_err().to_string();
    assert!(says.contains("404"), "{says}");
    own.set("abc", Faults::default());
    assert!(std::fs::read(hub.fetch(&FILE)?)? == content());
    assert_eq!(own.starts(), [0, 120_000]);
    Ok(())
}

#[test]
fn a_part_that_is_too_long_is_dropped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let blobs = folder.path().join("models--timm--resnet18.tv_in1k/blobs");
    std::fs::create_dir_all(&blobs)?;
    let own = OwnHub::new(&content(), "abc", Faults::default())?;
    for length in [300_000, 300_001] {
        std::fs::write(blobs.join("abc.part"), vec![0; length])?;
        let path = hub(&own.endpoint, folder.path()).fetch(&FILE)?;
        assert!(std::fs::read(&path)? == content(), "{length}");
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[test]
fn an_unreachable_hub_is_named_at_once_with_the_file_and_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let begun = Instant::now();
    let says = hub(&format!("http://{closed}"), folder.path()).fetch(&FILE).unwrap_err().to_string();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for part in [
        "the weights of `resnet18` are not on this machine",
        &format!("http://{closed}/timm/resnet18.tv_in1k/resolve/main/model.safetensors"),
        "candlewick weights add model.safetensors --as resnet18",
        "weights/resnet18.safetensors",
    ] {
        assert!(says.contains(part), "{part}: {says}");
    }
    Ok(())
}

#[test]
fn a_silent_hub_an_absent_file_and_a_forbidden_network_are_told_apart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (faults, offline, says) in [
        (Faults { silent: true, ..Faults::default() }, false, "has not answered for"),
        (Faults { absent: true, ..Faults::default() }, false, "404"),
        (Faults::default(), true, "HF_HUB_OFFLINE"),
    ] {
        let own = OwnHub::new(&content(), "abc", faults)?;
        let hub = Hub { offline, ..hub(&own.endpoint, folder.path()) };
        let error = hub.fetch(&FILE).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("candlewick weights add"), "{error}");
    }
    Ok(())
}

#[test]
fn a_full_disk_is_no_matter_of_the_network() {
    let full = || ApiError::IoError(std::io::Error::from(std::io::ErrorKind::StorageFull));
    let says = hub("http://hub", Path::new("/cache")).explain(&FILE, full()).to_string();
    assert!(says.contains("model.safetensors cannot be stored in /cache") && says.contains("HF_HOME"), "{says}");
}

#[test]
fn the_environment_is_read_as_python_reads_it() {
    let of = |pairs: &[(&str, &str)]| {
        Hub::of(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    let plain = of(&[("XDG_CACHE_HOME", "/cache")]);
    assert_eq!((plain.endpoint.as_str(), plain.offline), ("https://huggingface.co", false));
    assert_eq!(plain.cache, Path::new("/cache/huggingface/hub"));
    let own = of(&[("HF_ENDPOINT", "http://mirror/"), ("HF_HOME", "/hf"), ("HF_TOKEN", "t"), ("HF_HUB_OFFLINE", "1")]);
    assert_eq!((own.endpoint.as_str(), own.token.as_deref(), own.offline), ("http://mirror", Some("t"), true));
    assert_eq!(own.cache, Path::new("/hf/hub"));
    assert_eq!(of(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/elsewhere")]).cache, Path::new("/elsewhere"));
}
