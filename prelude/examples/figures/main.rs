//! Every figure that the prelude draws, on one page, on light and on dark ground. Nothing is downloaded.
//!
//! ```text
//! cargo run --release --locked -p candlewick-prelude --example figures -- folder
//! ```

mod drawn;
mod learned;

use candlewick_prelude::Result;
use std::fmt::Write;
use std::path::PathBuf;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "figures".to_owned()));
    std::fs::create_dir_all(&folder)?;
    // the vehicles first, so that they have the first colours
    let mut all = learned::all()?;
    all.extend(drawn::all());
    let mut page = String::from(
        "<!doctype html><meta charset=\"utf-8\"><title>Figures</title><style>\n\
         body { font: 14px sans-serif; margin: 0; display: grid; grid-template-columns: 1fr 1fr; }\n\
         div { padding: 12px 20px; } img { max-width: 100%; height: auto; display: block; margin: 6px 0; }\n\
         .light { background: #fff; color: #222; } .dark { background: #111; color: #ddd; }\n</style>\n",
    );
    for (name, figure) in &all {
        figure.save(folder.join(format!("{name}.png")))?;
        figure.save(folder.join(format!("{name}.svg")))?;
        std::fs::write(folder.join(format!("{name}.txt")), figure.text())?;
        let (width, height) = figure.size();
        for ground in ["light", "dark"] {
            // Writing to a String cannot fail.
            let _ = writeln!(
                page,
                "<div class=\"{ground}\">{name}, <a href=\"{name}.svg\">svg</a>, <a href=\"{name}.txt\">text</a>\
                 <img src=\"{name}.png\" width=\"{width}\" height=\"{height}\" alt=\"{name}\"></div>"
            );
        }
    }
    std::fs::write(folder.join("index.html"), page)?;
    println!("{} figures in {}", all.len(), folder.join("index.html").display());
    Ok(())
}
