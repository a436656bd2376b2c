//! A picture as it is kept between epochs.

/// A decoded picture at the network's size.
pub(super) struct Decoded {
    /// Rows of red, green and blue.
    pub pixels: Vec<u8>,
    /// Width and height of the file's picture.
    pub source: (u32, u32),
}
