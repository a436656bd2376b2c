//! What the four numbers of a box may be, and how VOC's tools count pixels.

/// What the four numbers of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoxForm {
    /// Left, top, right, bottom.
    Corners,
    /// Left, top, width, height.
    Sides,
    /// The centre, width, height.
    Centre,
}

impl BoxForm {
    /// Left, top, right and bottom.
    pub(in crate::data) fn corners(self, four: [f64; 4]) -> [f64; 4] {
        let [x, y, a, b] = four;
        match self {
            BoxForm::Corners => four,
            BoxForm::Sides => [x, y, x + a, y + b],
            BoxForm::Centre => [x - a / 2.0, y - b / 2.0, x + a / 2.0, y + b / 2.0],
        }
    }
}

/// How a VOC file counts pixels.
///
/// VOC's definition numbers pixels from 1, and `xmax` is the last pixel within the box: a box over a picture 640 wide
/// goes from 1 to 640, in edges from 0 to 640 (Detectron2 takes 1 from left and top only). Tools do as they like: labelImg and CVAT
/// write edges from 0, and labelImg a 1 for every 0; Roboflow writes edges and adds 1 to all four, so that a box over the whole
/// picture goes from 1 to 641. Converters pick one for all: torchvision hands the numbers on as they are; FiftyOne divides
/// them by the sides, which reads edges; Ultralytics' conversion of VOC takes 1 from the centre and keeps width and
/// height, which reads Roboflow's. So a data set's own numbers decide here, see [`Counting::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// As VOC defines it: from 1, the last pixel within.
    Inclusive,
    /// Edges from 0.
    Edges,
    /// Edges plus 1.
    EdgesPlusOne,
}

/// What the boxes of a data set show of how it counts.
#[derive(Default)]
pub(super) struct Evidence {
    /// Boxes whose left or top is 0.
    pub zeros: usize,
    /// Boxes whose left or top is 1.
    pub ones: usize,
    /// Boxes whose right or bottom is the picture's side.
    pub at_side: usize,
    /// Boxes whose right or bottom is one more.
    pub past_side: usize,
    /// Boxes with a number that is not whole.
    pub broken: usize,
    /// All boxes.
    pub all: usize,
    /// Files that Roboflow wrote.
    pub roboflow: usize,
    /// All files.
    pub files: usize,
}

impl Evidence {
    /// Takes the corners of one box on a picture of this size.
    pub fn add(&mut self, [left, top, right, bottom]: [f64; 4], said: Option<(u32, u32)>) {
        let any = |found: bool| usize::from(found);
        self.all += 1;
        self.broken += any([left, top, right, bottom].iter().any(|number| number.fract() != 0.0));
        self.zeros += any(left == 0.0 || top == 0.0);
        self.ones += any(left == 1.0 || top == 1.0);
        if let Some((width, height)) = said {
            let (width, height) = (f64::from(width), f64::from(height));
            self.at_side += any(right == width || bottom == height);
            self.past_side += any(right == width + 1.0 || bottom == height + 1.0);
        }
    }
}

impl Counting {
    /// What the boxes of a data set show: a 0 where the picture begins means edges, as numbers that are not whole do; one past
    /// the picture's end means edges plus 1; neither means VOC's definition. A few slips in a large set change nothing.
    pub(super) fn of(seen: &Evidence) -> Counting {
        match () {
            () if seen.zeros > 0 && seen.zeros * 10 >= seen.ones => Counting::Edges,
            () if seen.broken * 10 > seen.all => Counting::Edges,
            () if seen.past_side > 0 && seen.past_side * 2 >= seen.at_side => Counting::EdgesPlusOne,
            () if seen.roboflow > 0 && seen.roboflow * 2 >= seen.files => Counting::EdgesPlusOne,
            () => Counting::Inclusive,
        }
    }

    /// The edges of a box.
    pub(super) fn edges(self, [left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
        match self {
            Counting::Inclusive => [left - 1.0, top - 1.0, right, bottom],
            Counting::Edges => [left, top, right, bottom],
            Counting::EdgesPlusOne => [left - 1.0, top - 1.0, right - 1.0, bottom - 1.0],
        }
    }

    /// How it is called in a note.
    pub(super) fn words(self) -> &'static str {
        match self {
            Counting::Inclusive => "from 1, the last pixel within the box, as VOC defines it",
            Counting::Edges => "as edges from 0",
            Counting::EdgesPlusOne => "as edges plus 1, as Roboflow writes them",
        }
    }
}
