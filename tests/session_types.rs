//! Types of everyday variables, and completion and inspection at every kind of place, in one real session.
//!
//! Needs an installed template, and skips without one; has a `main` of its own, as `session.rs` has.

#[path = "common/skip.rs"]
mod skip;

use candlewick::screen::Recorder;
use candlewick::session::{Options, Session, Why, hook};
use std::time::{Duration, Instant};

/// Cells that bind variables, and their types.
const LETS: &[(&str, &[(&str, &str)])] = &[
    // collections
    ("let m = std::collections::HashMap::from([(\"a\", 1), (\"b\", 2)]);", &[("m", "HashMap<&str, i32>")]),
    ("let got = m.get(\"a\").copied();", &[("got", "Option<i32>")]),
    ("let or = m.get(\"z\").copied().unwrap_or_default();", &[("or", "i32")]),
    ("let keys: Vec<_> = m.keys().cloned().collect();", &[("keys", "Vec<&str>")]),
    ("let plus = m.iter().map(|p| p.1 + 1).collect::<Vec<_>>();", &[("plus", "Vec<i32>")]),
    ("let values = m.values().copied().collect::<std::collections::BTreeSet<i32>>();", &[("values", "BTreeSet<i32>")]),
    (
        "let mut count = std::collections::HashMap::new(); for w in \"a b a\".split(' ') { *count.entry(w.to_string()).or_insert(0u32) += 1; }",
        &[("count", "HashMap<String, u32>")],
    ),
    (
        "let most = count.iter().max_by_key(|(_, n)| **n).map(|(w, n)| (w.clone(), *n));",
        &[("most", "Option<(String, u32)>")],
    ),
    ("let has = count.contains_key(\"a\");", &[("has", "bool")]),
    ("let entries: Vec<(String, u32)> = count.clone().into_iter().collect();", &[("entries", "Vec<(String, u32)>")]),
    ("let gone = count.clone().remove(\"a\");", &[("gone", "Option<u32>")]),
    ("let set = std::collections::HashSet::from([1, 2, 3]);", &[("set", "HashSet<i32>")]),
    (
        "let both: Vec<_> = set.intersection(&std::collections::HashSet::from([2, 3])).copied().collect();",
        &[("both", "Vec<i32>")],
    ),
    (
        "let union = set.iter().chain([4].iter()).copied().collect::<std::collections::HashSet<_>>();",
        &[("union", "HashSet<i32>")],
    ),
    ("let mut tree = std::collections::BTreeMap::new(); tree.insert(1u8, 'x');", &[("tree", "BTreeMap<u8, char>")]),
    ("let first = tree.first_key_value().map(|(k, v)| (*k, *v));", &[("first", "Option<(u8, char)>")]),
    ("let range = tree.range(0..).map(|(k, _)| *k).collect::<Vec<u8>>();", &[("range", "Vec<u8>")]),
    (
        "let mut queue = std::collections::VecDeque::from(vec![1.5, 2.5]); queue.push_front(0.5);",
        &[("queue", "VecDeque<f64>")],
    ),
    (
        "let mut heap = std::collections::BinaryHeap::new(); heap.push((3, \"c\"));",
        &[("heap", "BinaryHeap<(i32, &str)>")],
    ),
    ("let top = heap.peek().copied();", &[("top", "Option<(i32, &str)>")]),
    // vectors, slices, arrays
    ("let v = vec![3, 1, 2];", &[("v", "Vec<i32>")]),
    ("let mut w = Vec::new(); w.push(1.5f32);", &[("w", "Vec<f32>")]),
    ("let sorted = { let mut s = v.clone(); s.sort_unstable_by(|a, b| b.cmp(a)); s };", &[("sorted", "Vec<i32>")]),
    (
        "let (small, large): (Vec<i32>, Vec<i32>) = v.iter().partition(|n| **n < 2);",
        &[("small", "Vec<i32>"), ("large", "Vec<i32>")],
    ),
    ("let windows = v.windows(2).map(|w| w[0] - w[1]).collect::<Vec<_>>();", &[("windows", "Vec<i32>")]),
    ("let chunks: Vec<Vec<i32>> = v.chunks(2).map(<[i32]>::to_vec).collect();", &[("chunks", "Vec<Vec<i32>>")]),
    ("let grid = [[0u8; 3]; 2];", &[("grid", "[[u8; 3]; 2]")]),
    ("let best = v.iter().copied().max();", &[("best", "Option<i32>")]),
    ("let joined = [\"a\", \"b\"].join(\"-\");", &[("joined", "String")]),
    ("let flat = vec![vec![1], vec![2, 3]].concat();", &[("flat", "Vec<i32>")]),
    ("let boxed = vec![1u8, 2].into_boxed_slice();", &[("boxed", "Box<[u8]>")]),
    ("let found = v.binary_search(&3);", &[("found", "Result<usize, usize>")]),
    (
        "let (head, tail) = v.split_first().map(|(h, t)| (*h, t.to_vec())).unwrap();",
        &[("head", "i32"), ("tail", "Vec<i32>")],
    ),
    ("let [a0, b0] = [1u16, 2];", &[("a0", "u16"), ("b0", "u16")]),
    ("let array: [i32; 3] = v.clone().try_into().unwrap();", &[("array", "[i32; 3]")]),
    ("let mapped = [1, 2, 3].map(|n| n as f32 / 2.0);", &[("mapped", "[f32; 3]")]),
    // iterators
    ("let total: f64 = (1..=4).map(f64::from).sum();", &[("total", "f64")]),
    ("let squares = (0..5).map(|n| n * n).filter(|n| n % 2 == 0).collect::<Vec<u64>>();", &[("squares", "Vec<u64>")]),
    (
        "let zipped: Vec<_> = squares.iter().zip(\"abc\".chars()).map(|(n, c)| (*n, c)).collect();",
        &[("zipped", "Vec<(u64, char)>")],
    ),
    (
        "let (left, right): (Vec<_>, Vec<_>) = zipped.iter().cloned().unzip();",
        &[("left", "Vec<u64>"), ("right", "Vec<char>")],
    ),
    ("let product = (1..6u64).product::<u64>();", &[("product", "u64")]),
    ("let folded = (1..4).fold(String::new(), |text, n| format!(\"{text}{n}\"));", &[("folded", "String")]),
    ("let position = squares.iter().position(|n| *n == 4);", &[("position", "Option<usize>")]),
    ("let stepped: Vec<usize> = (0..10).step_by(3).rev().collect();", &[("stepped", "Vec<usize>")]),
    ("let any = squares.iter().any(|n| *n > 3);", &[("any", "bool")]),
    (
        "let numbered: std::collections::HashMap<usize, char> = \"xyz\".chars().enumerate().collect();",
        &[("numbered", "HashMap<usize, char>")],
    ),
    (
        "let all: Result<Vec<i32>, std::num::ParseIntError> = \"1 2 3\".split(' ').map(str::parse).collect();",
        &[("all", "Result<Vec<i32>, ParseIntError>")],
    ),
    (
        "let grouped = squares.chunk_by(|a, b| a < b).map(|g| g.len()).collect::<Vec<_>>();",
        &[("grouped", "Vec<usize>")],
    ),
    ("let lowest = [2.5, 1.5].into_iter().min_by(|a, b| f64::total_cmp(a, b));", &[("lowest", "Option<f64>")]),
    ("let taken = (0..).take_while(|n| n * n < 50).last();", &[("taken", "Option<i32>")]),
    ("let mut source = vec![1, 2].into_iter();", &[("source", "IntoIter<i32>")]),
    ("let mut peek = vec!['a'].into_iter().peekable();", &[("peek", "Peekable<IntoIter<char>>")]),
    // strings
    ("let text = \"Grüße, Welt\";", &[("text", "&str")]),
    ("let upper = text.to_uppercase();", &[("upper", "String")]),
    ("let words: Vec<&str> = text.split_whitespace().collect();", &[("words", "Vec<&str>")]),
    ("let owned: Vec<String> = text.split(\", \").map(String::from).collect();", &[("owned", "Vec<String>")]),
    ("let halves = text.split_once(\", \");", &[("halves", "Option<(&str, &str)>")]),
    ("let letters = text.char_indices().filter(|(_, c)| c.is_alphabetic()).count();", &[("letters", "usize")]),
    ("let bytes = text.as_bytes().to_vec();", &[("bytes", "Vec<u8>")]),
    ("let parsed = \"3.5\".parse::<f32>()?;", &[("parsed", "f32")]),
    ("let maybe = \"x\".parse::<u8>().ok();", &[("maybe", "Option<u8>")]),
    ("let formatted = format!(\"{:>8.2}\", 3.14159);", &[("formatted", "String")]),
    ("let back = String::from_utf8(bytes.clone())?;", &[("back", "String")]),
    ("let lossy = String::from_utf8_lossy(&[104, 105]).into_owned();", &[("lossy", "String")]),
    ("let letter = text.chars().nth(2);", &[("letter", "Option<char>")]),
    ("let digit = 'a'.to_digit(16);", &[("digit", "Option<u32>")]),
    ("let trimmed = \" x \".trim().to_owned() + \"!\";", &[("trimmed", "String")]),
    // paths and files
    ("let path = std::path::Path::new(\"/tmp\").join(\"candlewick-types.txt\");", &[("path", "PathBuf")]),
    (
        "std::fs::write(&path, \"one\\ntwo\\n\")?; let content = std::fs::read_to_string(&path)?;",
        &[("content", "String")],
    ),
    ("let lines: Vec<String> = content.lines().map(str::to_owned).collect();", &[("lines", "Vec<String>")]),
    ("let file = std::fs::File::open(&path)?;", &[("file", "File")]),
    ("let mut reader = std::io::BufReader::new(std::fs::File::open(&path)?);", &[("reader", "BufReader<File>")]),
    ("let size = std::fs::metadata(&path)?.len();", &[("size", "u64")]),
    (
        "let extension = path.extension().and_then(|e| e.to_str()).map(String::from);",
        &[("extension", "Option<String>")],
    ),
    ("let stem = path.file_stem().unwrap().to_os_string();", &[("stem", "OsString")]),
    (
        "let entries = std::fs::read_dir(\"/tmp\")?.filter_map(Result::ok).map(|e| e.path()).collect::<Vec<_>>();",
        &[("entries", "Vec<PathBuf>")],
    ),
    ("let home = std::env::var(\"HOME\").unwrap_or_default();", &[("home", "String")]),
    ("let output = std::process::Command::new(\"true\").output()?;", &[("output", "Output")]),
    ("let opened = std::fs::read(\"/nowhere\");", &[("opened", "Result<Vec<u8>, Error>")]),
    // threads and sharing
    ("let handle = std::thread::spawn(|| 7 * 6);", &[("handle", "JoinHandle<i32>")]),
    ("let joined_value = handle.join().unwrap();", &[("joined_value", "i32")]),
    (
        "let (sender, receiver) = std::sync::mpsc::channel();\nlet sent: Result<(), _> = sender.send(5u8).map_err(|e| e.to_string());",
        &[("sender", "Sender<u8>"), ("receiver", "Receiver<u8>"), ("sent", "Result<(), String>")],
    ),
    ("let atomic = std::sync::atomic::AtomicUsize::new(1);", &[("atomic", "AtomicUsize")]),
    (
        "let shared_count = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));",
        &[("shared_count", "Arc<AtomicI64>")],
    ),
    ("let shared = std::sync::Arc::new(std::sync::Mutex::new(vec![1]));", &[("shared", "Arc<Mutex<Vec<i32>>>")]),
    ("let length = shared.lock().unwrap().len();", &[("length", "usize")]),
    ("let cell = std::rc::Rc::new(std::cell::RefCell::new(String::new()));", &[("cell", "Rc<RefCell<String>>")]),
    ("let once = std::sync::OnceLock::<String>::new();", &[("once", "OnceLock<String>")]),
    ("let scoped = std::thread::scope(|s| s.spawn(|| v.len()).join().unwrap());", &[("scoped", "usize")]),
    // time and numbers
    ("let began = std::time::Instant::now();", &[("began", "Instant")]),
    ("let took = began.elapsed().as_secs_f64();", &[("took", "f64")]),
    ("let pause = std::time::Duration::from_millis(5) * 2;", &[("pause", "Duration")]),
    ("let epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();", &[("epoch", "u64")]),
    ("let number = 5;", &[("number", "i32")]),
    ("let wide = 5u64.pow(3) as f32;", &[("wide", "f32")]),
    ("let root = 2f64.sqrt().mul_add(2.0, 1.0);", &[("root", "f64")]),
    ("let checked = 250u8.checked_add(10);", &[("checked", "Option<u8>")]),
    ("let wrapped = std::num::Wrapping(5u8);", &[("wrapped", "Wrapping<u8>")]),
    ("let span = 0..10;", &[("span", "Range<i32>")]),
    ("let inclusive = 'a'..='e';", &[("inclusive", "RangeInclusive<char>")]),
    ("let less = 1.cmp(&2);", &[("less", "Ordering")]),
    // results, options, own types
    ("let option = Some(3).filter(|n| n % 2 == 1).map(|n| n * 2);", &[("option", "Option<i32>")]),
    ("let nothing = None::<String>;", &[("nothing", "Option<String>")]),
    ("let chosen = if option.is_some() { \"yes\" } else { \"no\" };", &[("chosen", "&str")]),
    ("let matched = match option { Some(n) if n > 5 => n as f64, _ => 0.0 };", &[("matched", "f64")]),
    ("let Some(inside) = option else { panic!() };", &[("inside", "i32")]),
    (
        "#[derive(Clone, Debug, PartialEq)] struct Point { x: f64, y: f64 } let p = Point { x: 1.0, y: 2.0 };",
        &[("p", "Point")],
    ),
    ("let Point { x, y: other } = p.clone();", &[("x", "f64"), ("other", "f64")]),
    ("impl Point { fn norm(&self) -> f64 { self.x.hypot(self.y) } } let norm = p.norm();", &[("norm", "f64")]),
    (
        "fn pair<T: Clone>(t: &T) -> (T, T) { (t.clone(), t.clone()) } let points = pair(&p);",
        &[("points", "(Point, Point)")],
    ),
    ("let joined = std::thread::spawn(|| 5).join();", &[("joined", "Result<i32, Box<dyn Any + Send>>")]),
    (
        "fn may_fail() -> std::result::Result<i32, Box<dyn std::error::Error + Send + Sync>> { Ok(1) }\nlet all = vec![may_fail()];",
        &[("all", "Vec<Result<i32, Box<dyn Error + Send + Sync>>>")],
    ),
    (
        "fn any_reader() -> Box<dyn std::io::Read> { Box::new(std::io::empty()) }\nlet reads = any_reader();",
        &[("reads", "Box<dyn Read>")],
    ),
    (
        "mod shapes { pub trait Shape {} impl Shape for u8 {} pub fn make() -> Box<dyn Shape> { Box::new(1u8) } }\nlet shape = shapes::make();",
        &[("shape", "Box<dyn Shape>")],
    ),
    (
        "let point_boxed: Box<dyn std::fmt::Debug> = Box::new(p.clone());",
        &[("point_boxed", "Box<dyn std::fmt::Debug>")],
    ),
    ("let function = pair::<i32> as fn(&i32) -> (i32, i32);", &[("function", "fn(&i32) -> (i32, i32)")]),
    ("let unit = ();", &[("unit", "()")]),
    ("let nested = (1, (\"a\", [2.0]));", &[("nested", "(i32, (&str, [f64; 1]))")]),
    // candle
    ("let t = Tensor::randn(0f32, 1f32, (2, 3), &Device::Cpu)?;", &[("t", "Tensor")]),
    ("let dims = t.dims().to_vec();", &[("dims", "Vec<usize>")]),
    ("let (rows, columns) = t.dims2()?;", &[("rows", "usize"), ("columns", "usize")]),
    ("let shape = t.shape().clone();", &[("shape", "Shape")]),
    ("let numbers = t.to_vec2::<f32>()?;", &[("numbers", "Vec<Vec<f32>>")]),
    ("let sum = t.sum_all()?.to_scalar::<f32>()?;", &[("sum", "f32")]),
    ("let product = (t.matmul(&t.t()?)? * 2.0)?;", &[("product", "Tensor")]),
    ("let slice = t.i((0, ..))?;", &[("slice", "Tensor")]),
    ("let parts = t.chunk(3, 1)?;", &[("parts", "Vec<Tensor>")]),
    ("let kind = t.dtype();", &[("kind", "DType")]),
    ("let device = Device::Cpu;", &[("device", "Device")]),
    ("let var = candle_core::Var::from_tensor(&t)?;", &[("var", "Var")]),
    ("let grads = var.sqr()?.sum_all()?.backward()?;", &[("grads", "GradStore")]),
    ("let varmap = candle_nn::VarMap::new();", &[("varmap", "VarMap")]),
    ("let vb = candle_nn::VarBuilder::from_varmap(&varmap, DType::F32, &Device::Cpu);", &[("vb", "VarBuilder")]),
    ("let linear = candle_nn::linear(3, 2, vb.pp(\"l\"))?;", &[("linear", "Linear")]),
    ("let out = linear.forward(&t)?;", &[("out", "Tensor")]),
    (
        "use candle_nn::Optimizer; let sgd = candle_nn::SGD::new(varmap.all_vars(), 0.1);",
        &[("sgd", "Result<SGD, Error>")],
    ),
    (
        "let tensors = std::collections::HashMap::from([(\"t\".to_string(), t.clone())]);",
        &[("tensors", "HashMap<String, Tensor>")],
    ),
    ("let total_size: usize = tensors.values().map(|t| t.elem_count()).sum();", &[("total_size", "usize")]),
    ("let seq = candle_nn::seq().add(candle_nn::Activation::Relu);", &[("seq", "Sequential")]),
    // image, plotters, the prelude
    ("let mut picture = image::RgbImage::new(8, 8);", &[("picture", "RgbImage")]),
    ("let pixel = *picture.get_pixel(0, 0);", &[("pixel", "Rgb<u8>")]),
    ("let dynamic = image::DynamicImage::ImageRgb8(picture.clone());", &[("dynamic", "DynamicImage")]),
    ("let grey = dynamic.to_luma8();", &[("grey", "GrayImage")]),
    ("let (width, height) = image::GenericImageView::dimensions(&dynamic);", &[("width", "u32"), ("height", "u32")]),
    ("let colour = plotters::style::RGBColor(10, 20, 30);", &[("colour", "RGBColor")]),
    ("let worker = std::thread::spawn(|| loop { std::thread::park(); });", &[("worker", "JoinHandle<!>")]),
    ("let boxes = vec![BBox::new(0.0, 0.0, 4.0, 4.0)];", &[("boxes", "Vec<BBox>")]),
    ("let arch = Arch::default();", &[("arch", "Arch")]),
    ("let augment = Augment::standard();", &[("augment", "Augment")]),
];

/// Variables of which a cell does not say enough, and what the message must hold.
const UNTOLD: &[(&str, &[&str])] = &[
    ("let v = Vec::new();", &["`v`", "Vec<_>", "let v: Vec<T>"]),
    ("let m = std::collections::HashMap::new();", &["`m`", "HashMap<_, _>"]),
    ("let n = None;", &["`n`", "Option<_>"]),
    ("let d = Default::default();", &["Default", "let d = "]),
    ("let c: Vec<_> = \"a\".chars().map(|_| Vec::new()).collect();", &["type annotations needed", "Vec::<T>::new()"]),
    ("let f = |x: i32| x + 1;", &["closure", "fn(i32) ->", "Box<dyn Fn"]),
    ("let k = 3; let g = move |x: f32| x * k as f32;", &["closure", "`g`", "Box<dyn Fn"]),
    ("let it = vec![1, 2].into_iter().map(|x| x + 1);", &["iterator", "collect", "`it`"]),
    ("let chars = \"abc\".chars().filter(|c| *c != 'b').rev();", &["iterator", "collect"]),
    (
        "fn evens() -> impl Iterator<Item = u32> { (0..).step_by(2) } let e = evens();",
        &["Box<dyn Iterator<Item = u32>>"],
    ),
];

/// Cells that do not compile: the first `let` of each kind that is wrong, and what the message must hold.
const WRONG: &[(&str, &str)] = &[
    ("let v = nothing.clone();", "nothing"),
    ("let loss = undefined_name;", "undefined_name"),
    ("let a = std::;", "identifier"),
    ("let b = m.get(;", "closed"),
    ("let c: i32 = \"text\";", "mismatched"),
    ("let d = Tensor::nonsense(3)?;", "nonsense"),
    ("let e = vec![1].no_such_method();", "no_such_method"),
];

/// Places to complete and inspect at; `|` is the cursor. None may end or stall the session.
const PLACES: &[&str] = &[
    "learner.fit(|",
    "v.push(|)",
    "keep.max(|)",
    "fn f(n: u64) -> u64 { | }",
    "let a = A { x: | };",
    "|",
    "t.|",
    "t.dims().|",
    "Tensor::|",
    "Tensor::ran|",
    "let x = Tensor::zeros((2, |), DType::F32, &Device::Cpu)?;",
    "use candle_core::|",
    "use |",
    "std::collections::|",
    "let m: std::coll|",
    "m.get(|",
    "m.entry(\"a\").|",
    "vec![1, 2, |]",
    "println!(\"{}\", |)",
    "format!(\"{|}\")",
    "if |",
    "if t.| {",
    "match | {",
    "match t.rank() { | }",
    "match t.rank() { 0 => |, _ => 1 }",
    "for i in | {}",
    "for | in 0..3 {}",
    "while let Some(|) = x {}",
    "let |",
    "let (a, |) = (1, 2);",
    "let f = |x: i32| x.|;",
    "let f: |",
    "fn f(|) {}",
    "fn f() -> | {}",
    "fn f<T: |>(t: T) {}",
    "struct S { a: | }",
    "struct S { | }",
    "impl | for Vec<i32> {}",
    "impl S { fn f(&self) { self.| } }",
    "#[derive(|)] struct S;",
    "#[|] fn f() {}",
    "return |;",
    "v[|]",
    "v[0].|",
    "(|",
    "[|",
    "{ |",
    "&|",
    "&mut |",
    "*|",
    "!|",
    "-|",
    "1 + |",
    "1.|",
    "1..|",
    "\"text\".|",
    "\"in a | string\"",
    "// in a | comment",
    "/* | */",
    "'|'",
    "r#\"|\"#",
    "async { | }",
    "loop { break | }",
    "let x = loop { | };",
    "macro_rules! m { (|) => {} }",
    "m!(|)",
    "unsafe { | }",
    "t.i((|, ..))",
    "t.reshape(|",
    "Device::|",
    "DType::F|",
    "x?.|",
    "x?|",
    "t.matmul(&t)?.|",
    "Some(|",
    "Ok::<|",
    "Vec::<|>::new()",
    "let v: Vec<|> = vec![];",
    "dyn |",
    "Box<dyn |>",
    "'static |",
    "where T: |",
    "mod m { | }",
    "trait T { fn f(&self) { | } }",
    "const X: | = 1;",
    "static X: u8 = |;",
    "type T = |;",
    "enum E { A(|) }",
    "crate::|",
    "super::|",
    "self::|",
    "::|",
    ":v|",
    ":dep |",
    "!ls |",
    "größe.|",
    "let größe = t.|",
    "😀|",
    "\u{0}|",
    "((((((((((((|",
    "}}}}|",
    "t.|\nlet after = 1;",
    "let before = t.rank();\nbefore.|",
    "let c = |a: &Tensor, b| { a.| };",
    "[1, 2, 3].iter().map(|x| x.|)",
    "datasets::|",
    "datasets::vehicles().|",
    "plot::|",
    "show::|",
    "Learner::|",
    "ImageFolder::open(|",
    "ImageFolder::open(\"x\")?.split(|",
    "Augment::standard().|",
];

fn main() {
    hook();
    let count = LETS.len() + UNTOLD.len() + WRONG.len() + PLACES.len();
    if skip::skips(count) {
        return;
    }
    let session = Session::start(Options::default()).expect("the session starts");
    session.wait_ready().expect("the session becomes ready");
    let mut failed = Vec::new();
    let mut check = |name: &str, outcome: Result<(), String>| {
        if let Err(reason) = outcome {
            println!("test {name} … FAILED: {reason}");
            failed.push(name.to_owned());
        }
    };
    // Before anything else, as a person does right after the start.
    check("completion waits for the analysis", completes(&session, "Tensor::ran", "randn"));
    for (code, wanted) in WRONG {
        check(code, wrong(&session, code, wanted));
    }
    for (code, variables) in LETS {
        check(code, typed(&session, code, variables));
    }
    for (code, words) in UNTOLD {
        check(code, untold(&session, code, words));
    }
    for place in PLACES {
        check(place, lives(&session, place));
    }
    for (name, outcome) in looks(&session) {
        check(name, outcome);
    }
    check("all variables are there", typed(&session, "let last = t.rank() + v.len();", &[("last", "usize")]));
    println!("{} passed, {} failed", count - failed.len().min(count), failed.len());
    drop(session);
    candlewick::session::clean_up();
    std::process::exit(i32::from(!failed.is_empty()));
}

fn short(kind: &str) -> String {
    // Paths may be written in many ways: the last name of each is what counts.
    let mut text = String::new();
    for word in kind.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        text.push_str(word.rsplit("::").next().unwrap_or(word));
    }
    text.replace("'static ", "").replace("'_, ", "").replace("'_ ", "")
}

fn typed(session: &Session, code: &str, wanted: &[(&str, &str)]) -> Result<(), String> {
    let start = Instant::now();
    session.execute(code, &mut Recorder::default()).map_err(|error| error.traceback.join("\n"))?;
    let variables = session.bound();
    if start.elapsed() > Duration::from_secs(2) {
        println!("slow: {code} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    for (name, kind) in wanted {
        let found = variables.iter().find(|variable| variable.name == *name).ok_or(format!("no `{name}`"))?;
        let same =
            short(&found.kind) == short(kind) || found.kind.contains("VarBuilder") && kind.contains("VarBuilder");
        let alias = found.kind.contains("ImageBuffer") && kind.ends_with("Image");
        if !same && !alias {
            return Err(format!("`{name}` is `{}`, not `{kind}`", found.kind));
        }
    }
    Ok(())
}

fn untold(session: &Session, code: &str, words: &[&str]) -> Result<(), String> {
    match session.execute(code, &mut Recorder::default()) {
        Ok(_) => Err("it ran".to_owned()),
        Err(error) if error.why != Why::Compile => Err(format!("{error}")),
        Err(error) => match words.iter().find(|word| !error.traceback.join("\n").contains(**word)) {
            Some(word) => Err(format!("no `{word}` in: {}", error.traceback.join("\n"))),
            None => Ok(()),
        },
    }
}

fn wrong(session: &Session, code: &str, wanted: &str) -> Result<(), String> {
    let start = Instant::now();
    let Err(error) = session.execute(code, &mut Recorder::default()) else { return Err("it ran".to_owned()) };
    if start.elapsed() > Duration::from_secs(15) {
        return Err(format!("it took {:?}", start.elapsed()));
    }
    match error.traceback.join("\n").contains(wanted) {
        true => Ok(()),
        false => Err(format!("no `{wanted}` in: {}", error.traceback.join("\n"))),
    }
}

fn completes(session: &Session, code: &str, wanted: &str) -> Result<(), String> {
    let found = session.complete(code, code.len());
    match found.candidates.iter().any(|candidate| candidate.text == wanted) {
        true => Ok(()),
        false => Err(format!("no `{wanted}` in {:?}", found.candidates)),
    }
}

/// The first candidates.
fn leads(session: &Session, code: &str, wanted: &[&str]) -> Result<(), String> {
    let found = session.complete(code, code.len()).candidates;
    let first: Vec<&str> = found.iter().take(wanted.len()).map(|one| one.text.as_str()).collect();
    if first == wanted { Ok(()) } else { Err(format!("{first:?}")) }
}

/// None of these is among the first candidates.
fn not_first(session: &Session, code: &str, unwanted: &[&str]) -> Result<(), String> {
    let found = session.complete(code, code.len()).candidates;
    let first: Vec<&str> = found.iter().take(5).map(|one| one.text.as_str()).collect();
    if first.iter().all(|one| !unwanted.contains(one)) { Ok(()) } else { Err(format!("{first:?}")) }
}

/// Completion and inspection at a place end within seconds, and the session lives.
fn lives(session: &Session, place: &str) -> Result<(), String> {
    let cursor = place.rfind('|').filter(|_| place.matches('|').count() == 1);
    let cursor = cursor.or_else(|| place.find(".|").map(|at| at + 1)).ok_or("no cursor")?;
    let code = format!("{}{}", &place[..cursor], &place[cursor + 1..]);
    let start = Instant::now();
    let completions = session.complete(&code, cursor);
    session.inspect(&code, cursor);
    if start.elapsed() > Duration::from_secs(10) {
        return Err(format!("it took {:?}", start.elapsed()));
    }
    let odd = |text: &str| text.starts_with("evcxr") || text.starts_with("candlewick_cell") || text == "cell_value";
    if let Some(candidate) = completions.candidates.iter().find(|candidate| odd(&candidate.text)) {
        return Err(format!("it offers {candidate:?}"));
    }
    if !(completions.start <= completions.end && completions.end <= code.len()) {
        return Err(format!("it replaces {}..{}", completions.start, completions.end));
    }
    Ok(())
}

/// What completion and inspection must show.
fn looks(session: &Session) -> Vec<(&'static str, Result<(), String>)> {
    let completions = |code: &str| session.complete(code, code.len()).candidates;
    let contains = |found: bool, said: String| if found { Ok(()) } else { Err(said) };
    let inspected = |code: &str, words: &[&str]| {
        let plain = session.inspect(code, code.len()).map(|it| it.plain).unwrap_or_default();
        contains(words.iter().all(|word| plain.contains(word)), plain)
    };
    let of_tensor = completions("t.");
    let first: Vec<&str> = of_tensor.iter().take(40).map(|candidate| candidate.text.as_str()).collect();
    let at = |name: &str| of_tensor.iter().position(|candidate| candidate.text == name);
    vec![
        (
            "a type's own methods come first",
            contains(at("matmul").is_some() && at("matmul") < at("clone"), format!("{first:?}")),
        ),
        (
            "what every type has is offered to who begins to type it",
            contains(at("into").or(at("borrow")).is_none() && !completions("t.int").is_empty(), format!("{first:?}")),
        ),
        (
            "no private members",
            contains(at("storage").is_none() && at("same_storage").is_none(), format!("{of_tensor:?}")),
        ),
        ("no keywords", contains(at("await").is_none() && at("match").is_none(), format!("{first:?}"))),
        (
            "signatures beside the names",
            contains(of_tensor.iter().any(|it| it.label.contains("matmul(&self, rhs: &Self)")), format!("{first:?}")),
        ),
        ("fields of own types", completes(session, "p.", "norm")),
        ("variables of the same cell", completes(session, "let same = vec![1];\nsame.", "push")),
        ("commands", completes(session, ":va", ":vars")),
        ("magics", completes(session, "%tim", "%timeit")),
        ("files in a string", completes(session, "ImageFolder::open(\"/us", "usr/")),
        ("files in a line for the shell", completes(session, "!ls /us", "usr/")),
        ("what people look for comes first", leads(session, "v.", &["push", "len", "iter"])),
        (
            "no variant first where none is wanted",
            not_first(session, "learner.fit(1, ", &["None", "Err", "Ok", "Some"]),
        ),
        ("functions of earlier cells", completes(session, "pai", "pair")),
        ("what a trait wants", completes(session, "struct O;\nimpl Task for O {\n    fn na", "fn name(&self) -> &str")),
        ("in chains", completes(session, "t.matmul(&t)?.su", "sum_all")),
        ("inside a macro's brackets", completes(session, "println!(\"{}\", t.ra", "rank")),
        ("inside a closure", completes(session, "v.iter().map(|n| n.po", "pow")),
        ("the signature inside brackets", inspected("t.matmul(", &["fn matmul", "argument 1 of 1", "^^^"])),
        ("the second argument's turn", inspected("Tensor::zeros((2, 3), ", &["fn zeros", "argument 2 of 3", "dtype"])),
        ("the signature in a chain", inspected("t.matmul(&t)?.narrow(0, ", &["fn narrow", "argument 2 of 3"])),
        (
            "the signature on a cell's own variable",
            inspected("let own = vec![1]; own.push(", &["fn push", "value: i32"]),
        ),
        (
            "the signature on a number of a call",
            inspected("Tensor::zeros((2, 3), 1e-3", &["fn zeros", "argument 2 of 3"]),
        ),
        ("the signature on a text of a call", inspected("ImageFolder::open(\"x\"", &["fn open", "argument 1"])),
        ("a macro's documentation in its brackets", inspected("println!(", &["println", "standard output"])),
        ("a macro's documentation behind an argument", inspected("assert_eq!(1, ", &["assert_eq"])),
        ("the type of an earlier variable", {
            let plain = session.inspect("v", 1).map(|it| it.plain).unwrap_or_default();
            contains(plain.starts_with("let v: "), plain)
        }),
        ("a method by its bare name", inspected("keep_old_classes", &["fn keep_old_classes", "old accuracy"])),
        ("documentation of a name", inspected("Tensor::zeros", &["fn zeros", "filled with zeros"])),
        ("the type of a variable", inspected("let own = vec![1u8]; own", &["Vec<u8>"])),
    ]
}
