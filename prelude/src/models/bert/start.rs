//! What a person starts from: an encoder with its tokens and its weights.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candlewick_wire::weights::Shelf;

use super::fit::{check, has_pooler};
use super::folder::{BESIDE, Folder, TOKENS, WEIGHTS};
use super::names::adopt;
use super::{BertConfig, BertLayout, Pooling};
use crate::data::Tokens;
use crate::models::hub::{Hub, Published};
use crate::models::{HeadMaker, Network, Trained};
use crate::params::{LoadReport, ParamSet, read_tensors};
use crate::sealed::Sealed;
use crate::{Error, Result, paths, show};

/// The variable that names MiniLM's folder.
const MINILM_FOLDER: &str = "CANDLEWICK_MINILM";
/// Its name on the shelf, and on the hub.
const MINILM: (&str, &str) = ("minilm", "sentence-transformers/all-MiniLM-L6-v2");

/// An encoder of text to start from: BERT, DistilBERT, MiniLM, RoBERTa, with its tokenizer and its weights.
///
/// ```no_run
/// use candlewick_prelude::models::{Bert, Pooling};
/// let encoder = Bert::minilm()?.max_tokens(128);
/// let own = Bert::open("my-encoder")?.pooling(Pooling::Mean).dropout(0.2);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
pub struct Bert(Sealed<Encoder>);

#[derive(Clone)]
struct Encoder {
    layout: BertLayout,
    tokens: Tokens,
    trained: Option<Arc<Trained>>,
    origin: String,
}

impl Bert {
    /// MiniLM-L6 as sentence-transformers trained it (`all-MiniLM-L6-v2`: six layers of 384 numbers a token, 22.7 million parameters): from
    /// the folder that the variable `CANDLEWICK_MINILM` names, from `minilm` in the folder of `candlewick weights`, or from the hub.
    ///
    /// # Errors
    /// When it is in none of these places; the message names the files and the folder to put them in.
    pub fn minilm() -> Result<Bert> {
        let set = std::env::var_os(MINILM_FOLDER).filter(|folder| !folder.is_empty());
        if let Some(folder) = set {
            return Bert::open(PathBuf::from(folder)).map_err(|error| {
                Error::new(format!("the folder that `{MINILM_FOLDER}` names holds no encoder")).caused_by(error)
            });
        }
        let shelf = Shelf::find()?.folder().join(MINILM.0);
        if shelf.is_dir() {
            return Bert::open(shelf);
        }
        Bert::fetched(&Hub::from_env(), MINILM.1, &format!("or put them into `{}`", shelf.display()))
    }

    /// The tiny encoder that ships with this crate, which needs no file: three layers of 128 numbers a token, 6000 tokens of English, 1.2
    /// million parameters. It has learned from MiniLM which sentences of reviews are alike (`examples/pretrain_text.rs`), and knows little else.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn tiny() -> Result<Bert> {
        let [config, tokens, weights] = super::tiny::FILES;
        let origin = "the tiny encoder that comes with candlewick";
        let (tensors, metadata) = read_tensors(weights, origin)?;
        let trained = Trained { tensors, origin: origin.to_owned(), metadata };
        let text = |bytes: &'static [u8]| String::from_utf8_lossy(bytes);
        let tokens = Tokens::from_json(&text(tokens), super::tiny::LONGEST)?;
        Ok(Bert::of(BertConfig::from_json(&text(config))?, tokens, Some(trained))?.pooling(Pooling::Mean))
    }

    /// MiniLM where it is on this machine (see [`minilm`](Bert::minilm)), else the [`tiny`](Bert::tiny) encoder that ships with this crate; a note
    /// says which. Nothing is fetched.
    ///
    /// # Errors
    /// When MiniLM is there and cannot be read.
    pub fn at_hand() -> Result<Bert> {
        let named = std::env::var_os(MINILM_FOLDER).is_some_and(|folder| !folder.is_empty());
        let shelved = || Shelf::find().is_ok_and(|shelf| shelf.folder().join(MINILM.0).is_dir());
        if named || shelved() {
            return Bert::minilm();
        }
        if let Some(folder) =
            Hub::from_env().kept(MINILM.1, "config.json").and_then(|file| file.parent().map(Path::to_owned))
            && folder.join(WEIGHTS[0]).is_file()
        {
            return Bert::open(folder);
        }
        show::note("MiniLM is not here: a tiny encoder stands in for it (`Bert::minilm()?` fetches it)");
        Bert::tiny()
    }

    /// The encoder in a folder as Hugging Face writes it: `config.json`, `model.safetensors` or `pytorch_model.bin`, `tokenizer.json` or
    /// `vocab.txt`; a file of weights stands for the folder that it lies in.
    ///
    /// # Errors
    /// When a file is missing or cannot be read, and when config, weights and tokenizer do not fit each other.
    pub fn open(path: impl AsRef<Path>) -> Result<Bert> {
        Bert::open_at(&paths::expanded(path.as_ref()))
    }

    fn open_at(path: &Path) -> Result<Bert> {
        let Folder { config, trained, tokens, pooling } = Folder::read(path)?;
        let bert = Bert::of(config, tokens, Some(trained))?;
        Ok(match pooling {
            Some(pooling) => bert.pooling(pooling),
            None => bert,
        })
    }

    /// The encoder of this name on the Hugging Face hub, such as `distilbert-base-uncased`; what was fetched is kept in the hub's own folder.
    ///
    /// # Errors
    /// When it is not there and the hub cannot be reached, and as [`open`](Bert::open).
    pub fn hub(name: &str) -> Result<Bert> {
        Bert::fetched(&Hub::from_env(), name, "or give another folder to `Bert::open`")
    }

    /// An encoder of these sizes and tokens, with trained weights or, where there are none, random ones.
    ///
    /// # Errors
    /// When config, weights and tokenizer do not fit each other.
    pub fn of(config: BertConfig, tokens: Tokens, trained: Option<Trained>) -> Result<Bert> {
        config.check()?;
        if let Some(trained) = &trained {
            let adopted = adopt(config.kind, Pooling::Mean, &trained.tensors).tensors;
            check(&config, &adopted, &trained.origin)?;
        }
        let (known, rows) = (tokens.vocabulary(), config.vocab_size);
        // tables of embeddings are often a little longer than the vocabulary
        if known > rows || known * 10 < rows * 9 {
            let what = format!("the tokenizer knows {known} tokens, and the encoder has embeddings of {rows}");
            return Err(Error::new(what).remedy("take the tokenizer that came with the weights"));
        }
        let origin = trained.as_ref().map_or_else(|| "random weights".to_owned(), |trained| trained.origin.clone());
        let layout = BertLayout::new(config, Pooling::Pooler);
        Ok(Bert(Sealed::new(Encoder { layout, tokens, trained: trained.map(Arc::new), origin })))
    }

    fn fetched(hub: &Hub, repo: &str, or: &str) -> Result<Bert> {
        let get = |file: &str| hub.fetch(&Published { arch: repo, repo, file });
        let first_of = |files: &[&str]| -> Result<PathBuf> {
            let mut found = get(files[0]);
            for file in &files[1..] {
                match &found {
                    Err(error) if is_absent(error) => found = get(file),
                    _ => break,
                }
            }
            found
        };
        let all = || -> Result<PathBuf> {
            let config = get("config.json")?;
            first_of(&WEIGHTS)?;
            first_of(&TOKENS)?;
            for file in BESIDE {
                match get(file) {
                    Err(error) if !is_absent(&error) => return Err(error),
                    _ => {}
                }
            }
            Ok(config)
        };
        let config = all().map_err(|error| {
            if error.is_interrupted() {
                return error;
            }
            let why = error.message().replace("the weights of `", "`").replace(" are not on", " is not on");
            Error::new(why).remedy(format!(
                "run the cell again when there is a network; or fetch `config.json`, `{}` and `{}` of {repo} elsewhere, into a folder, and \
                 use `Bert::open(\"folder\")?`; {or}",
                WEIGHTS[0], TOKENS[0]
            ))
        })?;
        Bert::open_at(config.parent().unwrap_or(Path::new(".")))
    }

    /// Another way for a text's tokens to become one row. Unless said, it is what the folder says, else what Hugging Face's classifiers do
    /// ([`Pooling::Pooler`]).
    pub fn pooling(self, pooling: Pooling) -> Bert {
        self.with(|encoder| encoder.layout.pooling = pooling)
    }

    /// The most tokens of a text, those included that stand for its beginning and its end; what is longer is cut. Unless said, what the folder
    /// says, else as many as the encoder has places for, at most 512.
    pub fn max_tokens(self, most: usize) -> Bert {
        self.with(|encoder| encoder.tokens = encoder.tokens.with_max(most))
    }

    /// The same with random weights.
    pub fn untrained(self) -> Bert {
        self.with(|encoder| {
            encoder.trained = None;
            encoder.origin = "random weights".to_owned();
        })
    }

    /// Another share of dropout, from 0 to below 1, behind the matrices and in the attention. Unless said, the config's.
    pub fn dropout(self, share: f64) -> Bert {
        self.with(|encoder| {
            encoder.layout.config.hidden_dropout_prob = share;
            encoder.layout.config.attention_probs_dropout_prob = share;
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Encoder)) -> Bert {
        change(&mut self.0);
        self
    }

    /// Its sizes, and how a text becomes one row.
    pub fn layout(&self) -> &BertLayout {
        &self.0.layout
    }

    /// How texts become its tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Where its weights come from, for messages.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// A network of it with a head, whose weights are of the set's seed, and what became of the trained weights.
    ///
    /// # Errors
    /// When an option makes no sense, and when the set's device cannot hold it.
    pub fn network(&self, params: ParamSet, head: HeadMaker) -> Result<(Network, Option<LoadReport>)> {
        let Encoder { layout, tokens, trained, origin } = &*self.0;
        layout.config.check()?;
        let (said, most) = (tokens.max_tokens(), layout.config.max_tokens());
        if !(3..=most).contains(&said) {
            let what = format!("`max_tokens` is {said}; expected 3 to {most}, as many as the encoder has places for");
            return Err(Error::new(what).remedy(format!("write `.max_tokens({})`", most.min(128))));
        }
        let mut layout = layout.clone();
        let has = |trained: &Trained| has_pooler(&layout, &trained.tensors);
        layout.new_pooler = layout.pooling == Pooling::Pooler && !trained.as_deref().is_some_and(has);
        let network = Network::bert(params, layout, head)?;
        let report = match trained {
            Some(trained) => Some(network.load_body(&trained.tensors, origin)?),
            None => None,
        };
        Ok((network, report))
    }
}

/// Whether a hub says that there is no such file.
fn is_absent(error: &Error) -> bool {
    error.message().contains("404")
}

impl Clone for Bert {
    fn clone(&self) -> Bert {
        Bert(Sealed::new(Encoder::clone(&self.0)))
    }
}

impl fmt::Debug for Bert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BertConfig { kind, num_hidden_layers, hidden_size, .. } = &self.0.layout.config;
        let (layers, origin) = (num_hidden_layers, &self.0.origin);
        write!(f, "Bert: {}, {layers} layers of {hidden_size} numbers a token, {origin}", kind.name())
    }
}

/// What a learner of text starts from: a [`Bert`], or a reference to one.
///
/// ```
/// use candlewick_prelude::models::{AsEncoder, Bert};
/// let tiny = Bert::tiny()?;
/// assert_eq!(tiny.as_encoder().origin(), (&tiny).as_encoder().origin());
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no encoder of text",
    label = "expected a `Bert`, such as `Bert::at_hand()?`",
    note = "encoders are `Bert::at_hand()?`, `Bert::minilm()?`, `Bert::open(\"folder\")?`, `Bert::hub(\"name\")?`, each with its `?`",
    note = "a network of pictures starts by `Learner::vision(Arch::default(), &data)?`"
)]
pub trait AsEncoder {
    /// The encoder.
    fn as_encoder(&self) -> &Bert;
}

impl AsEncoder for Bert {
    fn as_encoder(&self) -> &Bert {
        self
    }
}

impl<T: AsEncoder> AsEncoder for &T {
    fn as_encoder(&self) -> &Bert {
        T::as_encoder(self)
    }
}
