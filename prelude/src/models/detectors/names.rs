//! How files name what is here: Ultralytics' and candle's names of YOLOv8.

/// candle's names of YOLOv8's modules, and Ultralytics' numbers.
const MODULES: [(&str, usize); 16] = [
    ("net.b1.0", 0),
    ("net.b1.1", 1),
    ("net.b2.0", 2),
    ("net.b2.1", 3),
    ("net.b2.2", 4),
    ("net.b3.0", 5),
    ("net.b3.1", 6),
    ("net.b4.0", 7),
    ("net.b4.1", 8),
    ("net.b5.0", 9),
    ("fpn.n1", 12),
    ("fpn.n2", 15),
    ("fpn.n3", 16),
    ("fpn.n4", 18),
    ("fpn.n5", 19),
    ("fpn.n6", 21),
];

/// The name here of a tensor of YOLOv8, as Ultralytics or candle names it; `None` for what no network needs: the fixed numbers 0 to 15,
/// by which distances become their mean. Other names stay as they are.
pub(super) fn yolov8(name: &str) -> Option<String> {
    // a whole YOLO holds the network as `model`, and what all names begin with is left out where a file is read
    let bare = name.trim_start_matches("model.");
    let below = |start: &str| bare.strip_prefix(start)?.strip_prefix('.');
    let here = if let Some(rest) = below("22") {
        format!("head.{rest}")
    } else if bare.starts_with(|first: char| first.is_ascii_digit()) {
        format!("model.{bare}")
    } else if let Some((number, rest)) = MODULES.iter().find_map(|(there, number)| Some((number, below(there)?))) {
        format!("model.{number}.{}", rest.replace("bottleneck.", "m."))
    } else {
        bare.to_owned()
    };
    (!here.starts_with("head.dfl.")).then_some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_lead_to_the_same() {
        for (there, here) in [
            ("model.0.conv.weight", "model.0.conv.weight"),
            ("model.model.0.conv.weight", "model.0.conv.weight"),
            ("0.conv.weight", "model.0.conv.weight"),
            ("2.m.0.cv1.conv.weight", "model.2.m.0.cv1.conv.weight"),
            ("22.cv3.1.2.weight", "head.cv3.1.2.weight"),
            ("net.b1.0.conv.weight", "model.0.conv.weight"),
            ("net.b2.2.bottleneck.1.cv2.bn.running_mean", "model.4.m.1.cv2.bn.running_mean"),
            ("fpn.n1.cv1.conv.weight", "model.12.cv1.conv.weight"),
            ("model.22.cv2.0.2.bias", "head.cv2.0.2.bias"),
            ("head.cv3.2.0.bn.weight", "head.cv3.2.0.bn.weight"),
        ] {
            assert_eq!(yolov8(there).as_deref(), Some(here), "{there}");
        }
        assert_eq!((yolov8("model.22.dfl.conv.weight"), yolov8("head.dfl.conv.weight")), (None, None));
    }
}
