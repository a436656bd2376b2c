//! Loops in cells, for real: they hear an interrupt, keep what they have, and compile as they are written.

use super::live::{Interrupted, interrupt, ok, run, value};
use super::{precious, still_precious};
use candlewick::session::Session;
use std::sync::Arc;
use std::time::Duration;

/// Interrupts a cell, which hears it soon.
fn within_its_turn(session: &Arc<Session>, code: &str) -> Interrupted {
    let ended = interrupt(session, code, &[], Session::interrupt);
    assert!(ended.took < Duration::from_secs(20), "{code}: {:?}", ended.took);
    ended
}

/// Loops as people write them: the cell ends within its turn, and all that it has bound is there.
pub fn plain(session: &Arc<Session>) {
    let before = precious(session);
    let nap = "std::thread::sleep(std::time::Duration::from_millis(5));";
    for code in [
        &format!("let mut turns = vec![]; for i in 0.. {{ turns.push(i); {nap} }}"),
        "let (mut turns, _unused) = (Vec::new(), 1); while turns.len() < usize::MAX { turns.push(0u8); turns.truncate(5); }\nlet after = 1;",
        &format!(
            "let turns = [1u8, 2]; let n = loop {{ for t in &turns {{ {nap} if *t == 9 {{ break; }} }} if turns.len() == 9 {{ break 5 }} }};"
        ),
        &format!("let turns = 'long; 'a: loop {{ {nap} }}").replace("'long", "\"long\""),
        "let turns = vec![0f32; 10]; let x = Tensor::new(turns.clone(), &Device::Cpu)?; let mut y = x.clone();\nfor _ in 0..u64::MAX { y = (&y + &x)?; }\n(turns.len(), y)",
        "let turns = String::from(\"text\"); for n in 0u64.. { println!(\"{n} {turns}\"); }",
        &format!(
            "let turns = 'c'; for i in std::iter::repeat(1).take(9) {{ for j in 0.. {{ {nap} if j + i == usize::MAX {{ break; }} }} }}"
        ),
    ] {
        let ended = within_its_turn(session, code);
        assert!(ended.error.value.contains("interrupted"), "{code}: {}", ended.error);
        assert!(!ended.err.contains("not heard"), "{code}: {}", ended.err);
        ok(session, "let seen = format!(\"{turns:?}\");");
        assert!(value(session, "seen.len()") != "0", "{code}");
        assert_eq!(value(session, "interrupt::requested()"), "false");
        assert!(run(session, "after").0.is_err());
        still_precious(session, before);
    }
    let all =
        interrupt(session, "let mut own = 0u64; loop { own += 1; if own == 0 { break; } }", &[], Session::interrupt);
    assert!(all.error.value.contains("all variables are kept"), "{}", all.error);
    assert_eq!(value(session, "own > 0"), "true");
    // Functions and closures are unwound, and so is what calls them; what the cell has bound before is kept.
    for code in [
        &format!("fn train(n: usize) -> usize {{ for _ in 0..n {{ {nap} }} n }} let trained = train(usize::MAX);"),
        &format!("let trained = (0..usize::MAX).map(|i| {{ for j in 0..2 {{ {nap} }} i }}).sum::<usize>();"),
        "let trained = { let sum = |n: u64| { let mut s = 0; for i in 0..n { s ^= i; } s }; sum(u64::MAX) };",
        "fn sums(n: u64) -> u64 { let mut s = 0u64; for i in 0..n { s ^= i; } s } let trained = sums(u64::MAX);",
        &format!(
            "trait Fits {{ fn fit(&mut self); }} impl Fits for Vec<u8> {{ fn fit(&mut self) {{ loop {{ {nap} }} }} }} let mut own = vec![1u8]; own.fit(); let trained = own.len();"
        ),
        "fn inner() { loop { std::hint::black_box(1); } } fn outer() -> Result<u8> { inner(); Ok(1) } let own = vec![1u8]; let trained = outer()?;",
        &format!(
            "let own = vec![1u8]; let trained = own.iter().map(|n| {{ loop {{ {nap} if *n > 1 {{ break *n; }} }} }}).max().unwrap_or(3);"
        ),
        &format!(
            "let own = vec![1u8]; let go: fn(u8) -> u8 = |n| loop {{ {nap} if n > 1 {{ break n; }} }}; let trained = go(own[0]);"
        ),
    ] {
        let ended = within_its_turn(session, code);
        let says = &ended.error.value;
        assert!(says.contains("of earlier cells are kept, `trained` of this cell is not"), "{code}: {}", ended.error);
        if code.contains("let own") || code.contains("let mut own") {
            assert_eq!(value(session, "own.len()"), "1", "{code}");
            ok(session, "drop(own);");
        }
        still_precious(session, before);
    }
    // Blocks are left where they are, also where something is lent until then.
    for code in [
        &format!("let own = 1u8; if precious.len() == 3 {{ while true {{ {nap} }} }}"),
        &format!(
            "let own = 1u8; match own {{ 1 => for i in 0.. {{ {nap} if i == usize::MAX {{ break; }} }}, _ => {{}} }}"
        ),
        &format!(
            "let own = 1u8; {{ let lock = std::sync::Mutex::new(1); let held = lock.lock().unwrap(); loop {{ {nap} }} }};"
        ),
        &format!(
            "let lent = std::sync::Mutex::new(vec![1u8]); {{ let held = lent.lock().unwrap(); loop {{ {nap} }} }};"
        ),
    ] {
        let ended = within_its_turn(session, code);
        if code.contains("Mutex::new(vec") {
            assert!(ended.error.value.contains("`lent` of this cell is not"), "{code}: {}", ended.error);
        } else {
            assert!(ended.error.value.contains("all variables are kept"), "{code}: {}", ended.error);
            assert_eq!(value(session, "own"), "1", "{code}");
            ok(session, "drop(own);");
        }
        still_precious(session, before);
    }
    // Sleep and recursion hear too; behind a training that was stopped the cell ends.
    for code in [
        "let own = 1u8; std::thread::sleep(std::time::Duration::from_secs(600)); let late = 2;",
        "fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\nlet own = 1u8; let late = fib(80);",
        "struct Tree(Vec<Tree>); impl Tree { fn walk(&self) -> u64 { if self.0.is_empty() { Tree(vec![Tree(vec![])]).walk() } else { self.0[0].walk() } } }\nlet own = 1u8; fn wide(n: u64) -> u64 { (0..9).map(|m| if n == 0 { m } else { wide(n - 1) }).sum() }\nlet late = wide(60);",
        "let own = 1u8; let pixels = Tensor::randn(0f32, 1f32, (64, 3, 64, 64), &Device::Cpu)?;\nlet data = TensorData::new(pixels, (0..64).map(|i| i % 2).collect(), &[\"a\", \"b\"])?.split(0.25, 1)?;\nlet mut learner = Learner::vision_untrained(Arch::default(), &data)?;\nlearner.quiet().fit(10_000, 1e-3)?;\nprintln!(\"went on\"); let late = 2;",
        // within a block and a loop of the cell
        "let own = 1u8; let pixels = Tensor::randn(0f32, 1f32, (64, 3, 64, 64), &Device::Cpu)?;\nlet data = TensorData::new(pixels, (0..64).map(|i| i % 2).collect(), &[\"a\", \"b\"])?.split(0.25, 1)?;\nlet mut learner = Learner::vision_untrained(Arch::default(), &data)?;\n{ learner.quiet().fit(10_000, 1e-3)?; println!(\"went on\"); } let late = 2;",
        "let own = 1u8; let pixels = Tensor::randn(0f32, 1f32, (64, 3, 64, 64), &Device::Cpu)?;\nlet data = TensorData::new(pixels, (0..64).map(|i| i % 2).collect(), &[\"a\", \"b\"])?.split(0.25, 1)?;\nlet mut learner = Learner::vision_untrained(Arch::default(), &data)?;\nfor rate in [1e-3, 1e-4] { learner.quiet().fit(10_000, rate)?; println!(\"went on\"); } let late = 2;",
    ] {
        let ended = within_its_turn(session, code);
        assert!(!ended.err.contains("not heard"), "{code}: {}", ended.err);
        assert!(!ended.out.contains("went on"), "{code}");
        assert_eq!(value(session, "own"), "1", "{code}");
        assert!(run(session, "late").0.is_err(), "{code}");
        ok(session, "drop(own);");
        still_precious(session, before);
    }
    // A thread of an earlier cell goes on.
    ok(
        session,
        "use std::sync::atomic::{AtomicU64, Ordering::Relaxed}; static TICKS: AtomicU64 = AtomicU64::new(0);\n\
         let worker = std::thread::spawn(|| loop { TICKS.fetch_add(1, Relaxed); std::thread::sleep(std::time::Duration::from_millis(1)); });",
    );
    interrupt(session, &format!("loop {{ {nap} }}"), &[], Session::interrupt);
    ok(session, "let seen = TICKS.load(Relaxed); std::thread::sleep(std::time::Duration::from_millis(200));");
    assert_eq!(value(session, "TICKS.load(Relaxed) > seen && !worker.is_finished()"), "true");
}

/// What borrows until later, or has its value later, does not keep a cell with a loop from compiling.
pub fn compile(session: &Arc<Session>) {
    for (code, expected) in [
        (
            "use std::io::Write; let shared = std::sync::Mutex::new(Vec::new()); { let mut out = shared.lock().unwrap(); for i in 0..3 { write!(out, \"{i}\")?; } drop(out); } let n = shared.lock().unwrap().len(); n",
            "3",
        ),
        (
            "let found; let mut n = 0; loop { n += f64::from(1).abs() as i32; if n == 4 { found = n; break; } } found",
            "4",
        ),
        ("let x = 1; for i in 0..3 { x.max(i); } let x = \"text\"; x.len()", "4"),
        ("let v = vec![1, 2]; let mut s = 0; for x in v { s += i32::from(x); } s", "3"),
        ("let mut v = vec![1]; for x in v.iter_mut() { *x = x.pow(2) + 1; } v[0]", "2"),
        ("let late; for i in 0..2 { i.min(1); } late = 7; late", "7"),
        ("let n = 'a: loop { for i in 0.. { if i.max(0) == 5 { break 'a i; } } }; n", "5"),
        ("let mut it = (0..3).into_iter(); let mut s = 0; while let Some(x) = it.next() { s += x; } s", "3"),
        (
            "let mut seen = std::collections::HashMap::new(); for w in [\"a\", \"b\", \"a\"] { *seen.entry(w).or_insert(0) += 1; } seen[\"a\"]",
            "2",
        ),
        ("for i in 0..2 { let s = format!(\"{i}\"); if s.is_empty() { continue; } }\nloop { break; }\n1", "1"),
        ("let r: i32 = (|| { let mut s = 0; for i in 0..3 { s += i32::from(i); } s })(); r", "3"),
    ] {
        assert_eq!(value(session, code), expected, "{code}");
    }
}
