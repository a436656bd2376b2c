//! Operations with the right gradient at full speed.
//!
//! Every function takes and gives candle tensors, works on f32 and f64, on any device and any memory
//! layout, and records its own gradient. An argument that enters detached costs no gradient.
//!
//! | family | functions |
//! |---|---|
//! | convolution | [`conv2d`] with [`Conv2dOptions`] (stride, padding, dilation, groups); with stored BatchNorm and an activation in one: [`conv2d_norm_eval_then`] |
//! | pooling | [`max_pool2d`], [`avg_pool2d`], [`adaptive_avg_pool2d`] |
//! | normalisation | [`batch_norm_train`], [`batch_norm_eval`], both with an activation in one ([`batch_norm_train_then`], [`batch_norm_eval_then`]), [`layer_norm`], [`group_norm`] |
//! | activation | [`relu`], [`relu6`], [`silu`], [`hard_swish`], [`sigmoid`], [`tanh`], [`gelu`], [`gelu_tanh`]; [`activate`] by name |
//! | probability | [`softmax`], [`log_softmax`] |
//! | loss | [`cross_entropy`] with [`CrossEntropy`], [`smooth_l1`], [`bce_with_logits`] (means), [`smooth_l1_each`], [`bce_with_logits_each`] (one number an element) |
//! | linear | [`linear`], [`embedding`]; with an adapter in one: [`lora_linear`] |
//! | attention | [`attention`], [`tokens`], [`token`]; of texts without padding [`attention_packed`], [`attention_first`], [`mean_packed`] |
//! | noise | [`dropout`], [`drop_path`]; with the sum of a residual branch in one: [`add_dropout`] |
//! | plain | [`add`] (residual branches, sums of losses), [`add_relu`], [`gate`], [`scale`], [`flatten`], [`reshape`], [`cast`], [`concat()`], [`narrow`], [`focus`] |
//! | gradients | [`backward`], [`backward_from`], [`backward_from_all`], [`backward_letting_go`]: as candle's, without its passes over zeros where the graph is ours; [`with_gradient`] |
//! | memory | [`keep_memory`] |
//! | resizing | [`upsample_nearest2d`], [`upsample_bilinear2d`], [`fit_places`] |
//!
//! Pictures are (batch, channels, height, width); pairs are (height, width).

mod activation;
mod arithmetic;
mod attention;
mod backward;
mod conv;
mod cpu;
mod graph;
mod join;
mod linear;
mod lora;
mod loss;
mod noise;
mod norm;
mod packed;
mod pool;
mod product;
mod resize;
mod soften;
mod softmax;
mod taps;
mod thin;
mod vector;

pub use activation::{Activation, activate, gelu, gelu_tanh, hard_swish, relu, relu6, sigmoid, silu, tanh};
pub use arithmetic::{add, add_relu, cast, flatten, gate, reshape, scale};
pub use attention::{attention, token, tokens};
pub use backward::{backward, backward_from, backward_from_all, backward_letting_go};
pub(crate) use conv::conv2d_measured;
pub use conv::{Conv2dOptions, conv2d, conv2d_norm_eval_then};
pub(crate) use cpu::in_pool;
pub use cpu::keep_memory;
pub use join::{concat, focus, narrow, with_gradient};
pub use linear::{embedding, linear};
pub use lora::lora_linear;
pub use loss::{
    CrossEntropy, bce_with_logits, bce_with_logits_each, cross_entropy, cross_entropy_of_shares, sigmoid_focal_each,
    smooth_l1, smooth_l1_each,
};
pub use noise::{add_dropout, drop_path, dropout};
pub(crate) use norm::{BatchMoments, TrainNorm, batch_norm_train_as};
pub use norm::{
    batch_norm_eval, batch_norm_eval_then, batch_norm_train, batch_norm_train_then, group_norm, layer_norm,
};
pub use packed::{attention_first, attention_packed, mean_packed};
pub use pool::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};
pub use resize::{fit_places, upsample_bilinear2d, upsample_nearest2d};
pub use softmax::{log_softmax, softmax};
