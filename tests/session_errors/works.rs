//! Cells that used to fail, or to do something else than they say.

use super::Case;
use super::Step::{Fails, Gives, Runs, Says};

pub const CASES: &[Case] = &[
    (
        "every kind of last expression is shown",
        &[
            Gives("1 + 1", "2"),
            Gives("let a_t = 2;\na_t * 3 // six", "6"),
            Gives("if true { \"yes\" } else { \"no\" }", "\"yes\""),
            Gives("match 3 { 3 => 'c', _ => 'd' }", "'c'"),
            Gives("{ let x = 1; x + 1 }", "2"),
            Gives("'outer: loop { break 'outer 7 }", "7"),
            Gives("unsafe { 5 }", "5"),
            Gives("vec![1, 2] /* all */", "[1, 2]"),
            Gives("vec! { 1, 2 }", "[1, 2]"),
            Gives("std::time::Duration::from_secs(2)", "2s"),
            Says("for i in 0..2 { println!(\"{i}\"); }", "0\n1\n"),
            Says("println! { \"braces\" }", "braces\n"),
            Says("let mut n = 0; while n < 1 { n += 1; println!(\"once\") }", "once\n"),
            Says("(|x: i32| x + 1)(1); |x: i32| x; println!(\"said\")", "said"),
            Fails("panic!(\"on purpose\")", &["on purpose", "1 | panic!(\"on purpose\")"]),
            Fails("return", &["`return Ok(());`"]),
            Runs("fn only_an_item() {}"),
            Runs("// only a comment"),
            Runs(""),
        ],
    ),
    (
        "commands stand behind comments of every kind",
        &[
            Runs("/* what there is */ :vars"),
            Runs("// first\n  // indented\n:vars"),
            Runs("/* of two\nlines */\n:help"),
            Runs("/* a note */\n:opt 1\nlet opted = 1 + 2;"),
            Gives("opted", "3"),
            Runs("/* as it was */ :opt 2"),
            Runs("::std::mem::drop(1);"),
            Gives("  ::std::cmp::max(1, 2)", "2"),
            Says("/* for the shell */\n!echo heard", "heard"),
        ],
    ),
    (
        "an impl is replaced when it is run again",
        &[
            Runs("trait Shape { fn area(&self) -> f32; }\n#[derive(Debug, Clone)]\nstruct Square(f32);"),
            Runs("impl Shape for Square { fn area(&self) -> f32 { self.0 } }"),
            Runs("impl Shape for Square { fn area(&self) -> f32 { self.0 * self.0 } }"),
            Gives("Square(3.0).area()", "9.0"),
            Runs("impl Square { fn name(&self) -> &str { \"one\" } fn kept(&self) -> i32 { 5 } }"),
            Runs("impl Square { fn name(&self) -> &str { \"two\" } }"),
            Gives("(Square(1.0).name(), Square(1.0).kept())", "(\"two\", 5)"),
            Runs(
                "impl std::fmt::Display for Square { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"a\") } }",
            ),
            Runs(
                "impl std::fmt::Display for Square { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"b\") } }",
            ),
            Gives("Square(1.0).to_string()", "\"b\""),
            Runs("let sq = Square(2.0);"),
            Runs("trait Shape { fn area(&self) -> f32; fn twice(&self) -> f32 { 2.0 * self.area() } }"),
            Gives("sq.twice()", "8.0"),
        ],
    ),
    (
        "a type with a constructor that may fail is run again, and changed",
        &[
            Runs(
                "struct Rc1 { x: i32 }\nimpl Rc1 { fn new() -> Result<Rc1> { Ok(Rc1 { x: 1 }) } }\nlet rc1 = Rc1::new()?;",
            ),
            Runs(
                "struct Rc1 { x: i32 }\nimpl Rc1 { fn new() -> Result<Rc1> { Ok(Rc1 { x: 1 }) } }\nlet rc1 = Rc1::new()?;",
            ),
            Runs(
                "struct Rc1 { x: i32, y: i32 }\nimpl Rc1 { fn new() -> Result<Self> { Ok(Rc1 { x: 1, y: 2 }) } fn sum(&self) -> i32 { self.x + self.y } }\nlet rc1 = Rc1::new()?;\nlet rc_sum = Rc1::new()?.sum();",
            ),
            Gives("(rc1.sum(), rc_sum)", "(3, 3)"),
            Runs("impl Rc1 { fn new() -> Result<Self> { Ok(Rc1 { x: 5, y: 2 }) } }\nlet rc2 = Rc1::new().unwrap();"),
            Gives("rc2.sum()", "7"),
            Runs(
                "use candle_nn::{Linear, VarBuilder, VarMap, linear};\nstruct Net7 { a: Linear }\nimpl Net7 { fn new(vb: VarBuilder) -> Result<Net7> { Ok(Net7 { a: linear(2, 3, vb.pp(\"a\"))? }) } }\nlet vm = VarMap::new();\nlet net7 = Net7::new(VarBuilder::from_varmap(&vm, DType::F32, &Device::Cpu))?;",
            ),
            Runs(
                "struct Net7 { a: Linear, b: Linear }\nimpl Net7 { fn new(vb: VarBuilder) -> Result<Net7> { Ok(Net7 { a: linear(2, 3, vb.pp(\"a\"))?, b: linear(3, 1, vb.pp(\"b\"))? }) } }\nlet vm = VarMap::new();\nlet net7 = Net7::new(VarBuilder::from_varmap(&vm, DType::F32, &Device::Cpu))?;",
            ),
            Gives("net7.b.weight().dims()", "[1, 3]"),
        ],
    ),
    (
        "the first await keeps variables of own types",
        &[
            Runs("#[derive(Debug)]\nstruct Kept4 { x: i32 }\nlet kept4 = Kept4 { x: 4 };"),
            Runs("let waited = async { 5 }.await;"),
            Gives("(kept4.x, waited)", "(4, 5)"),
            Runs("let kept5 = Kept4 { x: 5 };"),
            Gives("[kept4, kept5]", "[Kept4 { x: 4 }, Kept4 { x: 5 }]"),
        ],
    ),
    (
        "a struct and its impls are run again, with others or without",
        &[
            Runs(
                "struct Both2 { a: i32 }\nimpl Both2 { fn get(&self) -> i32 { self.a } }\nimpl std::fmt::Debug for Both2 { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"own\") } }",
            ),
            Runs(
                "struct Both2 { a: i32 }\nimpl Both2 { fn get(&self) -> i32 { self.a + 1 } }\nimpl std::fmt::Debug for Both2 { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"own\") } }",
            ),
            Gives("Both2 { a: 1 }.get()", "2"),
            Gives("Both2 { a: 1 }", "own"),
            Runs("#[derive(Debug)]\nstruct Both2 { a: i32 }"),
            Gives("Both2 { a: 1 }", "Both2 { a: 1 }"),
            Runs("impl Both2 { fn get(&self) -> i32 { 40 } }"),
            Gives("Both2 { a: 1 }.get()", "40"),
            Runs("struct Apart;"),
            Runs(
                "impl std::fmt::Debug for Apart { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"by hand\") } }",
            ),
            Runs("#[derive(Debug)] struct Apart;"),
            Gives("Apart", "Apart"),
        ],
    ),
    (
        "impls of traits for others' types, generic ones, and foreign functions are run again",
        &[
            Runs("trait Double { fn double(&self) -> Self; }"),
            Runs("impl Double for i32 { fn double(&self) -> i32 { self + self } }"),
            Runs(
                "impl Double for i32 { fn double(&self) -> i32 { self * 2 } }\nimpl Double for String { fn double(&self) -> String { self.repeat(2) } }",
            ),
            Runs(
                "impl<T: Clone> Double for Vec<T> { fn double(&self) -> Vec<T> { self.iter().chain(self).cloned().collect() } }",
            ),
            Runs("impl<T: Clone> Double for Vec<T> { fn double(&self) -> Vec<T> { self.clone() } }"),
            Gives("(4.double(), String::from(\"a\").double(), vec![1].double())", "(8, \"aa\", [1])"),
            Runs("unsafe extern \"C\" { fn abs(x: i32) -> i32; }"),
            Runs("unsafe extern \"C\" { fn abs(x: i32) -> i32; }"),
            Gives("unsafe { abs(-3) }", "3"),
        ],
    ),
    (
        "macros, imports, functions and enums are run again",
        &[
            Runs("macro_rules! thrice { ($x:expr) => { 3 * $x }; }\nfn uses_macro(x: i32) -> i32 { thrice!(x) }"),
            Runs("macro_rules! thrice { ($x:expr) => { 30 * $x }; }"),
            Gives("(thrice!(2), uses_macro(1))", "(60, 30)"),
            Runs("use std::collections::{BTreeMap, HashSet};"),
            Runs("use std::collections::{BTreeMap, HashSet};\nuse std::fmt::Write as _;"),
            Runs("use std::fmt::Write as _;"),
            Runs(
                "enum Light { Red, Green }\nfn next(light: Light) -> Light { match light { Light::Red => Light::Green, Light::Green => Light::Red } }",
            ),
            Runs(
                "#[derive(Debug)] enum Light { Red, Green, Off }\nfn next(light: Light) -> Light { match light { Light::Red => Light::Green, _ => Light::Off } }",
            ),
            Gives("next(Light::Green)", "Off"),
        ],
    ),
    (
        "a variable of a type that is defined anew ends nothing",
        &[
            Runs("#[derive(Clone, Debug)]\nstruct Again { a: i32 }\nlet again = Again { a: 1 };"),
            Runs("let others = vec![again.clone()]; let number_of = 3;"),
            Says("#[derive(Clone, Debug)]\nstruct Again { a: i64 }", "`again` was lost in cell "),
            Fails(
                "again",
                &["`again` was lost in cell {-1}, which defined its type `Again` anew", "run cell {-3} again"],
            ),
            Fails("others", &["`others` was lost in cell {-2}"]),
            Gives("number_of", "3"),
            Runs("let again = Again { a: 1 };"),
            Runs("#[derive(Clone, Debug)]\nstruct Again { a: i32, b: i32 }\nlet again = Again { a: 1, b: 2 };"),
            Gives("again.b", "2"),
            Runs("#[derive(Clone, Debug)]\nstruct Again { a: i32, b: i32 }"),
            Gives("again.b", "2"),
        ],
    ),
    (
        "statics whose value changes live from cell to cell",
        &[
            Runs(
                "use std::sync::atomic::{AtomicUsize, Ordering};\nuse std::sync::{Mutex, OnceLock, LazyLock, RwLock};",
            ),
            Runs(
                "static HITS: AtomicUsize = AtomicUsize::new(0);\nfn hit() -> usize { HITS.fetch_add(1, Ordering::SeqCst) + 1 }",
            ),
            Gives("hit()", "1"),
            Gives("hit()", "2"),
            Gives("HITS.load(Ordering::SeqCst)", "2"),
            Runs(
                "static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());\nfn log(text: &str) { LOG.lock().unwrap().push(text.to_owned()); }",
            ),
            Runs("log(\"a\"); log(\"b\");"),
            Gives("LOG.lock().unwrap().clone()", "[\"a\", \"b\"]"),
            Runs(
                "static ONCE_S: OnceLock<i32> = OnceLock::new();\nstatic TABLE: LazyLock<Vec<i32>> = LazyLock::new(|| { println!(\"made\"); vec![1, 2] });",
            ),
            Says("TABLE.len()", "made"),
            Gives("(ONCE_S.get_or_init(|| 4), TABLE[1])", "(4, 2)"),
            Gives("(ONCE_S.get_or_init(|| 5), TABLE.iter().sum::<i32>())", "(4, 3)"),
            Runs(
                "struct Counters { a: AtomicUsize, b: AtomicUsize }\nstatic COUNTERS: Counters = Counters { a: AtomicUsize::new(1), b: AtomicUsize::new(2) };",
            ),
            Runs(
                "COUNTERS.a.store(7, Ordering::SeqCst);\nfn by_reference(n: &'static AtomicUsize) -> usize { n.load(Ordering::SeqCst) }",
            ),
            Gives("(COUNTERS.a.load(Ordering::SeqCst), by_reference(&COUNTERS.b), by_reference(&HITS))", "(7, 2, 2)"),
            Runs("static HITS: AtomicUsize = AtomicUsize::new(10);"),
            Gives("hit()", "11"),
            Gives("static GREETING: &str = \"hi\";\nGREETING.len()", "2"),
        ],
    ),
    (
        "thread locals live from cell to cell",
        &[
            Runs(
                "use std::cell::{Cell, RefCell};\nthread_local! { static DEPTH: Cell<i32> = Cell::new(1); static SEEN: RefCell<Vec<i32>> = RefCell::new(vec![]) }",
            ),
            Runs("DEPTH.set(DEPTH.get() + 4); SEEN.with_borrow_mut(|seen| seen.push(3));"),
            Gives("(DEPTH.get(), SEEN.with(|seen| seen.borrow().len()))", "(5, 1)"),
            Runs("fn deeper() -> i32 { DEPTH.with(|depth| { depth.set(depth.get() + 1); depth.get() }) }"),
            Gives("deeper()", "6"),
            Gives("deeper()", "7"),
        ],
    ),
    (
        "an import of all that a module has is meant, after a clear too",
        &[
            Runs(":clear"),
            Runs("use std::fmt::*;"),
            Runs(
                "struct Shown2; impl Display for Shown2 { fn fmt(&self, f: &mut Formatter<'_>) -> Result { write!(f, \"shown\") } }",
            ),
            Gives("Shown2.to_string()", "\"shown\""),
            Runs(":clear"),
            Runs("use candle_core::*;"),
            Runs("fn all_of_candle() -> Result<Tensor> { Tensor::zeros(2, DType::F32, &Device::Cpu) }"),
            Gives("all_of_candle()?.dims()", "[2]"),
            Runs(":clear"),
        ],
    ),
    (
        "Result has one parameter or two",
        &[
            Runs("fn one(text: &str) -> Result<i32> { Ok(text.parse::<i32>()?) }"),
            Gives("one(\"4\")?", "4"),
            Fails("one(\"x\")?", &["invalid digit", "1 | one(\"x\")?"]),
            Runs("fn two(text: &str) -> Result<i32, String> { text.parse().map_err(|_| format!(\"no: {text}\")) }"),
            Fails("two(\"x\")?", &["no: x"]),
            Runs(
                "fn tensors() -> Result<Tensor> { let a = Tensor::zeros((2, 2), DType::F32, &Device::Cpu)?; Ok(a.matmul(&a)?) }",
            ),
            Gives("tensors()?.dims2()?", "(2, 2)"),
            Runs(
                "fn with_candles() -> candle_core::Result<f32> { Tensor::new(3f32, &Device::Cpu)?.to_scalar::<f32>() }",
            ),
            Gives("with_candles()?", "3.0"),
            Runs(
                "fn mixed() -> Result<usize> { let n = with_candles()? as usize; std::fs::metadata(\"/\")?; Err(\"plain text\")? ; Ok(n) }",
            ),
            Fails("mixed()?", &["plain text"]),
            Runs("fn boxes() -> Result<i32, Box<dyn std::error::Error>> { Ok(one(\"7\")?) }"),
            Gives("boxes()?", "7"),
            Runs(
                "#[derive(Debug, Clone, PartialEq, Default, Hash, Eq, PartialOrd, Ord)] struct Derived { a: i32 }\nfn fmt_result() -> std::fmt::Result { Ok(()) }",
            ),
            Runs("use std::io::Result as IoResult;\nfn io() -> IoResult<u64> { Ok(std::fs::metadata(\"/\")?.len()) }"),
        ],
    ),
];
