//! Figures of made-up numbers: every function of `plot`, with names that are hard to draw.

use candlewick_prelude::boxes::{Annotation, BBox, Detection};
use candlewick_prelude::image::{Rgb, RgbImage};
use candlewick_prelude::plot::{self, Dot, Figure, Heat, Lines, Look, LossCurve, Mark, Run};

/// Names of classes in many scripts, with marks, long ones, and some that no font has.
pub const SCRIPTS: [&str; 10] = [
    "Straßenbahn",
    "грузовик",
    "φορτηγό",
    "卡车",
    "トラック",
    "شاحنة كبيرة",
    "משאית",
    "ट्रक",
    "🚚 van",
    "a very long name of a class that goes on and on",
];

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("class {at}")).collect()
}

fn of(all: &[&str]) -> Vec<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

/// Numbers from 0 to 1 that look like chance, and are the same each time.
fn chance(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    }
}

/// A picture with a disc and a box on a slope of colour.
fn picture(seed: u32, width: u32, height: u32) -> RgbImage {
    let mut next = chance(seed);
    let (hue, x, y) = (next(), (0.25 + 0.5 * next()) * f64::from(width), (0.25 + 0.5 * next()) * f64::from(height));
    RgbImage::from_fn(width, height, |px, py| {
        let (dx, dy) = (f64::from(px) - x, f64::from(py) - y);
        let far = dx.hypot(dy) / f64::from(width.min(height));
        let slope = f64::from(py) / f64::from(height);
        let base =
            if far < 0.2 { [0.9 * hue, 0.3, 0.8 - 0.6 * hue] } else { [0.5 + 0.4 * slope, 0.75, 0.95 - 0.5 * slope] };
        Rgb(base.map(|value| (value * 255.0) as u8))
    })
}

fn matrix(count: usize, seed: u32) -> Vec<Vec<usize>> {
    let mut next = chance(seed);
    let mut cell = |truth: usize, guess: usize| match truth.abs_diff(guess) {
        0 => 20 + (next() * 30.0) as usize,
        1 => (next() * 9.0) as usize,
        _ => usize::from(next() > 0.97) * (1 + (next() * 4.0) as usize),
    };
    (0..count).map(|truth| (0..count).map(|guess| cell(truth, guess)).collect()).collect()
}

fn run(name: &str, seed: u32, rate: f64) -> Run {
    let mut next = chance(seed);
    let mut run = Run::new(name);
    run.train = (0..400).map(|step| 1.6 * (-f64::from(step) / rate).exp() + 0.15 + 0.25 * next()).collect();
    for epoch in 1..=8 {
        let loss = 1.5 * (-f64::from(epoch) * 50.0 / rate).exp() + 0.3 + 0.02 * f64::from(epoch) * f64::from(seed % 3);
        run.valid.push((epoch as usize * 50, loss));
        run.accuracy.push((epoch as usize * 50, (1.0 - 0.5 * loss).max(0.0)));
    }
    run.stages = vec![(100, "unfrozen from layer3".to_owned()), (120, "unfrozen".to_owned())];
    run
}

fn dots(classes: usize, count: usize) -> Vec<Dot> {
    let mut next = chance(5);
    let mut dots = Vec::new();
    for at in 0..count {
        let class = at % classes;
        let turn = class as f64 * 2.4;
        let (x, y) = (turn.cos() * (1.0 + class as f64 * 0.2), turn.sin() * (1.0 + class as f64 * 0.2));
        let wrong = next() > 0.95;
        dots.push(Dot { x: x + next() - 0.5, y: y + next() - 0.5, class: Some(class), wrong, picture: None });
    }
    for at in plot::spread_out(&dots, 16) {
        dots[at].picture = Some(picture(at as u32, 64, 48));
    }
    dots
}

fn bow(power: f64) -> Vec<(f64, f64)> {
    (0..=50).map(|at| (f64::from(at) / 50.0, (f64::from(at) / 50.0).powf(power))).collect()
}

fn boxes(classes: &[String]) -> Vec<Detection> {
    let place = |at: usize| {
        BBox::new(
            (at % 3) as f32 * 200.0 + 20.0,
            (at / 3) as f32 * 110.0 + 40.0,
            (at % 3) as f32 * 200.0 + 170.0,
            (at / 3) as f32 * 110.0 + 105.0,
        )
    };
    classes
        .iter()
        .enumerate()
        .map(|(at, name)| Detection::new(at, name.clone(), 0.95 - 0.07 * at as f32, place(at)))
        .collect()
}

/// All of them, with a name each.
pub fn all() -> Vec<(String, Figure)> {
    let mut all: Vec<(String, Figure)> = Vec::new();
    let mut add = |name: &str, figure: Figure| all.push((name.to_owned(), figure));
    let vehicles = of(&["car", "bus", "lorry", "van", "tram", "bicycle"]);
    let scripts = of(&SCRIPTS);

    let loss = run("fine-tuned", 1, 90.0);
    add("loss", LossCurve::of(&loss).stages(&loss.stages).figure());
    add("loss-few", LossCurve::new().train(&[2.3, 1.9, 1.5, 1.2]).valid(&[(2, 2.0), (4, 1.4)]).figure());
    add("loss-one", LossCurve::new().train(&[2.3]).figure());
    add("compare", plot::compare(&[loss.clone(), run("from scratch", 2, 300.0), run("عربي", 3, 150.0)]));
    let many: Vec<Run> =
        (0..9).map(|at| run(&format!("a run with a long name, seed {at}"), at, 60.0 + 30.0 * f64::from(at))).collect();
    add("compare-nine", plot::compare(&many));
    let rates: Vec<(f64, f64)> = (0..90)
        .map(|at| {
            (
                1e-6 * 10f64.powf(f64::from(at) / 15.0),
                1.4 - 0.8 * (f64::from(at) / 60.0).min(1.0) + 0.04 * (f64::from(at) - 60.0).max(0.0),
            )
        })
        .collect();
    add(
        "rates",
        Lines::new("learning rate", "loss")
            .log_x()
            .zoom()
            .line("", &rates, Look::Line)
            .point(1e-3, 0.9, "suggested 1e-3")
            .figure(),
    );
    let curves = |classes: &[String]| {
        let mut lines = Lines::new("false positive rate", "true positive rate").percent();
        for (at, name) in classes.iter().take(6).enumerate() {
            lines = lines.of_class(name, format!("{name} 0.9{at}"), &bow(0.1 + 0.1 * at as f64), Look::Line);
        }
        lines.reference("chance", &[(0.0, 0.0), (1.0, 1.0)]).title("mean AUC 0.932 of 6 classes").figure()
    };
    add("roc", curves(&vehicles));
    add("roc-scripts", curves(&scripts[1..]));
    add(
        "calibration",
        Lines::new("how sure (share)", "how many are right")
            .percent()
            .title("expected calibration error 0.061")
            .line("answers", &bow(1.3)[5..], Look::Marked)
            .reference("as sure as right", &[(0.0, 0.0), (1.0, 1.0)])
            .figure(),
    );
    add(
        "large-numbers",
        Lines::new("step", "memory (bytes)").line("a", &[(0.0, 1.2e9), (1e6, 3.4e9)], Look::Line).figure(),
    );
    add(
        "negative",
        Lines::new("step", "log-likelihood").line("a", &[(0.0, -120.0), (10.0, -3.5)], Look::Marked).figure(),
    );

    add(
        "bars",
        plot::bars(
            &of(&["conv1.weight", "layer1.0.conv1.weight", "layer4.1.bn2.bias", "head"]),
            &[0.12, 1.4, 0.003, 2.25],
        ),
    );
    add(
        "scatter",
        plot::scatter(
            &dots(6, 240),
            &vehicles,
            "240 pictures by their features, PCA, 12 wrong",
            ["first component (41 % of the variance)", "second component (22 % of the variance)"],
        ),
    );
    add("bars-classes", plot::bars(&vehicles, &[120.0, 88.0, 40.0, 12.0, 3.0, 0.0]));
    add(
        "scatter-scripts",
        plot::scatter(&dots(10, 200), &scripts, "في كل لغة, 每种语言, на любом языке", ["first axis", "second axis"]),
    );
    add("scatter-one", plot::scatter(&dots(1, 40), &of(&["only"]), "one class", ["first axis", "second axis"]));
    add("scatter-40", plot::scatter(&dots(40, 600), &names(40), "40 classes", ["first axis", "second axis"]));
    add("bars-scripts", plot::bars(&scripts, &[9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5]));

    add("confusion", plot::confusion(&matrix(6, 3), &vehicles));
    add("confusion-one", plot::confusion(&[vec![7]], &of(&["only"])));
    add("confusion-two", plot::confusion(&[vec![70, 3], vec![12, 9]], &of(&["healthy", "ill"])));
    add("confusion-scripts", plot::confusion(&matrix(10, 4), &scripts));
    add("confusion-40", plot::confusion(&matrix(40, 6), &names(40)));
    add("confusion-400", plot::confusion(&matrix(400, 7), &names(400)));
    let long: Vec<String> = (0..400).map(|at| format!("species {at} of a genus with a long Latin name")).collect();
    add("confusion-400-long", plot::confusion(&matrix(400, 8), &long));
    add("confusion-400-right", plot::confusion(&vec![vec![]; 400], &names(400)));

    add("overlay", plot::overlay(&picture(4, 640, 480), &boxes(&vehicles)));
    add("overlay-scripts", plot::overlay(&picture(6, 640, 480), &boxes(&scripts)));
    let mut marks: Vec<Mark> = boxes(&vehicles).iter().map(Mark::from).collect();
    marks.extend(boxes(&vehicles).iter().map(|one| {
        let [x0, y0, x1, y1] = one.bbox.to_xyxy();
        Mark::truth(&Annotation::new(one.class, BBox::new(x0 + 8.0, y0 + 6.0, x1 + 10.0, y1 + 8.0)), &vehicles)
    }));
    add("overlay-truth", plot::overlay(&picture(9, 640, 480), &marks));
    let small = [Detection::new(0, "car", 0.93, BBox::new(8.0, 20.0, 50.0, 44.0))];
    add("overlay-small", plot::overlay(&picture(2, 64, 64), &small));

    let pictures: Vec<RgbImage> = (0..12).map(|at| picture(at, 64 + 16 * (at % 3), 64)).collect();
    let captions: Vec<String> = (0..12)
        .map(|at| format!("{} {} %\nis {}, loss 1.{at}", scripts[at % 10], 40 + 5 * at, vehicles[at % 6]))
        .collect();
    for count in [1, 2, 4, 6, 9, 12] {
        add(&format!("grid-{count}"), plot::grid(&pictures[..count], &captions[..count]));
    }
    let twenty: Vec<RgbImage> = (0..24).map(|at| picture(at, 64, 64)).collect();
    let words: Vec<String> = (0..24).map(|at| vehicles[at % 6].clone()).collect();
    add("grid-24", plot::grid(&twenty, &words));
    let marked: Vec<RgbImage> = (0..4).map(|at| plot::draw_thumb(&picture(at, 640, 480), &marks, 4)).collect();
    add("grid-boxes", plot::grid(&marked, &of(&["6 boxes", "6 boxes", "6 boxes", "6 boxes"])));
    let found: Vec<Mark> = boxes(&vehicles[..2]).iter().map(Mark::from).collect();
    let marked: Vec<RgbImage> = (0..9).map(|at| plot::draw_thumb(&picture(at, 640, 480), &found, 9)).collect();
    add("grid-nine-boxes", plot::grid(&marked, &vec!["2 boxes".to_owned(); 9]));
    add("beside", plot::beside(&pictures[..2], &of(&["before", "after"])));
    add("strip", plot::strip(&pictures[..8], &words));
    let kinds = ["flip", "rotate", "scale and crop", "perspective", "colour", "blur", "noise", "erase"];
    let columns: Vec<(String, Vec<RgbImage>)> = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| ((*kind).to_owned(), (0..3).map(|row| picture((at * 3 + row) as u32, 64, 64)).collect()))
        .collect();
    add("columns", plot::columns(&columns));
    let heat = Heat {
        values: (0..49)
            .map(|at| (-(((at % 7) as f32 - 3.0).powi(2) + ((at / 7) as f32 - 2.0).powi(2)) / 4.0).exp())
            .collect(),
        columns: 7,
        area: [0.0, 0.0, 224.0, 224.0],
    };
    let large = picture(3, 224, 224);
    add(
        "heat",
        plot::warm_grid(&[large.clone(), plot::warmed(&large, &heat)], &of(&["bus 93 %", "what counts for bus"])),
    );
    let panel = |name: &str| {
        Lines::new("step", name).line("head", &[(0.0, 1e-4), (50.0, 1e-3), (100.0, 0.0)], Look::Line).line(
            "body",
            &[(0.0, 1e-5), (50.0, 1e-4), (100.0, 0.0)],
            Look::Line,
        )
    };
    add("panels", plot::panels(&[panel("learning rate"), panel("momentum")]));
    all
}
