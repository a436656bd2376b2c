//! What lies between the pixels of a picture, and beyond its borders.

use super::GREY;

/// Grey as ITU-R BT.601 weighs it.
pub(super) fn luma(pixel: [f32; 3]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

/// The value between pixels, mirrored beyond the borders.
#[inline]
pub(super) fn sample(square: &[u8], side: usize, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (floor(x), floor(y));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let last = side as i32 - 1;
    let (left, right, top, bottom) = if left >= 0 && top >= 0 && left < last && top < last {
        let (left, top) = (left as usize, top as usize);
        (left, left + 1, top * side, (top + 1) * side)
    } else {
        let (top, bottom) = (mirror(top, last) * side, mirror(top + 1, last) * side);
        (mirror(left, last), mirror(left + 1, last), top, bottom)
    };
    let at = |pixel: usize| {
        let pixel = &square[3 * pixel..3 * pixel + 3];
        [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])]
    };
    let (a, b, c, d) = (at(top + left), at(top + right), at(bottom + left), at(bottom + right));
    std::array::from_fn(|i| {
        let (upper, lower) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
        upper + (lower - upper) * fy
    })
}

/// The value between pixels, grey beyond the borders.
#[inline]
pub(super) fn sample_on_grey(square: &[u8], side: usize, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (floor(x), floor(y));
    let last = side as i32 - 1;
    if left >= 0 && top >= 0 && left < last && top < last {
        return sample(square, side, x, y);
    }
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: i32, y: i32| match x >= 0 && y >= 0 && x <= last && y <= last {
        true => {
            let pixel = &square[3 * (y as usize * side + x as usize)..][..3];
            [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])]
        }
        false => [f32::from(GREY); 3],
    };
    let (a, b, c, d) = (at(left, top), at(left + 1, top), at(left, top + 1), at(left + 1, top + 1));
    std::array::from_fn(|i| {
        let (upper, lower) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
        upper + (lower - upper) * fy
    })
}

/// The largest whole number that is not larger; much faster than `f32::floor` on processors without SSE 4.1.
#[inline]
pub(super) fn floor(value: f32) -> i32 {
    let cut = value as i32;
    cut - i32::from((cut as f32) > value)
}

/// The index that a position beyond the border mirrors to.
pub(super) fn mirror(i: i32, last: i32) -> usize {
    let i = if i < 0 { -i - 1 } else { i };
    let i = if i > last { 2 * last + 1 - i } else { i };
    i.clamp(0, last) as usize
}
