//! Cells that are wrong: the true reason, at the user's own line.

use super::Case;
use super::Step::{Fails, Gives, Lacks, Runs, Says};

pub const CASES: &[Case] = &[
    (
        "the first wrong let is told soon, for it asks no build of all that is behind the prelude",
        &[
            Fails(
                "let v = nothing.clone();",
                &["cannot find value `nothing`", "1 | let v = nothing.clone();\n  |         ^^^^^^^ "],
            ),
            Fails("let loss = undefined_name;", &["`undefined_name`", "  |            ^^^^^^^^^^^^^^"]),
            Fails("\n\nlet a = std::", &["the cell ends in `::`", "3 | let a = std::"]),
            Fails("let q = vec![1];\nq.", &["the cell ends in a dot", "2 | q.\n  |  ^ a method or a field is missing"]),
            Fails("let w: i32 = \"a\";\nlet x = w.nothing();", &["1 | let w: i32 = \"a\";\n  |              ^^^"]),
        ],
    ),
    (
        "an error in the last expression is the error and no note of it",
        &[
            Runs("fn takes(x: i32) {}"),
            Fails(
                "let a = 1;\n  takes(\"x\") // why",
                &[
                    "mismatched types",
                    "2 |   takes(\"x\") // why\n  |         ^^^ expected `i32`, found `&str`",
                    "--> cell {-1}, line 1",
                    "function defined here",
                ],
            ),
            Fails(
                "takes()",
                &[
                    "takes 1 argument but 0 arguments were supplied",
                    "1 | takes()\n",
                    "argument #1 of type `i32` is missing",
                ],
            ),
            Fails(
                "vec![1, 2].lenght()",
                &["no method named `lenght`", "1 | vec![1, 2].lenght()\n  |            ^^^^^^"],
            ),
            Fails("1 + \"a\"", &["cannot add `&str` to `", "1 | 1 + \"a\"\n  |   ^"]),
            Fails("if true { 1 } else { \"a\" }", &["incompatible types", "expected integer, found `&str`"]),
            Fails("println!(\"{}\", absent)", &["`absent`", "1 | println!(\"{}\", absent)\n  |                ^^^^^^"]),
            Fails("\"5\".parse().unwrap()", &["type annotations needed", "1 | \"5\".parse().unwrap()"]),
            Fails("Vec::new()", &["type annotations needed"]),
        ],
    ),
    (
        "a name where a list of names is wanted gets the list",
        &[
            Runs("fn few(names: &[&str]) {}\nfn pairs(names: &[(&str, &str)]) {}"),
            Fails("few(\"one\")", &["mismatched types", "names stand in a list, one too: `&[\"one\"]`"]),
            Fails(
                "pairs(\"from\", \"to\")",
                &["2 arguments were supplied", "a list, one too: `&[(\"from\", \"to\")]`"],
            ),
        ],
    ),
    (
        "warnings are no errors, and do not come again",
        &[
            Runs("fn a_warns() { let unused = 3; }"),
            Fails(
                "let f_w = |x: i32| x + 1;",
                &[
                    "`f_w` is a closure",
                    "1 | let f_w = |x: i32| x + 1;\n  |     ^^^",
                    "`fn f_w(x: i32) -> … { x + 1 }`",
                ],
            ),
            Fails("let n: u8 = -1;", &["E0600", "1 | let n: u8 = -1;"]),
            Runs("let b_w = 3; fn b_warns() { let mut unused = 3; }"),
            Fails("b_w.nothing()", &["error[E0599]: no method named `nothing`"]),
        ],
    ),
    (
        "several errors, each at its line, many of them counted",
        &[
            Fails("let a: i32 = \"x\";\n\nlet b: u8 = 'c';", &["1 | let a: i32", "3 | let b: u8"]),
            Fails("u1; u2; u3; u4; u5; u6; u7;", &["`u1`", "… and 2 more"]),
        ],
    ),
    (
        "an error in an item of an older cell is told with that cell's number and line",
        &[
            Runs(
                "struct OldPoint { x: i32 }\n// what it is\nimpl OldPoint {\n    fn twice(&self) -> i32 { self.x * 2 }\n}",
            ),
            Fails(
                "OldPoint { x: 1 }.twice(3)",
                &["takes 0 arguments but 1 argument was supplied", "--> cell {-1}, line 4"],
            ),
            Fails("OldPoint { y: 1 }", &["no field named `y`", "1 | OldPoint { y: 1 }\n  |            ^"]),
            Runs("// a comment\nfn old_index(v: &[i32], at: usize) -> i32 {\n    v[at]\n}"),
            Fails("old_index(&[1], 5)", &["index out of bounds", "--> cell {-1}, line 3", "3 |     v[at]\n  |     ^"]),
            Fails(
                "let mut total = 0;\nfor i in 0..3 {\n    total += old_index(&[1, 2], i);\n}",
                &["--> cell {-2}, line 3"],
            ),
        ],
    ),
    (
        "a moved variable is told with the line that moved it",
        &[
            Runs(
                "let mv = vec![1, 2, 3]; let ms = String::from(\"a\"); let mt = Tensor::zeros(2, DType::F32, &Device::Cpu)?;",
            ),
            Runs("let count = mv.len();\nlet mu = mv;"),
            Fails(
                "mv.len()",
                &["`mv` was moved in cell {-1} (line 2: `let mu = mv;`)", "1 | mv.len()\n  | ^^", "`mv.clone()`"],
            ),
            Runs("drop(ms);\nfor _ in 0..1 {\n    drop(mt);\n    break;\n}"),
            Fails("println!(\"{ms}\");", &["`ms` was moved in cell {-1} (line 1: `drop(ms);`)"]),
            Fails("mt.dims()", &["`mt` was moved in cell {-2} (line 3: `drop(mt);`)"]),
            Runs("let mv = vec![4];"),
            Gives("mv", "[4]"),
            Fails(
                "let a = String::new(); let b = a; println!(\"{a}\");",
                &["borrow of moved value: `a`", "value moved here"],
            ),
        ],
    ),
    (
        "a question mark says which line, and what became of the cell's variables",
        &[
            Runs("let q_old = 1;"),
            Fails(
                "let data = vec![1];\nlet net = 3;\nlet n: i32 = \"x\".parse()?;\nlet after = 1;",
                &[
                    "invalid digit found in string",
                    "3 | let n: i32 = \"x\".parse()?;",
                    "`after` and `n` of this cell were not kept; `data` and `net` are, and so are variables of other cells.",
                ],
            ),
            Gives("q_old", "1"),
            Gives("(data.len(), net)", "(1, 3)"),
            Fails("after", &["`after` of cell {-3} was not kept, since that cell ended early"]),
            Fails(
                "println!(\"first\");\n  Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?.matmul(&Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?)?;",
                &["2 |   Tensor::zeros", "[2, 3]", "are kept"],
            ),
            Fails("std::fs::read(\"/no/such/file\")?", &["No such file", "1 | std::fs::read(\"/no/such/file\")?"]),
            Fails("Err::<(), String>(\"said\".into())?", &["said", "1 | Err"]),
            Fails("Some(1)?", &["`?` in a cell takes a `Result`, not an `Option`", ".ok_or("]),
            Fails("struct NoText; Err::<(), _>(NoText)?;", &["`NoText`", "Display", "map_err"]),
            Runs(
                "fn boxed() -> std::result::Result<i32, Box<dyn std::error::Error>> { let n: i32 = \"y\".parse()?; Ok(n) }",
            ),
            Fails(
                "let got = boxed()?;",
                &["invalid digit", "1 | let got = boxed()?;", "`got` of this cell was not kept"],
            ),
        ],
    ),
    (
        "what a cell has bound before an error is kept",
        &[
            Runs("fn fails(n: i32) -> Result<i32> { if n > 2 { Err(Error::new(\"too many\")) } else { Ok(n) } }"),
            Fails(
                "let mut k_list = vec![1];\nk_list.push(fails(2)?);\nfor n in 0..5 { k_list.push(fails(n)?); }",
                &["too many", "3 | for n in 0..5 { k_list.push(fails(n)?); }", "`k_list` of this cell is kept"],
            ),
            Runs("k_list.push(7);"),
            Gives("k_list", "[1, 2, 0, 1, 2, 7]"),
            Fails(
                "let k_text = String::from(\"old\");\nlet k_n = fails(fails(1)? + fails(2)?)?;",
                &["too many", "`k_text` is"],
            ),
            Fails("let k_text = String::from(\"new\");\nlet k_n = (fails(1)?, [fails(9)?]);", &["too many"]),
            Gives("k_text", "\"new\""),
            Fails(
                "let (k_a, k_b) = (1, \"x\".to_string());\nif k_a == 1 { let k_a = \"inner\"; fails(k_a.len() as i32)?; }",
                &["`k_a` and `k_b` of this cell are kept"],
            ),
            Gives("k_b", "\"x\""),
            Fails(
                "let k_p = vec![1];\nprintln!(\"{}\", \"x\".parse::<i32>()?);",
                &["invalid digit", "2 | println!", "`k_p` of this cell is kept"],
            ),
            Fails(
                "let k_p = vec![2];\nfn checked(n: i32) -> i32 { if n > 3 { panic!(\"too many: {n}\") } n }\nlet k_r = checked(9);",
                &["too many: 9", "`k_p` is"],
            ),
            Gives("k_p", "[2]"),
            Fails("let k_p = vec![3];\nlet k_d = 0;\nlet k_q = 10 / k_d;", &["divide by zero", "`k_d` and `k_p` are"]),
            Gives("k_p", "[3]"),
            Fails(
                "let k_m = std::collections::HashMap::from([(\"a\", 1)]);\nif k_m[\"a\"] == 1 { k_m[\"zzz\"]; }",
                &["2 | if k_m", "`k_m` of this cell is kept"],
            ),
            Gives("k_m[\"a\"]", "1"),
            Fails(
                "let k_c = std::sync::Arc::new(std::sync::Mutex::new(1));\n*k_c.lock().unwrap() += 2;\nlet k_e: i32 = \"x\".parse()?;",
                &["invalid digit", "`k_c` is"],
            ),
            Gives("*k_c.lock().unwrap()", "3"),
            Fails(
                "let k_v = std::cell::RefCell::new(vec![1]);\nk_v.borrow_mut().push(\"x\".parse()?);",
                &["invalid digit", "`k_v` of this cell is kept"],
            ),
            Gives("k_v", "RefCell { value: [1] }"),
            Fails(
                "let k_w = 5;\n{ let k_g = k_c.lock().unwrap(); let z: i32 = \"x\".parse()?; println!(\"{k_g} {z}\"); }",
                &["invalid digit", "`k_w` of this cell is kept"],
            ),
            Gives("(k_w, *k_c.lock().unwrap())", "(5, 3)"),
            Fails("let k_late;\nk_late = 8;\nlet k_y = \"q\".parse::<i32>()?;", &["`k_late` is"]),
            Gives("k_late", "8"),
            Fails(
                "let k_t = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;\nlet k_s = k_t.reshape((3, 3)).expect(\"reshape\").sum_all().unwrap().to_scalar::<f32>()?;",
                &["reshape", "`k_t` is"],
            ),
            Fails("let k_a = 1;\nassert_eq!(k_a, 2, \"they differ\");", &["they differ", "`k_a` of this cell is kept"]),
            Runs("let k_gone1 = String::from(\"keep\"); let k_arr = vec![1];"),
            Fails(
                "let k_now = k_gone1;\nlet k_z = k_arr[9];",
                &["`k_gone1` of an earlier cell was moved before that; all others are kept."],
            ),
            Runs("let k_gone2 = vec![1];"),
            Fails(
                "fn eats(v: Vec<i32>) -> usize { v.len() }\nlet k_size = eats(k_gone2);\nlet k_z = k_arr[9];",
                &[
                    "`k_z` of this cell was not kept, and `k_gone2` of an earlier cell was moved before that; all others are kept.",
                ],
            ),
            Gives("k_size", "1"),
            Fails("let k_lock = std::sync::Mutex::new(3);\nlet k_m = fails(*k_lock.lock().unwrap())?;", &["too many"]),
            Fails(
                "let k_gone = vec![1];\nlet k_moved = k_gone;\nlet k_x = \"y\".parse::<i32>().expect(\"a number\");",
                &["a number", "`k_moved` is"],
            ),
            Gives("k_moved", "[1]"),
            Fails(
                "let mut k_it = vec![3, 4];\n*k_it.iter_mut().next().unwrap() += fails(5)?;",
                &["too many", "`k_it` of this cell is kept"],
            ),
            Fails(
                "let k_net = vec![0.5];\nlet k_y: Vec<f64> = k_net.iter().map(|x| Ok(x * fails(4)? as f64)).collect::<Result<_>>()?;",
                &["too many", "`k_net` is"],
            ),
            Gives("k_net.len()", "1"),
            Fails("let k_some = 1;\nSome(1)?", &["`?` in a cell takes a `Result`, not an `Option`"]),
            Fails(
                "let k_some = 1;\nlet k_wrong: String = fails(1)?;",
                &["incompatible types", "2 | let k_wrong: String = fails(1)?;"],
            ),
            Fails(
                "let k_moved2 = vec![1];\ndrop(k_moved2);\nfails(1)?;\nk_moved2.len()",
                &["borrow of moved value: `k_moved2`"],
            ),
        ],
    ),
    (
        "a name that a failing cell was to bind anew keeps its value",
        &[
            Runs("let mut again = vec![1, 2]; let other = 3;"),
            Fails(
                "let made = 1;\nlet again: i32 = \"x\".parse()?;",
                &["`made` of this cell is kept", "`again` is still what it was before this cell"],
            ),
            Runs("again.push(3);"),
            Gives("again", "[1, 2, 3]"),
            Fails("let other = 1 / (again.len() - 3);", &["divide by zero", "`other` is still what it was"]),
            Fails(
                "let (again, other) = (\"y\".parse::<u8>()?, 'c');",
                &["`again` and `other` are still what they were before this cell."],
            ),
            Gives("(again.len(), other)", "(3, 3)"),
            Runs("let t = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;"),
            Fails("let t = t.relu()?;\nlet t = t.reshape((4, 4))?;", &["`t` is still what it was before this cell."]),
            Gives("t.dims()", "[2, 3]"),
            Fails("let other = other + \"z\".parse::<i32>()?;", &["`other` is still what it was before this cell."]),
            Gives("other", "3"),
            Runs("let again = format!(\"{other}\");"),
            Fails("let again = again.parse::<bool>()?;", &["`again` of cell {-1} is gone, since this cell took it"]),
            Fails("again", &["`again` of cell {-2} is gone: cell {-1} took it to bind it anew"]),
        ],
    ),
    (
        "a value that borrows from its own statement or its cell says so",
        &[
            Runs("let b_list = vec![3, 1]; let b_map = std::collections::HashMap::from([(7, \"x\".to_string())]);"),
            Fails(
                "let b_max = b_list.iter().max().unwrap();",
                &["`b_max` borrows", "1 | let b_max", "b_list.iter().max().unwrap().to_owned()"],
            ),
            Fails("let b_one = 1;\nlet b_got = b_map.get(&7).ok_or(\"no\")?;", &["`b_got` borrows", "2 | let b_got"]),
            Fails(
                "let b_mutex = std::sync::Mutex::new(1);\nlet mut b_held = b_mutex.lock().unwrap();",
                &["`b_held` borrows", "2 | let mut b_held"],
            ),
            Fails(
                "let b_closure = |s: &str| -> Result<i32> { Ok(s.parse::<i32>()? + 1) };",
                &["`fn b_closure(s: &str) -> Result<i32> { Ok(s.parse::<i32>()? + 1) }`"],
            ),
            Fails("let n26 = i32::from_str(\"x\")?;", &["`use std::str::FromStr;`"]),
            Fails("b_nothing = 5;", &["line 1 is to bind it: `let b_nothing = 5;`"]),
            Fails("b_lits.len()", &["did you mean `b_list`?"]),
        ],
    ),
    (
        "a result that nobody looks at is told",
        &[
            Says("let seen = 1;\nstd::fs::read(\"/no/such\");", "note: line 2 gives a `Result` that nothing looks at"),
            Says("\"5\".parse::<i32>();", "put `?` behind it"),
            Says("std::fs::read(\"/no/such\")", "note: the value is an error, but the cell went well"),
            Says("fn report() -> std::io::Result<std::ops::Range<u8>> { Ok(1..3) }\nreport();", "note: line 2 gives"),
            Says(
                "#[derive(Debug)] struct Row { n: i32 }\nOk::<Row, String>(Row { n: 1 })",
                "the value is inside of an `Ok`",
            ),
            Says("[1, 2].iter().map(|n| println!(\"{n}\"));", "note: line 1 makes an iterator that nothing asks"),
            Says(
                "let quiet = std::fs::read(\"/no\"); let _ = std::fs::read(\"/no\"); 3.max(4); print!(\"end\")",
                "end",
            ),
        ],
    ),
    (
        "what a failing cell only lends is there afterwards",
        &[
            Runs("let mut lent = vec![1, 2, 3];"),
            Fails("let lent = lent[10];", &["index out of bounds", "`lent` is still what it was before this cell."]),
            Fails(
                "let lent = std::str::from_utf8(&lent.iter().map(|n| *n as u8).collect::<Vec<u8>>())?.parse::<f32>()?;",
                &["is gone, since this cell took it"],
            ),
            Runs(
                "let mut lent = vec![1, 2, 3]; fn fussy(v: &[i32]) -> std::io::Result<String> { std::fs::read_to_string(format!(\"/no/{}\", v.len())) }",
            ),
            Fails("let lent = fussy(&lent)?;", &["No such file", "`lent` is still what it was before this cell."]),
            Runs("lent.push(4);"),
            Gives("let lent = lent[3]; lent", "4"),
        ],
    ),
    (
        "a type that is defined anew in vain leaves its values",
        &[
            Runs("#[derive(Debug)] struct Vain<T> { x: T }"),
            Runs("impl<T> Vain<T> { fn get(&self) -> &T { &self.x } }"),
            Runs("let vain = Vain { x: 3.5 };"),
            Fails("#[derive(Debug)] struct Vain { x: i32, y: i32 }", &["E0107"]),
            Gives("vain.get()", "3.5"),
            Fails("#[derive(Debug)] struct Vain<T> { x: T, y: Nothing }", &["Nothing"]),
            Gives("*vain.get()", "3.5"),
            Says("#[derive(Debug)] struct Vain<T> { x: T, z: u8 }", "`vain` was lost in cell"),
            Fails("vain", &["`vain` was lost in cell {-1}, which defined its type `Vain` anew", "run cell"]),
            Gives("let vain = Vain { x: 1, z: 2 }; vain.get().max(&vain.z.into()).to_owned()", "2"),
        ],
    ),
    (
        "errors in loops stand at their line",
        &[
            Fails(
                "loop { lin.forward(); }",
                &["cannot find value `lin`", "1 | loop { lin.forward(); }\n  |        ^^^"],
            ),
            Fails("let mut n = 1;\nwhile n < 3 {\n    n += nix;\n}", &["`nix`", "3 |     n += nix;\n  |          ^^^"]),
            Fails(
                "let q = 'a: loop { for i in 0..3 { break 'a nix2; } };",
                &["`nix2`", "break 'a nix2; } };\n  |                                             ^^^^"],
            ),
            Fails(
                "let v = vec![1]; loop { for i in 0..v.len() { println!(\"{}\", v[i + 1]); } }",
                &["index out of bounds", "1 | let v = vec![1]; loop"],
            ),
            Fails("VarMap::new()", &["`VarMap`", "candle_nn::VarMap"]),
            Fails("let opt = SGD::new(vec![], 0.1)?;", &["`SGD`", "candle_nn::SGD"]),
            Fails("let m: HashMap<u8, u8> = Default::default();", &["`HashMap`", "std::collections::HashMap"]),
        ],
    ),
    (
        "a place that is in no cell is not spoken of",
        &[
            Runs("let mut unplaced = vec![1];"),
            Lacks("unplaced.push();", &["this method takes 1 argument"], "defined here"),
            Lacks("let n: usize = -1;", &["cannot apply unary operator `-`"], "usize::MAX"),
            Lacks("unplaced.iter().take(-1);", &["`-`"], "MAX"),
            Lacks("use std::ops::Add; add_none(1, 2)", &["cannot find function `add_none`"], "2))"),
            Lacks("use std::ops::Add; add(1, 2)", &["cannot find function `add`"], "2))"),
        ],
    ),
    (
        "the errors behind an error are told",
        &[
            Runs(
                "#[derive(Debug)]\nstruct Outer(std::num::ParseIntError);\n\
                 impl std::fmt::Display for Outer { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"the table is bad\") } }\n\
                 impl std::error::Error for Outer { fn source(&self) -> Option<&(dyn std::error::Error + 'static)> { Some(&self.0) } }\n\
                 fn outer() -> std::result::Result<(), Box<dyn std::error::Error>> { Err(Box::new(Outer(\"z\".parse::<i32>().unwrap_err()))) }",
            ),
            Fails("outer()?", &["the table is bad", "because: invalid digit found in string"]),
        ],
    ),
    (
        "a panic says where, and which variables are not there",
        &[
            Fails(
                "let p_new = 1;\nlet none: Option<i32> = None;\nnone.unwrap();",
                &[
                    "called `Option::unwrap()` on a `None` value",
                    "3 | none.unwrap();",
                    "`none` and `p_new` of this cell are kept",
                ],
            ),
            Gives("p_new", "1"),
            Fails(
                "let p_two = vec![1];\n  let p_three = p_two[3];",
                &["2 |   let p_three = p_two[3];", "`p_three` of this cell was not kept; `p_two` is"],
            ),
            Fails("p_three", &["`p_three` of cell {-1} was not kept"]),
            Fails(
                "fn deep() { panic!(\"down here\") }\ndeep();",
                &["down here", "1 | fn deep() { panic!(\"down here\") }"],
            ),
            Fails("vec![1][3]", &["index out of bounds", "1 | vec![1][3]"]),
        ],
    ),
    (
        "a variable that is not mut says where it was bound",
        &[
            Runs("let fixed = vec![1];"),
            Fails(
                "fixed.push(2);",
                &[
                    "cannot borrow `fixed` as mutable",
                    "1 | fixed.push(2);",
                    "`fixed` was bound in cell {-1} without `mut`: write `let mut fixed = fixed;` first",
                ],
            ),
            Runs("let fixed_n = 1;"),
            Fails("fixed_n = 2;", &["`fixed_n` was bound in cell {-1} without `mut`"]),
            Fails("let here = vec![1]; here.push(2);", &["cannot borrow `here` as mutable", "let mut here"]),
        ],
    ),
    (
        "a value that cannot be kept says why and what to write",
        &[
            Runs("let kv = vec![1, 2, 3];"),
            Fails(
                "let it = kv.iter().map(|x| x + 1);",
                &["`it` is an iterator", "`let it: Vec<_> = kv.iter().map(|x| x + 1).collect();`", "Box<dyn Iterator"],
            ),
            Fails("let ev = (0..9).filter(|n| n % 2 == 0);", &["`ev` is an iterator", "collect"]),
            Fails("let ch = \"abc\".chars().rev().map(|c| c);", &["`ch` is an iterator"]),
            Fails(
                "let k = kv.len(); let add = move |x: usize| x + k;",
                &["`add` is a closure", "Box<dyn Fn(usize) -> …>"],
            ),
            Fails("let fut = async { 1 };", &["`fut` is a future"]),
            Runs("fn hidden() -> impl Iterator<Item = i32> { 0..3 }"),
            Fails("let h = hidden();", &["`h`", "Box<dyn Iterator<Item = i32>>"]),
            Fails("let word = String::from(\"a\");\nlet r = &word;", &["`r` borrows", "2 | let r = &word;\n  |     ^"]),
            Fails("let rk = &kv;", &["`rk` borrows"]),
            Fails(
                "let new = Vec::new();",
                &["type annotations needed", "1 | let new = Vec::new();", "an explicit type"],
            ),
            Fails("let parsed = \"5\".parse().unwrap();", &["type annotations needed"]),
            Gives("{ let it = kv.iter().map(|x| x + 1); it.sum::<i32>() }", "9"),
        ],
    ),
    (
        "what borrows is owned by what can own it",
        &[
            Fails("let ow = vec![String::from(\"a\")]; let head = ow.first();", &["`let head = ow.first().cloned();`"]),
            Runs("let ow = vec![String::from(\"a\")]; let head = ow.first().cloned();"),
            Gives("head", "Some(\"a\")"),
            Fails(
                "let by: std::collections::HashMap<&str, usize> = ow.iter().map(|w| (w.as_str(), w.len())).collect();",
                &["own its keys and values", "(key.to_owned(), value.to_owned())"],
            ),
            Runs(
                "let by: std::collections::HashMap<_, _> = ow.iter().map(|w| (w.as_str(), w.len())).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();",
            ),
            Gives("by[\"a\"]", "1"),
            Runs("struct Lent<'a> { text: &'a str }"),
            Fails("let lent = Lent { text: &ow[0] };", &["have `Lent` own what it holds"]),
            Fails(
                "let lock = std::sync::Mutex::new(vec![1]); let guard = lock.lock().unwrap();",
                &["`let guard = lock.lock().unwrap().clone();`"],
            ),
            Fails(
                "let mut turns = 0; let turn = |x: i32| { turns += x; turns };",
                &["`let mut turn: Box<dyn FnMut(i32) -> …> = Box::new(move |x: i32| { turns += x; turns });`"],
            ),
            Runs(
                "let mut turns = 0; let mut turn: Box<dyn FnMut(i32) -> i32> = Box::new(move |x: i32| { turns += x; turns });",
            ),
            Gives("(turn(2), turn(3))", "(2, 5)"),
        ],
    ),
    (
        "closures that are handed to the prelude are told their types",
        &[
            Runs(
                "let cl = TensorData::new(Tensor::zeros((4, 3), DType::F32, &Device::Cpu)?, vec![0, 1, 0, 1], &[\"a\", \"b\"])?;",
            ),
            Runs(
                "let net = Network::whole(1, |at| { let a = Linear::new(&at.child(\"a\"), 3, 2)?; Ok(move |x: &Tensor, pass: &Pass| a.forward(x, pass)) })?;",
            ),
            Runs("let mut cl = Learner::new(net, Classify, &cl)?;"),
            Fails(
                "cl.add(|when, fit| Ok(Next::Go));",
                &["the arguments of this closure need their types", "`|when: When, fit: &mut Fit|`"],
            ),
            Runs("cl.add(|when: When, fit: &mut Fit| Ok(Next::Go));"),
            Fails(
                "let net = Network::whole(1, |at| { let a = Linear::new(&at.child(\"a\"), 3, 2)?; Ok(move |x, pass| a.forward(&x.flatten_from(1)?, pass)) })?;",
                &["type annotations needed", "`|x: &Tensor, pass: &Pass|` for a network"],
            ),
            Fails(
                "fn stops(x: i32) -> Result<i32> { if x < 0 { candle_core::bail!(\"negative\") } Ok(x) }",
                &["expected `candlewick_prelude::Error`", "`return Err(Error::new(\"…\"));`"],
            ),
            Runs("fn stops(x: i32) -> Result<i32> { if x < 0 { return Err(Error::new(\"negative\")); } Ok(x) }"),
            Fails("stops(-1)?;", &["negative"]),
        ],
    ),
    (
        "nothing that is private to the prelude is offered",
        &[
            Runs("let secret = show::Bundle::new();\nlet boxed = BBox::new(0.0, 0.0, 1.0, 1.0);"),
            Fails("secret.data2()", &["no method named `data2`"]),
            Fails("candlewick::Error::new(\"a\").source_of()", &["no method named `source_of`"]),
            Fails("secret.dat", &["no field `dat`"]),
        ],
    ),
    (
        "what does not parse gets the compiler's words",
        &[
            Fails(
                "let type = 3;",
                &["expected identifier, found keyword `type`", "1 | let type = 3;\n  |     ^^^^", "r#type"],
            ),
            Fails("let 5x = 1;", &["expected identifier, found `5x`"]),
            Fails("let = 3;", &["expected pattern, found `=`"]),
            Fails("let ok = 1;\nfn f( { }", &["the cell ends before its `(` is closed"]),
            Fails("let ok = 1\nlet b = 2;", &["expected `;`"]),
            Fails("println!(\"a\"", &["the cell ends before its `(` is closed"]),
            Fails("let s = \"abc;", &["unterminated double quote string"]),
            Fails("let x = 1;\n:vars", &["commands such as `:vars` stand at the beginning"]),
            Fails("fn () {}", &["expected identifier, found `(`"]),
        ],
    ),
    (
        "an import that is not there is marked where it is written",
        &[
            Fails(
                "let a = 1;\nuse std::collections::HashMaap;",
                &[
                    "unresolved import",
                    "2 | use std::collections::HashMaap;\n  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^ no `HashMaap` in `collections`",
                ],
            ),
            Lacks("let w = nosuch;\nw", &["`nosuch`"], "CandlewickError"),
            Fails("use nowhere::Thing;", &["nowhere", "1 | use nowhere::Thing;"]),
            Fails("let m = HashMap::new();", &["HashMap", "use std::collections::HashMap;"]),
        ],
    ),
    (
        "what a macro made is told where a later cell looks for it",
        &[
            Runs("macro_rules! make_it { ($name:ident) => { struct $name; } }"),
            Runs("make_it!(MadeByMacro);"),
            Fails(
                "let m: MadeByMacro = MadeByMacro;",
                &["`MadeByMacro` was handed to `make_it!` in cell {-1}", "write the item itself"],
            ),
        ],
    ),
    (
        "variables that went with the process are told",
        &[
            Runs("let went = vec![1];"),
            Fails("std::process::exit(3);", &["exit status: 3"]),
            Fails(
                "went.len()",
                &["`went` was lost when the process that runs cells ended in cell {-1}", "run cell {-2} again"],
            ),
            Gives("1 + 1", "2"),
        ],
    ),
    ("a static mut is told", &[Says("static mut EVER: u32 = 0;", "`static mut EVER` begins anew in each cell")]),
];
