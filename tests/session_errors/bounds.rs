//! Arguments that the prelude has its own words for.

use super::Case;
use super::Step::{Fails, Lacks, Runs};

pub const CASES: &[Case] = &[(
    "what the prelude says of an argument stands alone, with what was meant",
    &[
        Runs(
            "let ob = TensorData::new(Tensor::zeros((4, 3, 8, 8), DType::F32, &Device::Cpu)?, vec![0, 1, 0, 1], &[\"a\", \"b\"])?.split(0.5, 1)?;\nlet mut ob_l = Learner::vision(Arch::Small.untrained(), &ob)?;",
        ),
        Lacks("ob_l.evaluate_on(\"photos\")?", &["nothing to measure on", "`learner.evaluate_on(&data)?`"], "trait"),
        Lacks("ob_l.evaluate_on(ob)?", &["nothing to measure on", "`ob_l.evaluate_on(&ob)?`"], "trait"),
        Lacks("ob_l.predict(&[\"a.jpg\", \"b.jpg\"])?", &["no picture and no text", "predict_all"], "trait"),
        Fails(
            "let other = Learner::vision(&ob, Arch::Small.untrained())?;",
            &["no architecture", "the network comes first, then the data: `Learner::vision(…, &data)?`"],
        ),
        Lacks("let ob_f = &ob_l;", &["`ob_f` borrows", "use `ob_l` itself"], "to_owned"),
        Fails("ob_l.evaluate()?.accuracy()", &["`accuracy`", "`learner.validate()?.all.get(\"accuracy\")?`"]),
        Lacks(
            "let ob_r = Learner::vision(Arch::Small.untrained(), &ob);\nob_r.fit(1, 1e-3)?;",
            &["`ob_r` holds a `Result`: put `?` where it is made, `let mut ob_r = …?;`"],
            "`fmt`",
        ),
        Fails(
            "let other = Learner::vision(&ob_none, Arch::Small)?;",
            &["cannot find value `ob_none`", "the network comes first, then the data: `Learner::vision(…, &data)?`"],
        ),
        Lacks("ImageFolder::open(&ob)?", &["`TensorData` is no path", "opened already"], "trait"),
        Lacks("Boxes::open(12)?", &["a number is no path", "a `PathBuf`"], "trait"),
        Lacks("TextTable::open(Some(\"a.csv\"))?", &["`Option` is no path", "take the path out of it"], "trait"),
        Lacks(
            "let ob_b = ob.clone();\nob_b.batch(2);\nob_b.len()",
            &["`let ob_b = ob_b.batch(2);` keeps what the method gives", "`ob_b.clone()` there"],
            "consume it",
        ),
        Runs("let ob_c = ob.clone();"),
        Runs("ob_c.batch(2);"),
        Fails(
            "ob_c.len()",
            &["`ob_c` was moved in cell", "`let ob_c = ob_c.batch(2);` keeps what it gives", "`ob_c.clone()` there"],
        ),
        Fails(":doc", &["name an item: `:doc Learner`"]),
        Fails("ob[0]", &["cannot index", "`data.show_batch(9)?` shows some", "`data.len()`"]),
        Fails("for x in &ob { println!(\"x\"); }", &["not an iterator", "data.batches(Part::Train)?"]),
        Lacks("ob.fit(1, 1e-3)?", &["a learner does that", "Learner::vision("], "fmt"),
        Fails("for i in 0..2 { ob_l.fit(1, 1e-3) }", &["`?;` behind it"]),
        Fails("ob_l.predict(new.jpg)?", &["text, in quotes: `\"new.jpg\"`"]),
        Fails("ob_l.unfreeze_from(blocks.2)?", &["text, in quotes: `\"blocks.2\"`"]),
        Fails("ob_l.predict(../a.png)?", &["text, in quotes: `\"../a.png\"`"]),
        Fails("ob_l.predict(2020.jpg)?", &["text, in quotes: `\"2020.jpg\"`"]),
        Fails("ImageFolder::open(my photos)?", &["text, in quotes: `\"my photos\"`"]),
        Fails("let ob_n = ob.clone().only([car, bus])?;", &["in quotes: `&[\"car\", \"bus\"]`"]),
        Fails("ImageFolder::open(\"x\")?.size((32, 32));", &["pictures are square"]),
        Fails("ob_l.fit(lr=1e-3, epochs=3, wd=0.1)?", &["in their order: `ob_l.fit(3, 1e-3)?`;"]),
        Fails("ob_l.fit_one_cycle(4, slice(1e-4, 1e-3))?", &["are a range: `learner.fit_one_cycle(4, 1e-4..1e-3)?`"]),
        Fails("ob_l.fit(\"3\", 1e-3)?", &["numbers stand without quotes"]),
        Lacks("ob_l.fit(epochs=3)", &["no names here", "in their order: `ob_l.fit(3, 1e-3)`;"], "argument #2"),
        Runs("let mut ob_d = ob.clone();\nob_d.batch(2);"),
        Fails("ob_d.len()", &["(line 2: `ob_d.batch(2);`)", "`let ob_d = ob_d.batch(2);` keeps"]),
    ],
)];
