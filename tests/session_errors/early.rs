//! Cells that end early in ways of their own: by a `return`, by a panic in what they hand to others, by a macro of theirs.

use super::Case;
use super::Step::{Fails, Gives, Lacks, Runs};

pub const CASES: &[Case] = &[
    (
        "a cell that returns early keeps what it has bound, and is no failure",
        &[
            Runs("let e_keep = 5;"),
            Runs("let e_a = 1; return Ok(());"),
            Gives("(e_keep, e_a)", "(5, 1)"),
            Runs("let e_b = 3; for i in 0..3 { if i == 1 { return Ok(()); } }"),
            Runs("let Ok(e_n) = \"zz\".parse::<i32>() else { return Ok(()); };"),
            Gives("(e_keep, e_b)", "(5, 3)"),
            Fails("e_n", &["`e_n` of cell {-2} was not kept, since that cell ended early"]),
            Runs("let e_keep = 7; let e_more = vec![2]; if e_more[0] == 2 { return Ok(()); } let e_late = 1;"),
            Gives("(e_keep, e_more.len())", "(7, 1)"),
            Runs("let e_more = match e_keep { 7 => return Ok(()), _ => vec![9] };"),
            Gives("e_more", "[2]"),
            Runs("let e_all = e_more; if e_keep == 7 { return Ok(()); }"),
            Gives("e_all", "[2]"),
            Fails("e_more", &["`e_more` was moved in cell {-2}"]),
            Runs(
                "fn e_f() -> i32 { return 3; }\nlet e_g: fn(i32) -> i32 = |x| { return x + 1; }; let e_h = e_g(e_f());",
            ),
            Gives("e_h", "4"),
            Runs(
                "let e_lock = std::sync::Mutex::new(vec![1]); { let mut g = e_lock.lock().unwrap(); g.push(2); if g.len() == 2 { return Ok(()); } }",
            ),
            Gives("e_keep", "7"),
        ],
    ),
    (
        "what a failed cell has used up is told with the cell that made it",
        &[
            Runs("let eu_data = vec![1, 2, 3];"),
            Fails(
                "let eu_data = { let n: usize = eu_data.into_iter().map(|x| x as usize).sum(); vec![n].get(7).copied().ok_or(\"none\")? };",
                &[
                    "`eu_data` of cell {-1} is gone, since this cell took it to bind it anew: run cell {-1} again, then this one",
                ],
            ),
            Fails(
                "eu_data",
                &[
                    "`eu_data` of cell {-2} is gone: cell {-1} took it to bind it anew, and ended early",
                    "run cell {-2} again",
                ],
            ),
            Runs("let eu_data = vec![1, 2, 3];"),
            Runs("let eu_data: i32 = eu_data.into_iter().sum();"),
            Gives("eu_data", "6"),
        ],
    ),
    (
        "what a cell was to bind that did not compile is told with the cell",
        &[
            Fails("let nr_a = nothing_there();\nlet nr_b = 1;", &["`nothing_there`"]),
            Fails(
                "nr_a + nr_b",
                &["`nr_a` of cell {-1} is not there, since that cell did not compile", "mend that cell"],
            ),
            Runs("let nr_a = 1;"),
            Lacks("println!(\"{nr_c} {nr_a}\"); let nr_c = 2;", &["cannot find value `nr_c`"], "did not compile"),
            Gives("nr_a", "1"),
        ],
    ),
    (
        "a cell that returns an error keeps what it has bound",
        &[
            Fails(
                "let e_o = 1; if e_o == 1 { return Err(\"plain\".into()); } let e_z = 1;",
                &["plain", "`e_z` of this cell was not kept; `e_o` is"],
            ),
            Gives("e_o", "1"),
            Fails(
                "let e_o = 2; let e_q: i32 = match \"x\".parse() { Ok(v) => v, Err(e) => { let e: std::num::ParseIntError = e; return Err(e.into()) } };",
                &["invalid digit", "`e_o` is"],
            ),
            Fails(
                "let e_o = 3; for i in 0..5 { if i == 3 { return Err(format!(\"at {i}\").into()); } }",
                &["at 3", "`e_o` of this cell is kept"],
            ),
            Gives("e_o", "3"),
            Fails("let Ok(e_bad) = \"q\".parse::<i32>() else { return Err(\"bad\".into()); };", &["bad"]),
            Fails("break;", &["`break` outside of a loop", "`return Ok(());` leaves the cell"]),
            Fails("if 1 > 2 { continue; }", &["`continue` outside of a loop", "`return Ok(());`"]),
            Fails("return;", &["`return;` says nothing", "`return Ok(());` leaves the cell"]),
            Fails("let e_c = || { break; };", &["`break` inside of a closure", "enclosing closure"]),
        ],
    ),
    (
        "a panic in a closure that is handed on, in a macro or in the standard library loses nothing",
        &[
            Fails(
                "let p_v = vec![1]; let p_t: Vec<i32> = p_v.iter().map(|x| 10 / (x - 1)).collect();",
                &["divide by zero", "`p_t` of this cell was not kept; `p_v` is"],
            ),
            Gives("p_v", "[1]"),
            Fails("let p_v = vec![2]; println!(\"{}\", p_v[9]);", &["index is 9", "`p_v` of this cell is kept"]),
            Fails("let p_v = vec![3]; let p_s = format!(\"{}\", 1 % (p_v.len() - 1));", &["`p_v` is"]),
            Fails(
                "let p_v = vec![4]; (0..3).for_each(|i| { p_v[i]; });",
                &["index is 1", "`p_v` of this cell is kept"],
            ),
            Gives("p_v", "[4]"),
            Fails("let mut p_w = vec![1]; p_w.remove(10);", &["removal index", "`p_w` of this cell is kept"]),
            Fails("let mut p_w = vec![2]; p_w.swap(0, 9);", &["`p_w` of this cell is kept"]),
            Runs("use std::cell::RefCell;"),
            Fails("let p_w = vec![3]; let p_d = std::time::Duration::from_secs_f64(-1.0);", &["`p_w` is"]),
            Fails(
                "let p_c = RefCell::new(vec![5]); let p_n = { let g = p_c.borrow_mut(); p_c.borrow().len() + g.len() };",
                &["already", "`p_c` is"],
            ),
            Gives("(p_w, p_c.borrow().len())", "([3], 1)"),
        ],
    ),
    (
        "a whole number that becomes too small or too large loses nothing",
        &[
            Fails(
                "let mut o_v = vec![1, 2, 3]; let o_s = String::from(\"precious\"); let o_n = o_v.len() - 5;",
                &["overflow", "`o_n` of this cell was not kept; `o_s` and `o_v` are"],
            ),
            Gives("(o_v.len(), o_s.len())", "(3, 8)"),
            Fails("let o_s = String::from(\"x\"); println!(\"{o_s}\"); let o_i = o_s.len() - 20;", &["`o_s` is"]),
            Fails("let o_v = vec![4]; let o_t: u8 = vec![200u8, 100].iter().sum();", &["overflow", "`o_v` is"]),
            Fails("let o_v = vec![5u8]; let o_w: Vec<u8> = o_v.iter().map(|x| x - 6).collect();", &["`o_v` is"]),
            Fails("let o_v = vec![7]; let o_p = 3i32.pow(40);", &["overflow", "`o_v` is"]),
            Gives("o_v", "[7]"),
        ],
    ),
    (
        "the crates of the standard library can be named as others are",
        &[
            Runs("extern crate alloc;"),
            Gives("alloc::vec![1].len()", "1"),
            Runs("extern crate std as mystd;\nextern crate core;"),
            Gives("mystd::cmp::max(1, 2) + core::cmp::min(3, 4)", "5"),
            Fails("let x_j = serde_jsn::from_str(\"1\");", &["serde_jsn"]),
            Gives("1 + 1", "2"),
        ],
    ),
    (
        "a question mark in a macro of one's own loses nothing",
        &[
            Runs("macro_rules! number { ($e:expr) => { $e.parse::<i32>()? }; }"),
            Fails(
                "let m_a = 1; let m_b = number!(\"2\"); let m_c = number!(\"x\");",
                &["invalid digit", "`m_c` of this cell was not kept; `m_a` and `m_b` are"],
            ),
            Gives("(m_a, m_b)", "(1, 2)"),
            Fails("let m_a = 3; println!(\"{}\", number!(\"y\"));", &["invalid digit", "`m_a` of this cell is kept"]),
            Gives("m_a", "3"),
            Runs("macro_rules! leave { () => { return Ok(()) }; }"),
            Runs("let m_list: Vec<i32> = vec![number!(\"4\"), 5];"),
            Gives("m_list", "[4, 5]"),
        ],
    ),
    (
        "what borrows from the cell is told by its name, whatever is done with the owner",
        &[
            Lacks(
                "let mut v = vec![3, 1, 2]; let top = v.iter().max().unwrap(); println!(\"{top}\"); v.push(4);",
                &["`top` borrows", "`let top = v.iter().max().unwrap().to_owned();`"],
                "'static",
            ),
            Lacks(
                "let mut v = vec![3]; let head = &v[0]; println!(\"{head}\"); v.clear();",
                &["`head` borrows", "`let head = (&v[0]).to_owned();`"],
                "'static",
            ),
            Lacks(
                "let text = String::from(\"k=v\"); let (k, v) = text.split_once('=').ok_or(\"no =\")?;",
                &["one of `k, v` borrows", "`let (k, v) = (k.to_owned(), v.to_owned());`"],
                "'static",
            ),
            Runs(
                "let text = String::from(\"k=v\"); let (k, v) = text.split_once('=').ok_or(\"no =\")?; let (k, v) = (k.to_owned(), v.to_owned());",
            ),
            Gives("(k, v)", "(\"k\", \"v\")"),
            Runs("let text = String::from(\" t \"); let part = text.trim(); let part = part.to_owned();"),
            Gives("part", "\"t\""),
            Lacks(
                "let mut count = 0; let mut inc = || count += 1; inc(); println!(\"{count}\");",
                &["`inc` borrows"],
                "'static",
            ),
            Lacks(
                "let v = vec![1, 2]; let even = v.iter().filter(|x| **x % 2 == 0); for e in even { println!(\"{e}\"); }",
                &["`even` is an iterator"],
                "moved",
            ),
            Lacks(
                "let text = String::from(\"a b\"); let words: Vec<&str> = text.split(' ').collect();",
                &["`words` borrows", ".map(|one| one.to_owned()).collect();`"],
                "clone",
            ),
            Fails("let v = vec![1]; let w = v; println!(\"{v:?}\");", &["borrow of moved value: `v`"]),
        ],
    ),
];
