//! Weights from the Hugging Face hub: which repository an architecture has, and the download.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use hf_hub::api::Progress;
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo};

use crate::{Error, Result, interrupt, show};

/// Where the weights of an architecture are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published<'a> {
    /// The architecture's name.
    pub arch: &'a str,
    /// The hub's repository.
    pub repo: &'a str,
    /// The file in it.
    pub file: &'a str,
}

/// One architecture's row: its name here, and timm's name of the repository.
const fn timm(arch: &'static str, repo: &'static str) -> Published<'static> {
    Published { arch, repo, file: "model.safetensors" }
}

/// ImageNet weights by architecture, and COCO weights by detector (YOLOX's own, Apache-2.0). timm's ResNets and VGGs of the `tv` kind are torchvision's own weights; ResNet has
/// torchvision's names too, VGG but for its classifier; MobileNetV2 has timm's names.
pub const PUBLISHED: [Published<'static>; 15] = [
    timm("resnet18", "timm/resnet18.tv_in1k"),
    timm("resnet34", "timm/resnet34.tv_in1k"),
    timm("resnet50", "timm/resnet50.tv_in1k"),
    timm("vgg11", "timm/vgg11.tv_in1k"),
    timm("vgg11_bn", "timm/vgg11_bn.tv_in1k"),
    timm("vgg16", "timm/vgg16.tv_in1k"),
    timm("vgg16_bn", "timm/vgg16_bn.tv_in1k"),
    timm("mobilenet_v2", "timm/mobilenetv2_100.ra_in1k"),
    timm("efficientnet_lite0", "timm/tf_efficientnet_lite0.in1k"),
    timm("efficientnet_b0", "timm/efficientnet_b0.ra_in1k"),
    timm("vit_tiny", "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"),
    timm("vit_small", "timm/vit_small_patch16_224.augreg_in21k_ft_in1k"),
    Published { arch: "yolox_nano", repo: "kadirnar/yolox_nano-v0.1.1", file: "yolox_nano.pth" },
    Published { arch: "yolox_tiny", repo: "kadirnar/yolox_tiny-v0.1.1", file: "yolox_tiny.pth" },
    Published { arch: "yolox_s", repo: "kadirnar/yolox_s-v0.1.1", file: "yolox_s.pth" },
];

/// A hub that is silent for so long is taken for unreachable.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hub and the folder that keeps what it gave.
#[derive(Clone, Debug)]
pub struct Hub {
    endpoint: String,
    cache: PathBuf,
    token: Option<String>,
    offline: bool,
    patience: Duration,
}

impl Hub {
    /// The hub that the environment names, as Python's `huggingface_hub` reads it: `HF_ENDPOINT`, `HF_HOME`,
    /// `HF_HUB_CACHE`, `XDG_CACHE_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`.
    pub fn from_env() -> Hub {
        Hub::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The hub at an address, without a login, and the folder that keeps what it gave.
    pub fn at(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Hub {
        Hub { endpoint: endpoint.into(), cache: cache.into(), token: None, offline: false, patience: PATIENCE }
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Hub {
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let cache = variable("HF_HUB_CACHE").map(PathBuf::from);
        let cache = cache.or_else(|| Some(Path::new(&variable("HF_HOME")?).join("hub")));
        let cache = cache.or_else(|| Some(Path::new(&variable("XDG_CACHE_HOME")?).join("huggingface/hub")));
        let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache/huggingface/hub")));
        let cache = cache.unwrap_or_else(|| PathBuf::from("huggingface/hub"));
        let token = variable("HF_TOKEN").or_else(|| Cache::new(cache.clone()).token());
        let offline = variable("HF_HUB_OFFLINE").is_some_and(|value| !["0", "false", "no"].contains(&value.as_str()));
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Hub { token, offline, ..Hub::at(endpoint, cache) }
    }

    /// The published file in the cache folder, downloaded where it is not there yet. A download that broke off goes on
    /// where it stopped.
    ///
    /// # Errors
    /// When it is not there and the hub cannot be reached, has no such file, or the disk has no room; and when the user
    /// interrupts.
    pub fn fetch(&self, published: &Published) -> Result<PathBuf> {
        if let Some(path) = Cache::new(self.cache.clone()).model(published.repo.to_owned()).get(published.file) {
            return Ok(path);
        }
        if self.offline {
            return Err(self.missing(published, "HF_HUB_OFFLINE forbids to ask the hub"));
        }
        self.drop_dead_links(published);
        let (mut most, mut fresh) = (0, false);
        loop {
            let (received, result) = self.attempt(published)?;
            match result {
                Ok(path) => return Ok(path),
                // what was kept of an earlier attempt does not belong to this file
                Err(error) if !fresh && spoiled(&error) => {
                    fresh = true;
                    self.drop_parts(published);
                }
                // the connection broke on the way: go on from there, as long as that helps
                Err(ApiError::RequestError(_) | ApiError::IoError(_)) if received > most => most = received,
                Err(error) => return Err(self.explain(published, error)),
            }
        }
    }

    /// A file that was fetched before; `None` where it was not.
    pub(super) fn kept(&self, repo: &str, file: &str) -> Option<PathBuf> {
        Cache::new(self.cache.clone()).repo(Repo::model(repo.to_owned())).get(file)
    }

    /// One download: how many bytes are there after it, and how it ended.
    fn attempt(&self, published: &Published) -> Result<(u64, Result<PathBuf, ApiError>)> {
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .build();
        let repo = match api {
            Ok(api) => api.repo(Repo::model(published.repo.to_owned())),
            Err(error) => return Ok((0, Err(error))),
        };
        let news = download(repo, published.file.to_owned());
        let label = format!("{} from {}", published.file, published.repo);
        let (mut done, mut total, mut heard) = (0, 0, Instant::now());
        loop {
            match news.recv_timeout(Duration::from_millis(100)) {
                Ok(News::Size(size)) => (done, total, heard) = (0, size, Instant::now()),
                Ok(News::Bytes(bytes)) => {
                    (done, heard) = (done + bytes, Instant::now());
                    show::progress(&label, done, total);
                }
                Ok(News::End(result)) => return Ok((done, result)),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() > self.patience => {
                    let why = format!("{} has not answered for {} s", self.endpoint, self.patience.as_secs());
                    return Err(self.missing(published, &why));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.missing(published, &format!("{} answered nonsense", self.endpoint)));
                }
            }
            if interrupt::requested() {
                return Err(Error::interrupted());
            }
        }
    }

    fn explain(&self, published: &Published, error: ApiError) -> Error {
        use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match error {
            ApiError::IoError(error)
                if matches!(
                    error.kind(),
                    StorageFull | QuotaExceeded | FileTooLarge | PermissionDenied | ReadOnlyFilesystem
                ) =>
            {
                let what = format!("{} cannot be stored in {}", published.file, self.cache.display());
                Error::new(what).caused_by(error).remedy(
                    "make room or choose another folder: set HF_HOME to it, restart the kernel and run the cell again; \
                     the download goes on where it stopped",
                )
            }
            ApiError::LockAcquisition(lock) => {
                let what =
                    format!("another program downloads {} right now ({} is locked)", published.file, lock.display());
                Error::new(what).remedy("wait until it is done, then run the cell again")
            }
            error => self.missing(published, &format!("{} says: {error}", self.endpoint)),
        }
    }

    /// The error of weights that are nowhere: names the file and where to put it.
    fn missing(&self, published: &Published, why: &str) -> Error {
        let Published { arch, repo, file } = published;
        Error::new(format!("the weights of `{arch}` are not on this machine, and {why}")).remedy(format!(
            "run the cell again when there is a network; or fetch {}/{repo}/resolve/main/{file} elsewhere and run \
             `candlewick weights add {file} --as {arch}` (it copies the file to {}); or start from random weights with \
             `.untrained()`",
            self.endpoint,
            candlewick_wire::weights::Shelf::find().map_or_else(
                |_| "candlewick's folder".to_owned(),
                |shelf| shelf.folder().join(format!("{arch}.safetensors")).display().to_string()
            ),
        ))
    }

    /// Removes what earlier attempts left of a file.
    fn drop_parts(&self, published: &Published) {
        for path in self.entries(published, "blobs") {
            if path.extension().is_some_and(|extension| extension == "part") {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// Removes links whose file is gone: the hub's client does not write over them.
    fn drop_dead_links(&self, published: &Published) {
        for link in self.entries(published, "snapshots").map(|snapshot| snapshot.join(published.file)) {
            if link.is_symlink() && !link.exists() {
                let _ = std::fs::remove_file(link);
            }
        }
    }

    /// What lies in a folder of a repository's cache.
    fn entries(&self, published: &Published, folder: &str) -> impl Iterator<Item = PathBuf> {
        let folder = self.cache.join(Repo::model(published.repo.to_owned()).folder_name()).join(folder);
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
    }
}

/// Whether an attempt failed because of what an earlier one left: more bytes than the file has, or all of them.
fn spoiled(error: &ApiError) -> bool {
    matches!(error, ApiError::InvalidResume) || error.to_string().ends_with("416")
}

/// What a download tells while it runs.
enum News {
    Size(u64),
    Bytes(u64),
    End(Result<PathBuf, ApiError>),
}

/// Downloads in a thread of its own, so that neither an interrupt nor a silent hub has to wait. It ends when nobody
/// listens any more.
fn download(repo: ApiRepo, file: String) -> std::sync::mpsc::Receiver<News> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let end = repo.download_with_progress(&file, Reporter(sender.clone()));
        let _ = sender.send(News::End(end));
    });
    receiver
}

struct Reporter(Sender<News>);

impl Reporter {
    fn tell(&self, news: News) {
        if self.0.send(news).is_err() {
            // the only way out of the download from here; unlike a panic it tells nobody
            std::panic::resume_unwind(Box::new("nobody listens"));
        }
    }
}

impl Progress for Reporter {
    fn init(&mut self, size: usize, _file: &str) {
        self.tell(News::Size(size as u64));
    }

    fn update(&mut self, bytes: usize) {
        self.tell(News::Bytes(bytes as u64));
    }

    fn finish(&mut self) {}
}

#[cfg(test)]
pub(super) mod tests;
