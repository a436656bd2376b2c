//! Which column of a table of boxes holds what: by the names in the first line, or by what the cells look like.

use super::super::delimited::TextRow;
use super::form::BoxForm;
use super::gallery::part_named;
use super::text::{self, Number};

const FILE: &[&str] = &[
    "file",
    "filename",
    "file_name",
    "fname",
    "image",
    "image_path",
    "image_id",
    "imageid",
    "img",
    "path",
    "name",
    "filepath",
    "image_name",
    "img_path",
    "picture",
];
const CLASS: &[&str] = &[
    "class",
    "label",
    "category",
    "class_name",
    "label_name",
    "labelname",
    "cls",
    "class_label",
    "classname",
    "category_name",
];
const LEFT: &[&str] = &["x0", "x1", "xmin", "x_min", "left", "x", "bbox_x", "bbox_xmin", "bbox_x1"];
const TOP: &[&str] = &["y0", "y1", "ymin", "y_min", "top", "y", "bbox_y", "bbox_ymin", "bbox_y1"];
const RIGHT: &[&str] = &["x1", "x2", "xmax", "x_max", "right", "bbox_xmax", "bbox_x2"];
const BOTTOM: &[&str] = &["y1", "y2", "ymax", "y_max", "bottom", "bbox_ymax", "bbox_y2"];
const CENTRE_X: &[&str] =
    &["cx", "x_center", "x_centre", "xcenter", "xcentre", "center_x", "centre_x", "xc", "bbox_cx"];
const CENTRE_Y: &[&str] =
    &["cy", "y_center", "y_centre", "ycenter", "ycentre", "center_y", "centre_y", "yc", "bbox_cy"];
const WIDTH: &[&str] = &["w", "width", "bbox_w", "bbox_width", "box_width"];
const HEIGHT: &[&str] = &["h", "height", "bbox_h", "bbox_height", "box_height"];
const PICTURE_WIDTH: &[&str] = &["image_width", "img_width", "img_w", "im_width", "image_w", "picture_width"];
const PICTURE_HEIGHT: &[&str] = &["image_height", "img_height", "img_h", "im_height", "image_h", "picture_height"];
const PART: &[&str] = &["part", "split", "set", "subset", "ml_use"];
const SCORE: &[&str] = &["score", "confidence", "conf", "probability"];
const CROWD: &[&str] = &["crowd", "iscrowd", "is_crowd", "isgroupof", "is_group_of", "group_of"];
const DIFFICULT: &[&str] = &["difficult", "is_difficult"];
const TRUNCATED: &[&str] = &["truncated", "istruncated", "is_truncated"];
const OCCLUDED: &[&str] = &["occluded", "isoccluded", "is_occluded"];
const AUTOMATIC: &[&str] = &["automatic", "is_automatic"];

/// Where the cells of a table of boxes are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::data) struct TableColumns {
    pub file: usize,
    pub class: usize,
    /// The four numbers.
    pub four: [usize; 4],
    pub form: Option<BoxForm>,
    pub size: Option<[usize; 2]>,
    pub part: Option<usize>,
    pub score: Option<usize>,
    /// Crowd, difficult, truncated, occluded, automatic.
    pub flags: [Option<usize>; 5],
    /// All other columns that have a name.
    pub rest: Vec<(String, usize)>,
    /// A name of a file may hold what parts cells: surplus cells belong to it.
    pub surplus: bool,
}

impl TableColumns {
    /// How many cells a row needs.
    pub fn least(&self) -> usize {
        self.four.into_iter().chain([self.file, self.class]).max().unwrap_or(0) + 1
    }
}

/// Where the columns stand, by their names; `None` where they do not say, and what is missing.
pub(super) fn named(first: &[String]) -> Result<TableColumns, &'static str> {
    let names: Vec<String> = first.iter().map(|name| name.to_lowercase().replace([' ', '-'], "_")).collect();
    let has = |name: &str| names.iter().any(|found| found == name);
    let at = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
    // `x1` is the left edge beside an `x2`, and the right one beside an `x0`.
    let edge = |known: &[&str], other: &str, name: &str| {
        let known: Vec<&str> = known.iter().copied().filter(|one| !(has(other) && *one == name)).collect();
        at(&known)
    };
    let (left, top) = (edge(LEFT, "x0", "x1"), edge(TOP, "y0", "y1"));
    let (right, bottom) = (edge(RIGHT, "x2", "x1"), edge(BOTTOM, "y2", "y1"));
    let (width, height) = (at(WIDTH), at(HEIGHT));
    let all = |four: [Option<usize>; 4]| -> Option<[usize; 4]> {
        let [Some(a), Some(b), Some(c), Some(d)] = four else { return None };
        let mut sorted = [a, b, c, d];
        sorted.sort_unstable();
        sorted.windows(2).all(|pair| pair[0] != pair[1]).then_some([a, b, c, d])
    };
    let forms = [
        (BoxForm::Corners, [left, top, right, bottom]),
        (BoxForm::Centre, [at(CENTRE_X), at(CENTRE_Y), width, height]),
        (BoxForm::Sides, [left, top, width, height]),
    ];
    let found = forms.into_iter().find_map(|(form, four)| Some((form, all(four)?)));
    let (form, four) = found.ok_or("the four numbers of a box")?;
    // Beside corners, `width` and `height` are the picture's.
    let sides = at(PICTURE_WIDTH).zip(at(PICTURE_HEIGHT));
    let sides = sides.or(if form == BoxForm::Corners { width.zip(height) } else { None });
    let mut columns = TableColumns {
        file: at(FILE).ok_or("the picture's file")?,
        class: at(CLASS).ok_or("the class")?,
        four,
        form: Some(form),
        size: sides.map(|(width, height)| [width, height]),
        part: at(PART),
        score: at(SCORE),
        flags: [at(CROWD), at(DIFFICULT), at(TRUNCATED), at(OCCLUDED), at(AUTOMATIC)],
        ..TableColumns::default()
    };
    let mut known = vec![columns.file, columns.class];
    known.extend(columns.four);
    known.extend(columns.size.into_iter().flatten());
    known.extend([columns.part, columns.score].into_iter().flatten());
    known.extend(columns.flags.into_iter().flatten());
    let rest = first.iter().enumerate().filter(|(at, name)| !known.contains(at) && !name.is_empty());
    columns.rest = rest.map(|(at, name)| (name.clone(), at)).collect();
    Ok(columns)
}

/// Whether a row is one of names: none of its cells is a number.
pub(super) fn is_head(row: &[String]) -> bool {
    row.iter().any(|cell| !cell.is_empty()) && !row.iter().any(|cell| text::number(cell) != Number::Not) && {
        let is_background = row.len() > 1 && row[1..].iter().all(String::is_empty);
        !is_background
    }
}

/// Where the columns of a table without names stand, by what its cells look like.
pub(super) fn unnamed(rows: &[TextRow]) -> TableColumns {
    let is_number = |cell: Option<&String>| cell.is_some_and(|cell| text::number(cell) != Number::Not);
    let rows = || rows.iter().map(|(_, row)| row);
    // AutoML: TRAIN,gs://bucket/a.jpg,cat,0.1,0.1,,,0.3,0.3,,
    let is_part = |cell: &String| {
        part_named(cell).is_some() || ["unassigned", "unspecified"].contains(&cell.to_lowercase().as_str())
    };
    let is_automl = |row: &Vec<String>| {
        row.len() >= 9 && is_part(&row[0]) && !is_number(row.get(2)) && (is_number(row.get(7)) || row[3].is_empty())
    };
    if rows().next().is_some() && rows().all(is_automl) {
        let flags = TableColumns::default().flags;
        return TableColumns {
            file: 1,
            class: 2,
            four: [3, 4, 7, 8],
            part: Some(0),
            form: Some(BoxForm::Corners),
            flags,
            ..TableColumns::default()
        };
    }
    // Keras' RetinaNet: a.jpg,10,20,30,40,cat, and a.jpg,,,,, for a picture without objects.
    let is_retina = |row: &Vec<String>| {
        let empty = row.len() > 1 && row[1..].iter().all(String::is_empty);
        empty || (is_number(row.get(1)) && is_number(row.get(4)) && row.len() == 6 && !is_number(row.get(5)))
    };
    let is_usual = |row: &Vec<String>| row.len() >= 6 && !is_number(row.get(5)) && is_number(row.get(1));
    if rows().all(is_retina)
        || (rows().any(is_usual) && rows().filter(|row| is_retina(row)).count() * 2 > rows().count())
    {
        return TableColumns { file: 0, class: 5, four: [1, 2, 3, 4], ..TableColumns::default() };
    }
    TableColumns { file: 0, class: 1, four: [2, 3, 4, 5], surplus: true, ..TableColumns::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(line: &str) -> Result<TableColumns, &'static str> {
        named(&line.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    fn rows(lines: &[&str]) -> Vec<TextRow> {
        lines.iter().map(|line| (1, line.split(',').map(str::to_owned).collect())).collect()
    }

    #[test]
    fn by_names() {
        let found = head("filename,width,height,class,xmin,ymin,xmax,ymax").unwrap();
        assert_eq!((found.four, found.size, found.form), ([4, 5, 6, 7], Some([1, 2]), Some(BoxForm::Corners)));
        let found = head("image_id,x,y,w,h,label").unwrap();
        assert_eq!((found.four, found.size, found.form), ([1, 2, 3, 4], None, Some(BoxForm::Sides)));
        let found = head("file,class,cx,cy,width,height,image_width,image_height,colour").unwrap();
        assert_eq!(
            (found.form, found.size, found.rest),
            (Some(BoxForm::Centre), Some([6, 7]), vec![("colour".to_owned(), 8)])
        );
        let found = head("label,x1,y1,x2,y2,file").unwrap();
        assert_eq!((found.file, found.four), (5, [1, 2, 3, 4]));
        assert_eq!(head("label,x0,y0,x1,y1,file").unwrap().four, [1, 2, 3, 4]);
        let images = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside";
        let found = head(images).unwrap();
        assert_eq!(
            (found.four, found.score, found.flags),
            ([4, 6, 5, 7], Some(3), [Some(10), None, Some(9), Some(8), None])
        );
        assert_eq!(head("file,x0,y0,x1,y1"), Err("the class"));
        assert_eq!(head("file,class"), Err("the four numbers of a box"));
        assert_eq!(head("class,x0,y0,x1,y1"), Err("the picture's file"));
    }

    #[test]
    fn by_cells() {
        assert_eq!(unnamed(&rows(&["a.jpg,1,2,3,4,cat", "b.jpg,,,,,"])).class, 5);
        assert_eq!(unnamed(&rows(&["a.jpg,cat,1,2,3,4"])).class, 1);
        assert_eq!(unnamed(&rows(&["a.jpg,7,1,2,3,4"])).class, 1);
        let found = unnamed(&rows(&["TRAIN,gs://b/a.jpg,cat,0.1,0.1,,,0.3,0.3,,", "TEST,gs://b/b.jpg,,,,,,,,,"]));
        assert_eq!((found.file, found.class, found.four, found.part), (1, 2, [3, 4, 7, 8], Some(0)));
        assert!(is_head(&["file".to_owned(), "class".to_owned()]));
        assert!(!is_head(&["a.jpg".to_owned(), String::new()]) && !is_head(&["a".to_owned(), "1".to_owned()]));
    }
}
