//! One axis-aligned box in pixels: conversions, area, overlap.

use serde::{Deserialize, Serialize};

/// A box on a picture, in pixels: left, top, right, bottom; `x` grows to the right and `y` downwards.
///
/// The right and bottom edges lie just outside the last pixel, so a box over a whole picture of `w × h`
/// pixels is `(0, 0, w, h)`.
///
/// ```
/// use candlewick_prelude::boxes::BBox;
/// let a = BBox::new(0.0, 0.0, 10.0, 10.0);
/// let b = BBox::new(5.0, 0.0, 15.0, 10.0);
/// assert_eq!(a.iou(&b), 50.0 / 150.0);
/// assert_eq!(a.to_cxcywh(20, 40), [0.25, 0.125, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
}

impl BBox {
    /// The box between two opposite corners, given in any order.
    pub fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> BBox {
        BBox { x0: x0.min(x1), y0: y0.min(y1), x1: x0.max(x1), y1: y0.max(y1) }
    }

    /// The box with its top left corner at `(x, y)`, `width` wide and `height` high (COCO's form).
    pub fn from_xywh(x: f32, y: f32, width: f32, height: f32) -> BBox {
        BBox::new(x, y, x + width, y + height)
    }

    /// The box of a normalised `[centre x, centre y, width, height]` on a picture of `width × height` pixels.
    pub fn from_cxcywh(normalised: [f32; 4], width: u32, height: u32) -> BBox {
        let [cx, cy, w, h] = normalised;
        let (width, height) = (width as f32, height as f32);
        BBox::new((cx - w / 2.0) * width, (cy - h / 2.0) * height, (cx + w / 2.0) * width, (cy + h / 2.0) * height)
    }

    /// `[centre x, centre y, width, height]`, each a share of the picture's width or height.
    pub fn to_cxcywh(&self, width: u32, height: u32) -> [f32; 4] {
        let (width, height) = (width.max(1) as f32, height.max(1) as f32);
        [
            (self.x0 + self.x1) / 2.0 / width,
            (self.y0 + self.y1) / 2.0 / height,
            self.width() / width,
            self.height() / height,
        ]
    }

    /// `[left, top, right, bottom]`.
    pub fn to_xyxy(&self) -> [f32; 4] {
        [self.x0, self.y0, self.x1, self.y1]
    }

    /// `[left, top, width, height]` (COCO's form).
    pub fn to_xywh(&self) -> [f32; 4] {
        [self.x0, self.y0, self.width(), self.height()]
    }

    /// Width in pixels.
    pub fn width(&self) -> f32 {
        (self.x1 - self.x0).max(0.0)
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        (self.y1 - self.y0).max(0.0)
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The middle.
    pub fn center(&self) -> (f32, f32) {
        ((self.x0 + self.x1) / 2.0, (self.y0 + self.y1) / 2.0)
    }

    /// The part that both boxes cover; of area 0 where they do not meet.
    pub fn intersection(&self, other: &BBox) -> BBox {
        let (x0, y0) = (self.x0.max(other.x0), self.y0.max(other.y0));
        BBox { x0, y0, x1: self.x1.min(other.x1).max(x0), y1: self.y1.min(other.y1).max(y0) }
    }

    /// Intersection over union, from 0 (apart) to 1 (the same box); 0 where both are empty.
    pub fn iou(&self, other: &BBox) -> f32 {
        let both = self.intersection(other).area();
        let either = self.area() + other.area() - both;
        if either > 0.0 { both / either } else { 0.0 }
    }

    /// The part that lies on a picture of `width × height` pixels.
    pub fn clip(&self, width: u32, height: u32) -> BBox {
        let (width, height) = (width as f32, height as f32);
        BBox {
            x0: self.x0.clamp(0.0, width),
            y0: self.y0.clamp(0.0, height),
            x1: self.x1.clamp(0.0, width),
            y1: self.y1.clamp(0.0, height),
        }
    }

    /// The box after the picture was stretched by `x` and `y`.
    pub fn scale(&self, x: f32, y: f32) -> BBox {
        BBox::new(self.x0 * x, self.y0 * y, self.x1 * x, self.y1 * y)
    }

    /// The box moved by `(dx, dy)` pixels.
    pub fn shift(&self, dx: f32, dy: f32) -> BBox {
        BBox { x0: self.x0 + dx, y0: self.y0 + dy, x1: self.x1 + dx, y1: self.y1 + dy }
    }

    /// The smallest box around four points.
    pub fn around(points: impl IntoIterator<Item = (f32, f32)>) -> BBox {
        let start = BBox { x0: f32::MAX, y0: f32::MAX, x1: f32::MIN, y1: f32::MIN };
        points.into_iter().fold(start, |b, (x, y)| BBox {
            x0: b.x0.min(x),
            y0: b.y0.min(y),
            x1: b.x1.max(x),
            y1: b.y1.max(y),
        })
    }

    /// The four corners, clockwise from the top left.
    pub fn corners(&self) -> [(f32, f32); 4] {
        [(self.x0, self.y0), (self.x1, self.y0), (self.x1, self.y1), (self.x0, self.y1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // torchvision.ops.box_iou(a, b) of [[0,0,10,10]] with each of these
    #[test]
    fn iou_as_torchvision() {
        let a = BBox::new(0.0, 0.0, 10.0, 10.0);
        for (b, expected) in [
            ([0.0, 0.0, 10.0, 10.0], 1.0),
            ([5.0, 5.0, 15.0, 15.0], 0.142_857_15),
            ([10.0, 0.0, 20.0, 10.0], 0.0),
            ([2.0, 2.0, 4.0, 4.0], 0.04),
            ([-5.0, -5.0, 15.0, 15.0], 0.25),
        ] {
            let b = BBox::new(b[0], b[1], b[2], b[3]);
            assert!((a.iou(&b) - expected).abs() < 1e-6, "{b:?}");
            assert_eq!(a.iou(&b), b.iou(&a));
        }
        let empty = BBox::new(1.0, 1.0, 1.0, 1.0);
        assert_eq!(empty.iou(&empty), 0.0);
    }

    // torchvision.ops.box_convert([10,20,30,60], 'xyxy', 'cxcywh') = [20,40,20,40], divided by 100 and 200
    #[test]
    fn there_and_back() {
        let b = BBox::new(10.0, 20.0, 30.0, 60.0);
        assert_eq!(b.to_cxcywh(100, 200), [0.2, 0.2, 0.2, 0.2]);
        assert_eq!(b.to_xywh(), [10.0, 20.0, 20.0, 40.0]);
        let back = BBox::from_cxcywh([0.2, 0.2, 0.2, 0.2], 100, 200);
        for (x, y) in back.to_xyxy().iter().zip(b.to_xyxy()) {
            assert!((x - y).abs() < 1e-4);
        }
        assert_eq!(BBox::from_xywh(10.0, 20.0, 20.0, 40.0), b);
    }

    #[test]
    fn corners_in_any_order_and_clipping() {
        assert_eq!(BBox::new(5.0, 6.0, 1.0, 2.0), BBox::new(1.0, 2.0, 5.0, 6.0));
        let b = BBox::new(-4.0, -4.0, 8.0, 100.0).clip(6, 10);
        assert_eq!(b.to_xyxy(), [0.0, 0.0, 6.0, 10.0]);
        assert_eq!(BBox::new(20.0, 20.0, 30.0, 30.0).clip(6, 10).area(), 0.0);
    }

    #[test]
    fn boxes_apart_have_an_empty_intersection() {
        let a = BBox::new(0.0, 0.0, 2.0, 2.0);
        assert_eq!(a.intersection(&BBox::new(3.0, 3.0, 4.0, 4.0)).area(), 0.0);
        assert_eq!(a.iou(&BBox::new(3.0, 3.0, 4.0, 4.0)), 0.0);
        assert_eq!(BBox::around(a.shift(1.0, 0.0).corners()).to_xyxy(), [1.0, 0.0, 3.0, 2.0]);
    }
}
