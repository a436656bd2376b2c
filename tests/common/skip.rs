//! Whether a test that needs a real session has a template to start it from.

use candlewick::home::Home;

/// Says that `count` cases are skipped where there is no installed template, or where only a list is asked for.
pub fn skips(count: usize) -> bool {
    let listing = std::env::args().any(|argument| argument == "--list");
    let installed = Home::find().is_ok_and(|home| home.template().join("candlewick-template.json").is_file());
    if installed && !listing {
        return false;
    }
    if !listing {
        println!("skipped: no warm template; run ./install.sh or set CANDLEWICK_HOME");
    }
    println!("0 passed, 0 failed, {count} skipped");
    true
}
