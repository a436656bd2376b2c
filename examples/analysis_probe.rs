//! Times the analysis: describe, load, types.
use candlewick::analysis::{Analysis, Pack, describe};
use std::path::Path;
use std::time::Instant;
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let file = Path::new("/tmp/probe.pack");
    if arguments[1] == "describe" {
        let start = Instant::now();
        let mut pack = describe(Path::new(&arguments[2]), None).unwrap();
        println!("described in {:?}", start.elapsed());
        for krate in &pack.crates {
            println!(
                "{} {} files {} KB deps {:?}",
                krate.name,
                krate.files.len(),
                krate.files.iter().map(|f| f.1.len()).sum::<usize>() / 1024,
                krate.deps.iter().map(|d| &d.0).collect::<Vec<_>>()
            );
        }
        pack.write(file).unwrap();
        return;
    }
    let start = Instant::now();
    let pack = Pack::read(file).unwrap();
    println!("read {:?}", start.elapsed());
    drop(pack);
    let start = Instant::now();
    let analysis = Analysis::start(file.into(), "let warm = 1;").unwrap();
    analysis.change_context(|c| c.take_items("use candlewick_prelude::prelude::*;"));
    println!("{:?} in {:?}", analysis.bound(""), start.elapsed());
    let start = Instant::now();
    println!("{:?}", analysis.bound("let t = Tensor::randn(0f32, 1f32, (4, 4), &Device::Cpu)?;"));
    println!("{:?}", start.elapsed());
    for code in &arguments[2..] {
        let start = Instant::now();
        println!("{code}\n   {:?}", analysis.bound(code).into_iter().map(|b| (b.name, b.known)).collect::<Vec<_>>());
        println!("   {:?}", start.elapsed());
    }
    for code in &arguments[2..] {
        let start = Instant::now();
        let found = analysis.complete(code, code.len());
        println!(
            "{code}\n   {:?}",
            found.map(|(r, s)| (r, s.len(), s.into_iter().take(6).map(|s| s.label).collect::<Vec<_>>()))
        );
        println!("   {:?}", analysis.inspect(code, code.len()).map(|d| d.plain.chars().take(300).collect::<String>()));
        println!("   {:?}", start.elapsed());
    }
}
